package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
)

// threat S2: what is no note of ours of a change of the default, or of a proven guard, keeps nobody from the models and names no default.
func TestAStrangeNoteInTheTableIsNone(t *testing.T) {
	h := newHouse(t)
	before, err := h.cat.All(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, before)
	for key, own := range map[string][]string{
		"models.swap.guard":   {`{"before":3}`, `{"before":"nobody","begun":true}`},
		"models.proven.guard": {`{"id":3}`, `{"id":""}`, `{"id":"nobody","gave_up":"guard-nano","reason":"x"}`},
	} {
		for _, note := range append(own, "", "5", "{", "[]") {
			require.NoError(t, h.db.Write(func(tx *db.Tx) error {
				_, err := tx.Exec("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, note)
				return err
			}))
			_, err := h.cat.Refresh(t.Context())
			require.NoError(t, err, key+note)
			all, err := h.cat.All(t.Context())
			require.NoError(t, err, key+note)
			require.Equal(t, before, all, key+note)
		}
	}
}
