package app

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

func TestWhatWasChosenIsNotedOnce(t *testing.T) {
	a, err := Open(t.Context(), settings(t, filepath.Join(t.TempDir(), "data")), Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer a.Close()
	read := func() (text string) {
		require.NoError(t, a.DB.ReadSQL().QueryRowContext(t.Context(), "SELECT value FROM meta WHERE key = ?", chosenKey).Scan(&text))
		return text
	}
	empty := a.noteChosen("")
	require.JSONEq(t, "[]", read(), "nothing is loaded, and what an earlier server noted is gone")

	require.NoError(t, a.LoadModel(t.Context(), ""))
	text := a.noteChosen(empty)
	var all []inference.Chosen
	require.NoError(t, json.Unmarshal([]byte(read()), &all))
	require.Len(t, all, 1)
	require.Equal(t, "guard-nano", all[0].Model)
	require.NotEmpty(t, all[0].Lines)

	version, err := a.DB.DataVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, text, a.noteChosen(text))
	after, err := a.DB.DataVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, version, after, "nothing is written where nothing changed")
}
