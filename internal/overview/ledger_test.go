package overview

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// stream plays the log: row i+1 holds the i-th verdict, and one reading hands over at most part of them.
type stream struct {
	all   []moderation.Volume
	part  int
	reads int
	fail  error
}

func (s *stream) follow(ctx context.Context, after int64, take func(moderation.Volume)) (int64, error) {
	s.reads++
	for i := after; i < int64(len(s.all)) && i < after+int64(s.part); i++ {
		take(s.all[i])
		after = i + 1
		if s.fail != nil {
			return after, s.fail
		}
	}
	return after, ctx.Err()
}

func (s *stream) ledger(now time.Time) *ledger {
	return &ledger{
		now: func() time.Time { return now }, follow: s.follow,
		since: func(_ context.Context, t time.Time) (int64, error) {
			for i, v := range s.all {
				if v.CreatedAt >= t.UnixMilli() {
					return int64(i) + 1, nil
				}
			}
			return 0, nil
		},
		head: func(context.Context) (int64, error) { return int64(len(s.all)), nil },
	}
}

func at(t time.Time, severity string, us int64) moderation.Volume {
	return moderation.Volume{CreatedAt: t.UnixMilli(), Severity: severity, Action: "allow", Flagged: severity != moderation.Safe, TotalUS: us}
}

func TestTheDayOfSomebodyInAnotherTimeZone(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 40, 0, 0, time.UTC)
	// In Kathmandu, 5:45 ahead, the day began at 18:15 of yesterday.
	midnight := time.Date(2026, 11, 20, 18, 15, 0, 0, time.UTC)
	held := at(midnight.Add(90*time.Minute), moderation.Unsafe, 4000)
	held.Action = moderation.Review
	cached := at(midnight.Add(2*time.Hour), moderation.Safe, 100)
	cached.Cached = true
	s := &stream{part: 2, all: []moderation.Volume{
		at(now.Add(-60*time.Hour), moderation.Unsafe, 1),        // older than anybody's day
		at(midnight.Add(-time.Millisecond), moderation.Safe, 1), // yesterday's last
		at(midnight, moderation.Safe, 8000),
		at(midnight.Add(59*time.Minute), moderation.Controversial, 8000),
		at(midnight.Add(time.Hour), moderation.Unsafe, 90_000),
		held, cached,
	}}
	l := s.ledger(now)
	d, hours, err := l.day(t.Context(), Window{From: midnight, Hours: 24})
	require.NoError(t, err)
	require.Len(t, hours, 24)
	require.Equal(t, Hour{Start: midnight, Verdicts: 2, Controversial: 1}, hours[0])
	require.Equal(t, Hour{Start: midnight.Add(time.Hour), Verdicts: 2, Unsafe: 1, Held: 1}, hours[1])
	require.Equal(t, Hour{Start: midnight.Add(2 * time.Hour), Verdicts: 1}, hours[2])
	require.Equal(t, []int64{5, 3, 1, 1, 1, 1}, []int64{d.Verdicts, d.Flagged, d.Controversial, d.Unsafe, d.Held, d.Cached})
	require.InEpsilon(t, 8*time.Millisecond, d.Median, 0.05)
	require.InEpsilon(t, 90*time.Millisecond, d.P95, 0.05)
	require.False(t, d.Partial)

	reads := s.reads
	_, _, err = l.day(t.Context(), Window{From: midnight, Hours: 24})
	require.NoError(t, err)
	require.Equal(t, reads+1, s.reads, "nothing is read twice")
	s.all = append(s.all, at(now, moderation.Safe, 1))
	d, _, err = l.day(t.Context(), Window{From: midnight, Hours: 24})
	require.NoError(t, err)
	require.EqualValues(t, 6, d.Verdicts)
	d, _, err = l.day(t.Context(), Window{From: now.Truncate(day), Hours: 24})
	require.NoError(t, err)
	require.EqualValues(t, 1, d.Verdicts, "in London it is another day")
}

func TestAnEmptyLogIsAnEmptyDay(t *testing.T) {
	l := (&stream{part: 1}).ledger(noon())
	d, hours, err := l.day(t.Context(), Window{From: noon().Truncate(day), Hours: 25})
	require.NoError(t, err)
	require.Len(t, hours, 25)
	require.Zero(t, d.Verdicts)
	require.Zero(t, d.Median)
}

func TestWhatWasReadBeforeAFailureIsCountedOnce(t *testing.T) {
	s := &stream{part: 10, fail: errors.New("the disk is gone"), all: []moderation.Volume{at(noon(), moderation.Safe, 1), at(noon(), moderation.Safe, 1)}}
	l := s.ledger(noon())
	_, _, err := l.day(t.Context(), Window{From: noon(), Hours: 1})
	require.Error(t, err)
	s.fail = nil
	d, _, err := l.day(t.Context(), Window{From: noon(), Hours: 1})
	require.NoError(t, err)
	require.EqualValues(t, 2, d.Verdicts)
}

func TestOldStepsAreForgotten(t *testing.T) {
	now := noon()
	s := &stream{part: 10, all: []moderation.Volume{at(now, moderation.Safe, 1)}}
	l := s.ledger(now)
	_, _, err := l.day(t.Context(), Window{From: now, Hours: 1})
	require.NoError(t, err)
	require.Len(t, l.steps, 1)
	l.now = func() time.Time { return now.Add(kept + 2*step) }
	_, _, err = l.day(t.Context(), Window{From: now.Add(kept), Hours: 1})
	require.NoError(t, err)
	require.Empty(t, l.steps)
}

func TestWindowsThatAreNobodysDay(t *testing.T) {
	now := noon()
	w, err := Window{}.Check(now)
	require.NoError(t, err)
	require.Equal(t, Window{From: now.Truncate(day), Hours: 24}, w)
	for field, bad := range map[string]Window{
		"hours": {Hours: 26}, "from": {From: now.Add(time.Minute)},
	} {
		_, err := bad.Check(now)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), field)
	}
	for _, w := range []Window{{Hours: -1}, {From: now.Add(-50 * time.Hour)}, {From: now.Add(50 * time.Hour)}} {
		_, err := w.Check(now)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
}

func TestQuantilesAreRightToFiveInAHundred(t *testing.T) {
	var ts times
	require.Zero(t, ts.quantile(0.5))
	for us := int64(1); us <= 10_000; us++ {
		ts.note(us)
	}
	for q, want := range map[float64]time.Duration{0.5: 5 * time.Millisecond, 0.95: 9500 * time.Microsecond} {
		require.InEpsilon(t, want, ts.quantile(q), 0.055)
	}
	ts.note(0)
	ts.note(1 << 62)
}

// The first verdict of a quiet server may come between the two questions of the first look.
func TestWhatIsWrittenDuringTheFirstLookIsCounted(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 40, 0, 0, time.UTC)
	s := &stream{all: []moderation.Volume{at(now.Add(-90*24*time.Hour), moderation.Safe, 100)}, part: 10}
	l := s.ledger(now)
	asked := 0
	write := func() {
		if asked++; asked == 1 {
			s.all = append(s.all, at(now, moderation.Unsafe, 100))
		}
	}
	since, head := l.since, l.head
	l.since = func(ctx context.Context, t time.Time) (int64, error) {
		defer write()
		return since(ctx, t)
	}
	l.head = func(ctx context.Context) (int64, error) {
		defer write()
		return head(ctx)
	}
	w, err := Window{}.Check(now)
	require.NoError(t, err)
	d, _, err := l.day(t.Context(), w)
	require.NoError(t, err)
	require.EqualValues(t, 1, d.Verdicts)
}
