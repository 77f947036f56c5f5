package app

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
	"guardhouse/migrations"
)

// olderFolder answers a data folder as the first release left it.
func olderFolder(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	script, err := migrations.Files.ReadFile("0001_init.sql")
	require.NoError(t, err)
	up, _, _ := strings.Cut(string(script), "-- +goose Down")
	onFile(t, data, func(d *sql.DB) {
		for _, q := range []string{`CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	)`, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)", up} {
			_, err := d.ExecContext(t.Context(), q)
			require.NoError(t, err)
		}
	})
	return data
}

func onFile(t *testing.T, data string, do func(*sql.DB)) {
	t.Helper()
	d, err := sql.Open("sqlite3", filepath.Join(data, "guardhouse.db"))
	require.NoError(t, err)
	do(d)
	require.NoError(t, d.Close())
}

func schemaVersion(t *testing.T, data string) (v int) {
	t.Helper()
	onFile(t, data, func(d *sql.DB) {
		require.NoError(t, d.QueryRowContext(t.Context(), "SELECT max(version_id) FROM goose_db_version").Scan(&v))
	})
	return v
}

func TestNoCommandMigratesUnderARunningServer(t *testing.T) {
	data := olderFolder(t)
	c := settings(t, data)
	server, err := lockFolder(t.Context(), data) // as a server of the older release holds it
	require.NoError(t, err)

	_, err = Open(t.Context(), c, Options{})
	require.Equal(t, fault.Conflict, fault.CodeOf(err), err)
	require.ErrorContains(t, err, "stop it")
	_, err = Migrate(t.Context(), c)
	require.Equal(t, fault.Conflict, fault.CodeOf(err), err)
	require.Equal(t, 1, schemaVersion(t, data), "the server's own statements still fit")
	pending, err := DryRun(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, apptest.Migrations(t, 1), pending, "a copy may be tried beside it")

	require.NoError(t, server.release())
	a, err := Open(t.Context(), c, Options{})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	server, err = lockFolder(t.Context(), data)
	require.NoError(t, err, "the command keeps nobody from serving once it has migrated")
	require.NoError(t, server.release())
}

func TestAServerMigratesItsOwnFolder(t *testing.T) {
	data := olderFolder(t)
	serve(t, data).end(t)
	require.Equal(t, len(apptest.Migrations(t, 0)), schemaVersion(t, data))
}
