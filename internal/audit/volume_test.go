package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestVolumeCountsWhatTheListLists(t *testing.T) {
	log, start := listed(t)
	volumes(t, log, start)
	require.NoError(t, log.Index(t.Context()))
	volumes(t, log, start)
}

func volumes(t *testing.T, log *audit.Log, start time.Time) {
	t.Helper()
	now := start.Add(40 * time.Minute)
	for name, f := range map[string]audit.Filter{
		"all": {}, "actor": {Actor: "rita"}, "key": {Actor: "key_1"}, "action": {Action: "model.view"}, "model": {Model: "guard-nano"},
		"decision": {Decision: "deny"}, "ip": {IP: "2001:db8::1"}, "request": {RequestID: "req_07"}, "words": {Q: "mod_1"},
		"from": {From: start.Add(30 * time.Minute)}, "to": {To: start.Add(30 * time.Minute)}, "nobody": {Actor: "nobody"},
		"between": {From: start.Add(10 * time.Minute), To: start.Add(20 * time.Minute), Decision: "allow"},
		"ahead":   {From: start, To: start.Add(24 * time.Hour)}, "inside a milli": {From: start.Add(30*time.Minute + 1)},
	} {
		t.Run(name, func(t *testing.T) {
			all := f
			all.Limit = 500
			page, err := log.List(t.Context(), all)
			require.NoError(t, err)
			f.Limit, f.Cursor = 1, "1" // of no matter here
			v, err := log.Volume(t.Context(), f, 7, now)
			require.NoError(t, err)
			require.EqualValues(t, len(page.Items), v.Total.Sum())
			inSpan, err := log.List(t.Context(), audit.Filter{From: v.From, To: v.To, Limit: 500})
			require.NoError(t, err)
			require.EqualValues(t, len(inSpan.Items), v.Rows)
			require.Equal(t, counted(v, page.Items), v.Buckets)
		})
	}
}

// counted puts a list's rows into the buckets by hand.
func counted(v audit.Volume, rows []audit.Event) []audit.Bucket {
	out := make([]audit.Bucket, len(v.Buckets))
	for i := range out {
		out[i].Start = v.From.Add(time.Duration(i) * v.Width)
		for _, r := range rows {
			if r.At.Before(out[i].Start) || !r.At.Before(out[i].Start.Add(v.Width)) {
				continue
			}
			switch r.Decision {
			case audit.Allow:
				out[i].Allow++
			case audit.Deny:
				out[i].Deny++
			default:
				out[i].Error++
			}
		}
	}
	return out
}

func TestVolumeOfNothing(t *testing.T) {
	_, log := newLog(t)
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	v, err := log.Volume(t.Context(), audit.Filter{}, 0, now)
	require.NoError(t, err)
	require.Empty(t, v.Buckets)
	v, err = log.Volume(t.Context(), audit.Filter{From: now.Add(-time.Hour)}, 0, now)
	require.NoError(t, err)
	require.Len(t, v.Buckets, 48)
	require.Zero(t, v.Rows)
}

func TestVolumeLays(t *testing.T) {
	log, start := listed(t)
	for _, c := range []struct {
		from, to time.Duration
		buckets  int
		want     int
		width    time.Duration
	}{
		{0, 24 * time.Hour, 48, 48, 30 * time.Minute},
		{0, 0, 1, 1, 40*time.Minute + time.Millisecond}, // to now, which is inside
		{0, 3 * time.Millisecond, 200, 3, time.Millisecond},
		{0, 10 * time.Millisecond, 4, 4, 3 * time.Millisecond},
	} {
		f := audit.Filter{From: start.Add(c.from)}
		if c.to > 0 {
			f.To = start.Add(c.to)
		}
		v, err := log.Volume(t.Context(), f, c.buckets, start.Add(40*time.Minute))
		require.NoError(t, err)
		require.Len(t, v.Buckets, c.want)
		require.Equal(t, c.width, v.Width)
		require.Equal(t, v.From, v.Buckets[0].Start)
		require.True(t, v.Buckets[c.want-1].Start.Before(v.To))
	}
}

// The clock may have been set back since the first row: the volume is of it all the same.
func TestVolumeUnderAnEarlierClock(t *testing.T) {
	log, start := listed(t)
	v, err := log.Volume(t.Context(), audit.Filter{}, 0, start.Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, v.Buckets, 1)
	require.EqualValues(t, 1, v.Total.Sum())
}

func TestVolumeRefuses(t *testing.T) {
	log, start := listed(t)
	for field, c := range map[string]struct {
		f       audit.Filter
		buckets int
	}{
		"buckets":  {audit.Filter{}, 201},
		"decision": {audit.Filter{Decision: "maybe"}, 1},
		"to":       {audit.Filter{From: start, To: start}, 1},
	} {
		_, err := log.Volume(t.Context(), c.f, c.buckets, start)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), field)
		require.Equal(t, field, fault.From(err).Field)
	}
	_, err := log.Volume(t.Context(), audit.Filter{}, -1, start)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

