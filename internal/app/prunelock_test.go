package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
)

// Of two processes on a data folder one removes old records.
func TestOneProcessRemovesAtATime(t *testing.T) {
	data := t.TempDir()
	server, command := &App{Config: &config.Config{Data: data}}, &App{Config: &config.Config{Data: data}}
	release, mine, err := server.pruneAlone()
	require.NoError(t, err)
	require.True(t, mine)
	_, mine, err = command.pruneAlone()
	require.NoError(t, err)
	require.False(t, mine)
	require.NoError(t, release())
	release, mine, err = command.pruneAlone()
	require.NoError(t, err)
	require.True(t, mine)
	require.NoError(t, release())
	info, err := os.Stat(filepath.Join(data, "prune.lock"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
