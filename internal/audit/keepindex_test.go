package audit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// A failure that lasts is told when it begins, when it becomes another one, and then less and less often; each is counted.
func TestAnIndexThatFailsIsNotToldEachSecond(t *testing.T) {
	d, log := newLog(t)
	_, err := log.Record(entry("rita"))
	require.NoError(t, err)
	change := func(sql string) {
		require.NoError(t, d.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(sql)
			return err
		}))
	}
	change("ALTER TABLE audit_index RENAME TO away")
	ctx, stop := context.WithCancel(t.Context())
	ticks, ended := make(chan time.Time), make(chan struct{})
	var told []string
	go func() {
		log.KeepIndexAt(ctx, ticks, func(err error) { told = append(told, err.Error()) })
		close(ended)
	}()
	pass := func(n int) {
		for range n {
			ticks <- time.Time{}
		}
	}
	pass(1 + 60 + 120 + 240) // at once, and after one, two and four minutes
	pass(1)                  // the one before is over
	change("ALTER TABLE away RENAME COLUMN seq TO number")
	change("ALTER TABLE away RENAME TO audit_index")
	pass(2) // another failure
	change("ALTER TABLE audit_index RENAME COLUMN number TO seq")
	pass(3) // none, and the row is taken in
	change("ALTER TABLE audit_index RENAME COLUMN seq TO number")
	pass(2) // the same again, after a time without
	stop()
	<-ended
	require.Len(t, told, 6)
	require.Equal(t, told[0], told[3])
	require.NotEqual(t, told[3], told[4])
	require.Equal(t, told[4], told[5])
	require.GreaterOrEqual(t, log.Stats().IndexFailures, uint64(424))
}

// What a row costs is counted from when it was asked for, so with the wait for the writer.
func TestAppendingIsTimedFromTheAsking(t *testing.T) {
	var at atomic.Int64
	now := func() time.Time { return time.UnixMilli(1_790_000_000_000).Add(time.Duration(at.Load())) }
	d := apptest.OpenDBAt(t, apptest.DBPath(t), now)
	log := audit.New(d, contentKey)
	held, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { _ = d.Write(func(*db.Tx) error { close(held); <-release; return nil }) })
	<-held
	all.Go(func() {
		_, err := log.Record(entry("rita"))
		if err != nil {
			t.Error(err)
		}
	})
	require.Eventually(t, func() bool { return d.Stats().Waiting == 1 }, 10*time.Second, time.Millisecond)
	at.Store(int64(3 * time.Millisecond))
	close(release)
	all.Wait()
	took := log.Stats().Appending
	require.EqualValues(t, 1, took.Total)
	require.InDelta(t, .003, took.Sum, 1e-9)
}
