package db_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// busyTimeout answers how long the writer waits for another process, and sets it where it is to be shorter.
func busyTimeout(t *testing.T, d *db.DB, set string) (ms int) {
	t.Helper()
	if set != "" {
		_, err := d.WriterConn().ExecContext(t.Context(), "PRAGMA busy_timeout = "+set)
		require.NoError(t, err)
	}
	require.NoError(t, d.WriterConn().QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&ms))
	return ms
}

// Whoever waits behind a lock that is not let go is told soon, and not after a turn of ten seconds for each group before him.
func TestALockThatIsKeptIsWaitedForOnce(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	other, err := sql.Open("sqlite3", "file:"+filepath.ToSlash(path))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	holder, err := other.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, holder.Close()) })
	usual := busyTimeout(t, d, "")

	for range 2 { // it is as patient as before once the lock was let go
		busyTimeout(t, d, "20") // the first wait, in less than ten seconds
		_, err = holder.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		require.NoError(t, err)
		require.Equal(t, fault.AuditUnavailable, fault.CodeOf(d.Write(putBig("first"))))
		require.Equal(t, usual/10, busyTimeout(t, d, ""))
		failed := d.CommitsFailed()
		require.Equal(t, fault.AuditUnavailable, fault.CodeOf(d.Write(putBig("behind"))))
		require.Equal(t, failed+1, d.CommitsFailed())
		_, err = holder.ExecContext(context.Background(), "ROLLBACK")
		require.NoError(t, err)
		require.NoError(t, d.Write(func(*db.Tx) error { return nil }))
		require.Equal(t, usual, busyTimeout(t, d, ""))
	}
	require.Empty(t, keys(t, d), "what was refused left nothing")
}
