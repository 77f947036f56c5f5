package policy_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/policy"
)

// behind runs fn while the database's writer is held, until a write of fn waits there, has meanwhile look, and lets fn go on.
func (f *filed) behind(t *testing.T, fn, meanwhile func()) {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var work sync.WaitGroup
	work.Go(func() {
		_ = f.db.Write(func(*db.Tx) error {
			once.Do(func() { close(held); <-release })
			return nil
		})
	})
	defer work.Wait()
	defer close(release)
	<-held
	work.Go(fn)
	require.Eventually(t, func() bool { return f.db.Stats().Waiting > 0 }, 10*time.Second, time.Millisecond)
	meanwhile()
}

// Whoever sees the finding, by the overview or by an alert on the metric, and looks into the log finds the row of it there.
func TestAFindingIsNotShownBeforeItsRow(t *testing.T) {
	f := newFiled(t, head+ruleA)
	raw(t, f.path, head+ruleA+"\n")
	f.look(t)
	f.pass(policy.StillOpen)
	saw := f.saw
	apptest.RequireRows(t, f.db, 1, func() {
		f.behind(t, func() { f.Poll(t.Context(), saw) }, func() { require.True(t, f.FileState().Valid) })
	})
	require.Contains(t, f.FileState().Problem, "it looks cut off")
	require.Equal(t, "acl_file_invalid", f.last(t).Reason)
}

// A log that takes no row keeps nobody from seeing what is wrong, and the row is there when it takes one again.
func TestAFindingWhoseRowIsLost(t *testing.T) {
	f := newFiled(t, head+ruleA)
	raw(t, f.path, head+ruleA+"\n")
	f.exec(t, `CREATE TRIGGER full BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'full'); END`)
	apptest.RequireRows(t, f.db, 0, func() { require.Contains(t, f.looks(t).Problem, "it looks cut off") })
	f.exec(t, `DROP TRIGGER full`)
	apptest.RequireRows(t, f.db, 0, func() { f.look(t) })
	f.pass(6 * time.Second)
	apptest.RequireRows(t, f.db, 1, func() { f.looks(t) })
	require.Equal(t, "acl_file_invalid", f.last(t).Reason)
	apptest.RequireRows(t, f.db, 0, func() { f.pass(time.Minute); f.looks(t) })
}
