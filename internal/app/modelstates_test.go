package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/catalog"
	"guardhouse/internal/doctor"
	"guardhouse/models"
)

// What a command writes into the catalogue the running server does, and the command sees it done.
func TestACommandMovesModelsOfARunningServer(t *testing.T) {
	data := t.TempDir()
	r := serve(t, data)
	shell, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler), Try: apptest.Tried})
	require.NoError(t, err)
	defer shell.Close()
	path := filepath.Join(t.TempDir(), "second.gguf")
	require.NoError(t, os.WriteFile(path, models.GuardNano, 0o600))
	who := SystemPrincipal("test")
	_, err = shell.Catalog.Import(t.Context(), who, catalog.ImportRequest{Path: path, ID: "second"})
	require.NoError(t, err)
	follow := func(m catalog.Model, err error, done func(ModelState) bool) ModelState {
		t.Helper()
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		var last ModelState
		served, err := shell.FollowModel(ctx, m, done, func(st ModelState) { last = st })
		require.NoError(t, err)
		require.True(t, served)
		return last
	}
	one := catalog.Change{ID: "second"}
	m, err := shell.Catalog.Load(t.Context(), who, one)
	follow(m, err, func(st ModelState) bool { return st.State == catalog.StateReady })
	m, err = shell.Catalog.MakeDefault(t.Context(), who, catalog.DefaultChange{Change: one, Replace: true})
	follow(m, err, func(st ModelState) bool { return st.Default && !st.Pending })
	m, err = shell.Catalog.MakeDefault(t.Context(), who, catalog.DefaultChange{Change: catalog.Change{ID: "guard-nano"}})
	follow(m, err, func(st ModelState) bool { return st.Default && !st.Pending && st.State == catalog.StateReady })
	m, err = shell.Catalog.Unload(t.Context(), who, one)
	last := follow(m, err, func(st ModelState) bool { return st.State == catalog.StateUnloaded })
	require.Equal(t, catalog.ByHand, last.Code)
	states, runs, err := shell.ModelStates()
	require.NoError(t, err)
	require.True(t, runs)
	require.Equal(t, last, states["second"])
	require.Equal(t, catalog.StateReady, states["guard-nano"].State)
	told, err := DoctorOptions(settings(t, data)).States()
	require.NoError(t, err)
	require.Contains(t, told, doctor.ModelState{ID: "second", State: catalog.StateUnloaded, Code: catalog.ByHand})
	r.end(t)
	states, runs, err = shell.ModelStates()
	require.NoError(t, err)
	require.False(t, runs)
	require.Empty(t, states)

	m, err = shell.Catalog.Load(t.Context(), who, one)
	require.NoError(t, err)
	served, err := shell.FollowModel(t.Context(), m, func(ModelState) bool { return false }, func(ModelState) {})
	require.NoError(t, err)
	require.False(t, served, "what a server left is of nobody")
}
