package app

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A command of another release leaves the row of the embedded guard as the server beside it wrote it.
func TestACommandBesideAServerLeavesTheEmbeddedModelsRow(t *testing.T) {
	data := t.TempDir()
	c := settings(t, data)
	command := func() {
		a, err := Open(t.Context(), c, Options{})
		require.NoError(t, err)
		require.NoError(t, a.Close())
	}
	command()
	other := strings.Repeat("ab", 32)
	onFile(t, data, func(d *sql.DB) {
		_, err := d.ExecContext(t.Context(), "UPDATE models SET sha256 = ? WHERE id = 'guard-nano'", other)
		require.NoError(t, err)
	})
	recorded := func() (sum string) {
		onFile(t, data, func(d *sql.DB) {
			require.NoError(t, d.QueryRowContext(t.Context(), "SELECT sha256 FROM models WHERE id = 'guard-nano'").Scan(&sum))
		})
		return sum
	}
	server, err := lockFolder(t.Context(), data) // as a server of another release holds it
	require.NoError(t, err)
	command()
	require.Equal(t, other, recorded())

	require.NoError(t, server.serve.Close()) // its parent was killed, the worker still answers
	command()
	require.Equal(t, other, recorded())

	require.NoError(t, server.alive.Close())
	command()
	require.NotEqual(t, other, recorded(), "nobody serves: this release says what it embeds")

	a, err := open(t.Context(), c, Options{}, true)
	require.NoError(t, err)
	require.NoError(t, a.Close())
}
