package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
)

// threat S2: what is no note of a change of the default keeps nobody from the models.
func TestAStrangeNoteOfASwapIsNone(t *testing.T) {
	h := newHouse(t)
	before, err := h.cat.All(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, before)
	for _, note := range []string{"", "5", "{", `{"before":3}`, `{"before":"nobody","begun":true}`, "[]"} {
		require.NoError(t, h.db.Write(func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('models.swap.guard', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", note)
			return err
		}))
		_, err := h.cat.Refresh(t.Context())
		require.NoError(t, err, note)
		all, err := h.cat.All(t.Context())
		require.NoError(t, err, note)
		require.Equal(t, before, all, note)
	}
}

// threat S2: what is no note of a proven guard keeps nobody from the models, and names no default.
func TestAStrangeNoteOfAProvenGuardIsNone(t *testing.T) {
	h := newHouse(t)
	before, err := h.cat.All(t.Context())
	require.NoError(t, err)
	for _, note := range []string{"", "5", "{", `{"id":3}`, `{"id":"nobody","gave_up":"guard-nano","reason":"x"}`, "[]", `{"id":""}`} {
		require.NoError(t, h.db.Write(func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('models.proven.guard', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", note)
			return err
		}))
		_, err := h.cat.Refresh(t.Context())
		require.NoError(t, err, note)
		all, err := h.cat.All(t.Context())
		require.NoError(t, err, note)
		require.Equal(t, before, all, note)
	}
}
