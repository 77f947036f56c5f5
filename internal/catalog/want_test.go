package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
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
	require.Empty(t, h.stored(t))
}

// A restored database may name any file: what goes off the disk has a name that this package gives.
func TestRemovingTakesNoOtherFile(t *testing.T) {
	h := newHouse(t)
	file := write(t, "g.gguf", models.GuardNano)
	for _, id := range []string{"one", "two"} {
		_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: file, ID: id})
		require.NoError(t, err)
	}
	other := filepath.Join(h.dir, "guardhouse.yaml")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	_, err := h.cat.Remove(t.Context(), system(), catalog.Change{ID: "one"})
	require.NoError(t, err)
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE models SET file = '../guardhouse.yaml' WHERE id = 'one'`)
		return err
	}))
	_, err = h.cat.Remove(t.Context(), system(), catalog.Change{ID: "two"})
	require.NoError(t, err)
	require.FileExists(t, other)
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

// What was asked is held against the table as it is when it is written, not as it was seen before.
func TestChangesAreHeldAgainstTheTableAsTheyAreWritten(t *testing.T) {
	h := newHouse(t)
	second := func() catalog.Change { return catalog.Change{ID: "second"} }
	_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "second"})
	require.NoError(t, err)
	becomes := func(statement string) func(context.Context, catalog.Model) error {
		return func(context.Context, catalog.Model) error {
			return h.db.Write(func(tx *db.Tx) error { _, err := tx.Exec(statement); return err })
		}
	}
	const mark = `UPDATE models SET is_default = 0; UPDATE models SET is_default = 1 WHERE id = 'second'`
	c := second()
	c.Check = becomes(mark)
	_, err = h.cat.Unload(t.Context(), system(), c)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	_, err = h.cat.Remove(t.Context(), system(), catalog.Change{ID: "second"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))

	require.NoError(t, becomes(`UPDATE models SET is_default = 0; UPDATE models SET is_default = 1 WHERE id = 'guard-nano'`)(t.Context(), catalog.Model{}))
	_, err = h.cat.Refresh(t.Context())
	require.NoError(t, err)
	c.Check = becomes(`UPDATE models SET removed_at = 1 WHERE id = 'second'`)
	for name, ask := range map[string]func() error{
		"load":   func() error { _, err := h.cat.Load(t.Context(), system(), c); return err },
		"unload": func() error { _, err := h.cat.Unload(t.Context(), system(), c); return err },
		"default": func() error {
			_, err := h.cat.MakeDefault(t.Context(), system(), catalog.DefaultChange{Change: c})
			return err
		},
	} {
		require.NoError(t, becomes(`UPDATE models SET removed_at = NULL`)(t.Context(), catalog.Model{}))
		_, err = h.cat.Refresh(t.Context())
		require.NoError(t, err)
		require.Equal(t, fault.NotFound, fault.CodeOf(ask()), name)
	}
	_, err = h.cat.Refresh(t.Context())
	require.NoError(t, err)
	m, err := h.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "guard-nano", m.ID, "nobody lost the mark to a model that is gone")
}

// The default is wanted in memory whatever was said of it before the setting named it, and the table's own one stays behind it.
func TestADefaultIsWantedWhateverWasSaidBefore(t *testing.T) {
	h := newHouse(t)
	_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "second"})
	require.NoError(t, err)
	_, err = h.cat.Unload(t.Context(), system(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	h.cat.SetDefault("second")
	m, err := h.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "second", m.ID)
	require.Equal(t, catalog.WantLoaded, m.Wanted)
	require.Equal(t, catalog.StateLoading, m.State)

	_, err = h.cat.Unload(t.Context(), system(), catalog.Change{ID: "guard-nano"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	h.cat.SetDefault("")
	m, err = h.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, catalog.WantLoaded, m.Wanted)
}