// countsAreRight: at any length and wherever a bucket begins.
func countsAreRight(t *testing.T, log *audit.Log, start time.Time) {
	t.Helper()
	now := start.Add(48 * time.Hour)
	for name, c := range map[string]struct {
		f    audit.Filter
		rows int64
	}{
		"all":           {audit.Filter{}, manyRows},
		"hours":         {audit.Filter{From: start.Add(20*time.Hour + 1234*time.Millisecond), To: start.Add(26*time.Hour + 17*time.Millisecond)}, 21_599},
		"seconds":       {audit.Filter{From: start.Add(20 * time.Hour), To: start.Add(20*time.Hour + 30*time.Second)}, 30},
		"refused":       {audit.Filter{Decision: "deny"}, 1100},
		"allowed":       {audit.Filter{Decision: "allow"}, 108_900},
		"words":         {audit.Filter{Q: "张伟"}, 2200},
		"person":        {audit.Filter{Actor: "person 7"}, 2200},
		"his refusals":  {audit.Filter{Actor: "张伟", Decision: "deny"}, 1100},
		"action":        {audit.Filter{Action: "user.manage"}, 110},
		"model in time": {audit.Filter{Model: "guard-nano", From: start.Add(20 * time.Hour), To: start.Add(26 * time.Hour)}, 14_400},
		"reason":        {audit.Filter{Reason: "condition_hours"}, 1100},
		"rule":          {audit.Filter{Rule: "rule-7"}, 11_000},
		"request":       {audit.Filter{RequestID: "req_7"}, 1},
	} {
		v, err := log.Volume(t.Context(), c.f, 200, now)
		require.NoError(t, err, name)
		require.Equal(t, c.rows, v.Total.Sum(), name)
		require.Zero(t, v.CountedFrom, name)
		if c.f.From.IsZero() {
			require.EqualValues(t, manyRows, v.Rows, name)
		}
	}
}

// countsEnd: a count of rows that a filter leads to looks at the newest of them, and says where it ended.
func countsEnd(t *testing.T, d *db.DB, log *audit.Log, start time.Time) {
	t.Helper()
	const n = manyRows
	v, err := log.Volume(t.Context(), audit.Filter{Q: "£"}, 9, start.Add(48*time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, n, v.Rows)
	require.Zero(t, v.Total.Sum())
	require.Equal(t, start.Add((n-audit.CountRows+1)*time.Second), v.CountedFrom)
	v, err = log.Volume(t.Context(), audit.Filter{}, 9, start.Add(48*time.Hour))
	require.NoError(t, err)
	require.Zero(t, v.CountedFrom)
	require.NoError(t, d.Write(func(tx *db.Tx) error { // as after the migration of an old log
		_, err := tx.Exec("UPDATE audit_index SET seq = 0; DELETE FROM audit_sums")
		return err
	}))
	v, err = log.Volume(t.Context(), audit.Filter{}, 9, start.Add(48*time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, audit.CountRows, v.Total.Sum())
	require.Equal(t, start.Add((n-audit.CountRows)*time.Second), v.CountedFrom)
}

func BenchmarkVolume(b *testing.B) {
	_, log, start := filled(b, 100_000)
	for name, f := range map[string]audit.Filter{
		"all": {}, "refused": {Decision: "deny"}, "words": {Q: "张伟"}, "person": {Actor: "person 7"}, "action": {Action: "moderation.run"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := log.Volume(b.Context(), f, 48, start.Add(30*time.Hour)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A bucket that is longer than a time.Duration can say has no number to count into.
func TestVolumeOverMoreThanACenturyIsRefused(t *testing.T) {
	log, start := listed(t)
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for name, f := range map[string]audit.Filter{
		"all":    {From: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), To: last},
		"before": {From: start.AddDate(-300, 0, 0)}, "after": {To: last}, "just": {From: start, To: start.AddDate(101, 0, 0)},
	} {
		for _, n := range []int{1, 200} {
			_, err := log.Volume(t.Context(), f, n, start.Add(time.Hour))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%s in %d", name, n)
		}
	}
	v, err := log.Volume(t.Context(), audit.Filter{From: start, To: start.AddDate(100, 0, 0)}, 1, start)
	require.NoError(t, err)
	require.Positive(t, v.Total.Sum())
}

// Each volume may walk the whole log: a few that walk it leave the readers to everybody else.
func TestFewVolumesAreCountedAtATime(t *testing.T) {
	log, start := listed(t)
	gone, leave := context.WithCancel(t.Context())
	leave()
	count := func(ctx context.Context) error {
		_, err := log.Volume(ctx, audit.Filter{}, 7, start.Add(time.Hour))
		return err
	}
	var done []func()
	for range 2 {
		end, err := log.CountBeside(t.Context())
		require.NoError(t, err)
		done = append(done, end)
	}
	require.Equal(t, fault.Canceled, fault.CodeOf(count(gone)), "whoever left does not wait")
	answer := make(chan error, 1)
	go func() { answer <- count(t.Context()) }()
	select {
	case err := <-answer:
		require.Fail(t, "it did not wait", "%v", err)
	case <-time.After(50 * time.Millisecond):
	}
	done[0]()
	require.NoError(t, <-answer)
	done[1]()
}
