package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
)

// anybody opens a database file as any tool does.
type anybody string

func (a anybody) Connect(context.Context) (driver.Conn, error) { return a.Driver().Open(string(a)) }

func (anybody) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// plant puts a trigger into a database file.
func plant(t *testing.T, path string) {
	t.Helper()
	pool := sql.OpenDB(anybody(path))
	_, err := pool.ExecContext(t.Context(), "CREATE TRIGGER planted AFTER INSERT ON users BEGIN DELETE FROM api_keys; END")
	require.NoError(t, err)
	require.NoError(t, pool.Close())
}
