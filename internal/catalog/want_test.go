package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/models"
)

// Whoever may not manage models changes none, and each attempt leaves its row.
func TestModelsAreChangedThroughTheGate(t *testing.T) {
	h := newHouse(t)
	reviewer := access.Principal{Kind: access.KindUser, UserID: "usr_rita", Name: "rita", Role: "reviewer"}
	one := catalog.Change{ID: "guard-nano"}
	for name, ask := range map[string]func() error{
		"load":   func() error { _, err := h.cat.Load(t.Context(), reviewer, one); return err },
		"unload": func() error { _, err := h.cat.Unload(t.Context(), reviewer, one); return err },
		"default": func() error {
			_, err := h.cat.MakeDefault(t.Context(), reviewer, catalog.DefaultChange{Change: one})
			return err
		},
		"remove": func() error { _, err := h.cat.Remove(t.Context(), reviewer, one); return err },
		"verify": func() error { _, _, err := h.cat.Verify(t.Context(), reviewer, one.ID, nil); return err },
	} {
		require.Equal(t, fault.Forbidden, fault.CodeOf(ask()), name)
	}
	_, err := h.cat.Load(t.Context(), system(), catalog.Change{ID: "nobody"})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	refused := errors.New("no")
	_, err = h.cat.Load(t.Context(), system(), catalog.Change{ID: "guard-nano", Check: func(context.Context, catalog.Model) error { return refused }})
	require.ErrorIs(t, err, refused)
}

// Verify hashes the bytes and says whether they are those that were imported.
func TestVerifyTellsOtherBytes(t *testing.T) {
	h := newHouse(t)
	m, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)})
	require.NoError(t, err)
	heard := 0.0
	_, wrong, err := h.cat.Verify(t.Context(), system(), m.ID, func(done float64) { heard = done })
	require.NoError(t, err)
	require.NoError(t, wrong)
	require.InDelta(t, 1, heard, 0)
	require.NoError(t, rewrite(m.Path))
	_, wrong, err = h.cat.Verify(t.Context(), system(), m.ID, nil)
	require.NoError(t, err)
	require.Equal(t, catalog.FileChanged, catalog.FileFault(wrong))
}

// A file goes with the last row that names it, and its id is never used again.
func TestRemovingLeavesWhatIsInUse(t *testing.T) {
	h := newHouse(t)
	file := write(t, "g.gguf", models.GuardNano)
	one, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: file, ID: "one"})
	require.NoError(t, err)
	template := write(t, "t.jinja", []byte(ownTemplate(t)))
	two, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: file, ID: "two", Template: template})
	require.NoError(t, err)
	require.Equal(t, one.Path, two.Path)
	_, err = h.cat.Remove(t.Context(), system(), catalog.Change{ID: "one"})
	require.NoError(t, err)
	require.FileExists(t, two.Path)
	require.Equal(t, fault.NotFound, fault.CodeOf(h.cat.Exists(t.Context(), "one")))
	_, err = h.cat.Remove(t.Context(), system(), catalog.Change{ID: "two"})
	require.NoError(t, err)
	require.Empty(t, h.stored(t))
	_, err = h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: file, ID: "one"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}

// ownTemplate answers guard-nano's template, in other bytes.
func ownTemplate(t *testing.T) string {
	t.Helper()
	f, err := gguf.Read(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
	require.NoError(t, err)
	text, ok := f.String("tokenizer.chat_template")
	require.True(t, ok)
	return "{# given #}" + text
}

// The setting is stronger than the catalogue's own default, and says so instead of being passed over.
func TestTheSettingNamesTheDefault(t *testing.T) {
	h := newHouse(t)
	_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "second"})
	require.NoError(t, err)
	h.cat.SetDefault("guard-nano")
	change := catalog.DefaultChange{Change: catalog.Change{ID: "second"}}
	_, err = h.cat.MakeDefault(t.Context(), system(), change)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	h.cat.SetDefault("")
	m, err := h.cat.MakeDefault(t.Context(), system(), change)
	require.NoError(t, err)
	require.True(t, m.Default)
	_, err = h.cat.Unload(t.Context(), system(), catalog.Change{ID: "second"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}
