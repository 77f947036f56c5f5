package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// put inserts one row of meta.
func put(key string) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO meta (key, value) VALUES (?, 'x')", key)
		return err
	}
}

func keys(t testing.TB, d *db.DB) []string {
	t.Helper()
	rows, err := d.ReadSQL().QueryContext(context.Background(), "SELECT key FROM meta ORDER BY key")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var out []string
	for rows.Next() {
		var k string
		require.NoError(t, rows.Scan(&k))
		out = append(out, k)
	}
	require.NoError(t, rows.Err())
	return out
}

// together runs fns as one group: they queue up behind a write that waits for them.
func together(t testing.TB, d *db.DB, fns []func(*db.Tx) error) []error {
	t.Helper()
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var once sync.Once
	wg.Go(func() {
		_ = d.Write(func(*db.Tx) error {
			once.Do(func() { close(held); <-hold })
			return nil
		})
	})
	<-held
	errs := make([]error, len(fns))
	for i, fn := range fns {
		wg.Go(func() { errs[i] = d.Write(fn) })
	}
	deadline := time.Now().Add(10 * time.Second)
	for d.Waiting() < len(fns) {
		require.True(t, time.Now().Before(deadline), "the writes did not queue up")
		runtime.Gosched()
	}
	close(hold)
	wg.Wait()
	return errs
}

// keysOfNothing has one element too many for whoever counts on none.
func keysOfNothing() []string { return []string{""} }

// slow is a statement that takes long enough to be interrupted.
const slow = `INSERT INTO meta (key, value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
SELECT 'slow' || i, 'x' FROM n`

func TestOneBadMemberHarmsNoOther(t *testing.T) {
	boom := errors.New("the member's own error")
	cases := map[string]struct {
		bad  func(*db.Tx) error
		code fault.Code
	}{
		"error":      {func(tx *db.Tx) error { return errors.Join(put("bad")(tx), boom) }, fault.Internal},
		"canceled":   {func(tx *db.Tx) error { return errors.Join(put("bad")(tx), context.Canceled) }, fault.Canceled},
		"constraint": {func(tx *db.Tx) error { return errors.Join(put("bad")(tx), put("bad")(tx)) }, fault.Conflict},
		"panic": {func(tx *db.Tx) error {
			if err := put("bad")(tx); err != nil {
				return err
			}
			return []error{nil}[len(keysOfNothing())]
		}, fault.Internal},
		"interrupted statement": {func(tx *db.Tx) error { return tx.Interrupted(slow) }, fault.AuditUnavailable},
		"interrupted and hidden": {func(tx *db.Tx) error {
			_ = tx.Interrupted(slow)
			return put("bad")(tx)
		}, fault.AuditUnavailable},
		"rolls everything back": {func(tx *db.Tx) error {
			_, err := tx.Exec("ROLLBACK")
			return err
		}, fault.AuditUnavailable},
		"deferred constraint": {func(tx *db.Tx) error {
			_, err := tx.Exec("PRAGMA defer_foreign_keys = ON")
			_, ierr := tx.Exec("INSERT INTO casbin_rules (ptype, v0, v1) VALUES ('p', 'nobody', 'x')")
			return errors.Join(err, ierr)
		}, fault.Unprocessable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := apptest.OpenDB(t)
			fns := make([]func(*db.Tx) error, 32)
			var want []string
			for i := range fns {
				fns[i] = put(fmt.Sprintf("row %02d", i))
				want = append(want, fmt.Sprintf("row %02d", i))
			}
			fns[17] = c.bad
			want = append(want[:17:17], want[18:]...)
			errs := together(t, d, fns)
			for i, err := range errs {
				if i == 17 {
					require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
					continue
				}
				require.NoError(t, err, i)
			}
			require.Equal(t, want, keys(t, d))
			require.NoError(t, d.Write(put("after")))
		})
	}
}

func TestNoStatementRunsOutsideTheTransaction(t *testing.T) {
	d := apptest.OpenDB(t)
	var leaked *db.Tx
	err := d.Write(func(tx *db.Tx) error {
		leaked = tx
		if _, err := tx.Exec("ROLLBACK"); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('alone', 'x')")
		require.Error(t, err)
		require.Error(t, tx.QueryRow("INSERT INTO meta (key, value) VALUES ('alone', 'x') RETURNING key").Scan(new(string)))
		_, err = tx.Query("SELECT 1") //nolint:rowserrcheck,sqlclosecheck // refused
		require.Error(t, err)
		_, err = tx.Prepare("SELECT 1") //nolint:sqlclosecheck // refused
		require.Error(t, err)
		require.Error(t, tx.Gorm().Exec("INSERT INTO meta (key, value) VALUES ('alone', 'x')").Error)
		return nil
	})
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	require.Empty(t, keys(t, d))
	_, err = leaked.Exec("INSERT INTO meta (key, value) VALUES ('late', 'x')")
	require.Error(t, err)
	require.Error(t, leaked.Gorm().Exec("INSERT INTO meta (key, value) VALUES ('late', 'x')").Error)
	require.Empty(t, keys(t, d))
}

