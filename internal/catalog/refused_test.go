package catalog_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// A principal that nobody is costs no copy and no trial.
func TestUnknownPrincipalsAreRefusedBeforeTheCopy(t *testing.T) {
	h := newHouse(t)
	tried := 0
	o := h.options()
	o.Try = func(context.Context, *os.File, []int32) error { tried++; return nil }
	h.cat = catalog.New(h.db, h.guard, o)
	path := write(t, "tiny.gguf", tiny(t, chatML).Join())
	for _, allow := range [][]string{{"role:typo"}, {"role:reviewer", "user:nobody"}, {"reviewer"}} {
		_, err := h.take(t, catalog.ImportRequest{Path: path, Allow: allow})
		require.Equal(t, fault.Unprocessable, fault.CodeOf(err), allow)
		require.Contains(t, fault.From(err).Message, "principal")
	}
	require.Zero(t, tried)
	require.Empty(t, h.stored(t))
	_, err := h.take(t, catalog.ImportRequest{Path: path, Allow: []string{"role:reviewer", "*"}})
	require.NoError(t, err)
	require.Equal(t, 1, tried)
}

// Whoever misses a file of several is told which, by its number and its name.
func TestAMissingPartIsNamed(t *testing.T) {
	h := newHouse(t)
	first := write(t, "big-00001-of-00003.gguf", []byte("any"))
	_, err := h.take(t, catalog.ImportRequest{Path: first})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Equal(t, `Part 2 of 3 of the model, "big-00002-of-00003.gguf", is not there.`, fault.From(err).Message)
	require.Equal(t, "path", fault.From(err).Field)
	require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(first), "big-00002-of-00003.gguf"), 0o700))
	_, err = h.take(t, catalog.ImportRequest{Path: first})
	require.Equal(t, `Part 2 of 3 of the model, "big-00002-of-00003.gguf", is not a regular file.`, fault.From(err).Message)
}

// Of two files that a command names, the one that is missing is said.
func TestWhichFileIsMissing(t *testing.T) {
	h := newHouse(t)
	path := write(t, "tiny.gguf", tiny(t, chatML).Join())
	_, err := h.take(t, catalog.ImportRequest{Path: path, Template: path + ".nope"})
	require.Equal(t, "The template file is not there.", fault.From(err).Message)
	require.Equal(t, "template", fault.From(err).Field)
	_, err = h.take(t, catalog.ImportRequest{Path: path + ".nope"})
	require.Equal(t, "The model file is not there.", fault.From(err).Message)
	require.Equal(t, "path", fault.From(err).Field)
}

// An id would win over another model's other name, and requests that sent it would change their model unasked.
func TestAnotherModelsOtherNameIsNoID(t *testing.T) {
	h := newHouse(t)
	path := write(t, "tiny.gguf", tiny(t, chatML).Join())
	_, err := h.take(t, catalog.ImportRequest{Path: path, ID: "house-guard"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Contains(t, fault.From(err).Message, "models.aliases")
	require.Equal(t, "id", fault.From(err).Field)
	h.nothingHappened(t)

	h.cat.SetAliases(map[string]string{"mine": "mine"})
	_, err = h.take(t, catalog.ImportRequest{Path: path, ID: "mine"})
	require.NoError(t, err, "it is the model that the name means")
	h.cat.SetAliases(map[string]string{"mine": "guard-nano"})
	_, err = h.take(t, catalog.ImportRequest{Path: path, ID: "mine", Allow: []string{"role:reviewer"}})
	require.NoError(t, err, "one that is here is only opened")
	m, err := h.cat.Resolve(t.Context(), "mine")
	require.NoError(t, err)
	require.Equal(t, "mine", m.ID, "an id wins")
}
