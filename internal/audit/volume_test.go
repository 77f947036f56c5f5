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

// many fills a log with n rows over n seconds: nearly all allowed uses of one person, a refusal of another each thousandth.
func many(t testing.TB, n int) (*audit.Log, time.Time) {
	t.Helper()
	d, log := newLog(t)
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO audit_events (seq, id, v, at, actor_type, actor_id, actor_name, key_id, roles, groups, purpose, operation, ip, user_agent,
				action, resource, model, model_sha256, decision, reason, rule_id, policy_version, request_id, content_hash, duration_us, details, prev_hash, hash)
			SELECT i, 'evt_' || i, 1, ? + i * 1000, 'user', 'usr_' || (i % 1000 = 0), iif(i % 1000 = 0, 'wei', 'rita'), '', '["reviewer"]', '[]', '', 'infer',
				'192.0.2.' || (i % 1000 = 0), 'a program', 'moderation.run', '', 'guard-nano', '', iif(i % 1000 = 0, 'deny', 'allow'), '', '', 1, 'req_' || i, '',
				10, '{}', printf('%064x', i - 1), printf('%064x', i) FROM n`, n, start.UnixMilli())
		return err
	}))
	return log, start
}

// At a hundred thousand rows every count is found by an index, whatever is asked for, and none takes long.
func TestVolumeOfAHundredThousandRows(t *testing.T) {
	const n = 100_000
	log, start := many(t, n)
	day := audit.Filter{From: start.Add(20 * time.Hour), To: start.Add(26 * time.Hour)}
	for name, c := range map[string]struct {
		f     audit.Filter
		index string
		rows  int64
	}{
		"all":          {audit.Filter{}, "COVERING INDEX audit_events_at", n},
		"hours":        {day, "COVERING INDEX audit_events_at", 21_600},
		"refused":      {audit.Filter{Decision: "deny"}, "COVERING INDEX audit_events_at", 100},
		"allowed":      {audit.Filter{Decision: "allow"}, "COVERING INDEX audit_events_at", 99_900},
		"words":        {audit.Filter{Q: "wei"}, "audit_events_at", 100},
		"person":       {audit.Filter{Actor: "wei"}, "audit_events_actor", 100},
		"her refusals": {audit.Filter{Actor: "wei", Decision: "deny"}, "audit_events_actor", 100},
		"busy person":  {audit.Filter{Actor: "rita"}, "audit_events_actor", 99_900},
		"action":       {audit.Filter{Action: "moderation.run"}, "audit_events_action", n},
		"model":        {audit.Filter{Model: "guard-nano"}, "audit_events_model", n},
		"address":      {audit.Filter{IP: "192.0.2.1"}, "audit_events_ip", 100},
		"request":      {audit.Filter{RequestID: "req_7"}, "audit_events_request_id", 1},
	} {
		v, err := log.Volume(t.Context(), c.f, 200, start.Add(30*time.Hour))
		require.NoError(t, err, name)
		require.Equal(t, c.rows, v.Total.Sum(), name)
		plan, err := log.VolumePlan(t.Context(), c.f, v)
		require.NoError(t, err)
		require.Contains(t, plan, "USING", name)
		require.Contains(t, plan, c.index, "%s: %s", name, plan)
		require.NotContains(t, plan, "SCAN audit_events;", "%s: %s", name, plan)
	}
}

func BenchmarkVolume(b *testing.B) {
	log, start := many(b, 100_000)
	for name, f := range map[string]audit.Filter{
		"all": {}, "refused": {Decision: "deny"}, "words": {Q: "wei"}, "busy person": {Actor: "rita"}, "quiet person": {Actor: "wei"},
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