func TestAForgottenQueryDoesNotBlockTheWriter(t *testing.T) {
	path := apptest.DBPath(t)
	ours, theirs := apptest.OpenDBAt(t, path, time.Now), apptest.OpenDBAt(t, path, time.Now)
	require.NoError(t, ours.Write(func(tx *db.Tx) error {
		rows, err := tx.Query("SELECT name FROM roles") //nolint:rowserrcheck,sqlclosecheck // forgotten on purpose
		require.NoError(t, err)
		require.True(t, rows.Next())
		return nil
	}))
	require.NoError(t, theirs.Write(put("theirs")))
	require.NoError(t, ours.Write(put("ours")))
	require.Equal(t, []string{"ours", "theirs"}, keys(t, ours))
}

func TestGormOnTheTransaction(t *testing.T) {
	d := apptest.OpenDB(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		// A request's context never reaches SQL, even when it is handed in.
		return tx.Gorm().WithContext(canceled).Exec("INSERT INTO meta (key, value) VALUES ('a', 'x')").Error
	}))
	require.Equal(t, []string{"a"}, keys(t, d))
	err := d.Write(func(tx *db.Tx) error {
		return tx.Gorm().Exec("INSERT INTO meta (key, value) VALUES ('a', 'x')").Error
	})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Error(t, d.Write(func(tx *db.Tx) error { return tx.Gorm().Begin().Error }))
}

func TestNowIsStampedOncePerTransaction(t *testing.T) {
	clock := time.Date(2026, 11, 21, 9, 0, 0, 123456789, time.FixedZone("CST", 8*3600))
	var mu sync.Mutex
	d := apptest.OpenDBAt(t, apptest.DBPath(t), func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(time.Second)
		return clock
	})
	times := make([]time.Time, 8)
	fns := make([]func(*db.Tx) error, len(times))
	for i := range fns {
		fns[i] = func(tx *db.Tx) error {
			times[i] = tx.Now()
			return nil
		}
	}
	for _, err := range together(t, d, fns) {
		require.NoError(t, err)
	}
	for _, at := range times {
		require.Equal(t, times[0], at)
		require.Equal(t, time.UTC, at.Location())
		require.Zero(t, at.Nanosecond()%int(time.Millisecond))
	}
}

func TestValuesAreForgottenWithARollback(t *testing.T) {
	d := apptest.OpenDB(t)
	type key struct{}
	var seen []any
	fns := []func(*db.Tx) error{
		func(tx *db.Tx) error { tx.SetValue(key{}, "first"); return nil },
		func(tx *db.Tx) error { tx.SetValue(key{}, "second"); return errors.New("no") },
		func(tx *db.Tx) error { seen = append(seen, tx.Value(key{})); tx.SetValue(key{}, "third"); return nil },
		func(tx *db.Tx) error { seen = append(seen, tx.Value(key{})); return nil },
	}
	// Queue them one after the other, so that their order is known.
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = d.Write(func(*db.Tx) error { close(held); <-hold; return nil })
	})
	<-held
	for i, fn := range fns {
		wg.Go(func() { _ = d.Write(fn) })
		for d.Waiting() < i+1 {
			runtime.Gosched()
		}
	}
	close(hold)
	wg.Wait()
	require.Equal(t, []any{nil, "third"}, seen)
	require.NoError(t, d.Write(func(tx *db.Tx) error { seen = append(seen, tx.Value(key{})); return nil }))
	require.Nil(t, seen[2], "nothing outlives its transaction")
}

func TestAfterCommitRunsOnlyAfterCommit(t *testing.T) {
	d := apptest.OpenDB(t)
	var found []string
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		tx.AfterCommit(func() { found = keys(t, d) })
		return put("a")(tx)
	}))
	require.Equal(t, []string{"a"}, found)
	require.Error(t, d.Write(func(tx *db.Tx) error {
		tx.AfterCommit(func() { t.Error("ran after a rollback") })
		return errors.New("no")
	}))
}

func TestCloseDrains(t *testing.T) {
	path := apptest.DBPath(t)
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = d.Write(func(*db.Tx) error { close(held); <-hold; return nil })
	})
	<-held
	errs := make([]error, 200) // more than three groups
	for i := range errs {
		wg.Go(func() { errs[i] = d.Write(put(fmt.Sprintf("%03d", i))) })
	}
	for d.Waiting() < len(errs) {
		runtime.Gosched()
	}
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	close(hold)
	require.NoError(t, <-closed)
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(d.Write(put("late"))))
	require.Len(t, keys(t, apptest.OpenDBAt(t, path, time.Now)), len(errs))
}

func TestEndingTheGoroutineLeavesNobodyWaiting(t *testing.T) {
	d := apptest.OpenDB(t)
	fns := make([]func(*db.Tx) error, 8)
	for i := range fns {
		fns[i] = put(fmt.Sprint(i))
	}
	fns[3] = func(*db.Tx) error { runtime.Goexit(); return nil }
	for _, err := range together(t, d, fns) {
		require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	}
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(d.Write(put("late"))))
	require.Empty(t, keys(t, d), "what was not answered for is not there")
}

func TestAFullQueueIsBusy(t *testing.T) {
	d := apptest.OpenDB(t)
	const limit = 64 * 64
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = d.Write(func(*db.Tx) error { close(held); <-hold; return nil })
	})
	<-held
	for range limit {
		wg.Go(func() { _ = d.Write(func(*db.Tx) error { return nil }) })
	}
	for d.Waiting() < limit {
		runtime.Gosched()
	}
	err := d.Write(put("one too many"))
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.Positive(t, fault.From(err).RetryAfter)
	close(hold)
	wg.Wait()
	require.Empty(t, keys(t, d))
}
