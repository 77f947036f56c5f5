package db_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestStatsCountTransactions(t *testing.T) {
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "x.db")})
	require.NoError(t, err)
	before := d.Stats()
	var all sync.WaitGroup
	const writes = 40
	for range writes {
		all.Go(func() {
			if err := d.Write(func(*db.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := d.Stats()
	require.InDelta(t, writes, s.GroupSize.Sum-before.GroupSize.Sum, 0, "every write was in some group")
	require.Equal(t, s.GroupSize.Total, s.Seconds.Total)
	require.Positive(t, s.Seconds.Sum)
	require.Zero(t, s.Waiting)
	require.Zero(t, s.Failed)

	refused := d.Write(func(*db.Tx) error { return fault.New(fault.Conflict, "no") })
	require.Equal(t, fault.Conflict, fault.CodeOf(refused))
	require.Zero(t, d.CommitsFailed(), "a write that was refused is no failing disk")

	u, err := d.Usage()
	require.NoError(t, err)
	require.Positive(t, u.DatabaseBytes+u.WALBytes)
	require.Positive(t, u.FreeBytes)
	require.Greater(t, u.FreeShare, 0.0)
	require.NoError(t, d.Close())
}

// A rollback behind the writer's back is what a full disk looks like to it.
func TestStatsCountFailedTransactions(t *testing.T) {
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "x.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	err = d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("ROLLBACK")
		return errors.Join(err, errors.New("the disk is full"))
	})
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	require.EqualValues(t, 1, d.CommitsFailed())
}
