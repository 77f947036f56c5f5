package audit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
)

// used makes ten uses of a model a minute apart, every third decided by rule-a, and rows between them that are none.
func used(t *testing.T) (log *audit.Log, start time.Time) {
	t.Helper()
	start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	clock := start
	d := apptest.OpenDBAt(t, apptest.DBPath(t), func() time.Time { return clock })
	log = audit.New(d, contentKey)
	for i := range 10 {
		e := entry("rita")
		e.Operation, e.Model, e.Duration = "infer", "m", time.Second
		e.Details = map[string]any{"report_only": []string{"rule-b:deny"}}
		if i%3 == 0 {
			e.RuleID, e.Details = "rule-a", map[string]any{"items": 4, "note": "rule-b:deny"}
		}
		if i == 9 {
			e.Details = map[string]any{"refusals": 7, "report_only": []string{"rule_b:allow"}, "report_only_more": 2}
		}
		other := entry("rita")
		other.Operation, other.Model = "", ""
		for _, e := range []audit.Entry{e, other} {
			_, err := log.Record(e)
			require.NoError(t, err)
		}
		clock = clock.Add(time.Minute)
	}
	return log, start
}

func TestEachUse(t *testing.T) {
	log, start := used(t)
	var seen []audit.Use
	keep := func(u audit.Use) error { seen = append(seen, u); return nil }
	span, err := log.EachUse(t.Context(), start, start.Add(time.Hour), 100, keep)
	require.NoError(t, err)
	require.Equal(t, audit.Uses{From: start, To: start.Add(time.Hour), Rows: 10}, span)
	require.Equal(t, start.Add(-time.Second), seen[0].At, "when the gate was asked")
	require.EqualValues(t, 4, seen[0].Items)
	require.EqualValues(t, 1, seen[1].Items)
	require.EqualValues(t, 7, seen[9].Attempts)

	seen = nil
	span, err = log.EachUse(t.Context(), start, start.Add(time.Hour), 4, keep)
	require.NoError(t, err)
	require.True(t, span.Cut)
	require.Equal(t, start.Add(5*time.Minute), span.From)
	require.Len(t, seen, 4)
	require.Equal(t, start.Add(6*time.Minute-time.Second), seen[0].At, "the newest ones, oldest first")

	seen = nil
	_, err = log.EachUse(t.Context(), start.Add(3*time.Minute), start.Add(5*time.Minute), 100, keep)
	require.NoError(t, err)
	require.Len(t, seen, 2)
	span, err = log.EachUse(t.Context(), start.Add(time.Hour), start.Add(2*time.Hour), 100, keep)
	require.NoError(t, err)
	require.Zero(t, span.Rows)
}

func TestEachUseOfARule(t *testing.T) {
	log, start := used(t)
	count := func(id string) (decided, would int, more bool) {
		_, more, err := log.EachUseOf(t.Context(), id, start, start.Add(time.Hour), 100, func(_ audit.Use, wouldHave string) error {
			if wouldHave == "" {
				decided++
			} else {
				would++
			}
			return nil
		})
		require.NoError(t, err)
		return decided, would, more
	}
	decided, would, more := count("rule-a")
	require.Equal(t, []any{4, 0, true}, []any{decided, would, more})
	decided, would, _ = count("rule-b")
	require.Equal(t, []int{0, 6}, []int{decided, would}, "a note that reads like a rule is none")
	_, would, _ = count("rule_b")
	require.Equal(t, 1, would, "no pattern")
	decided, would, _ = count(`"`)
	require.Zero(t, decided+would)
}

// A rule that decided nothing may not have the whole of a long log walked for it.
func TestEachUseOfARuleLooksAtTheNewestRows(t *testing.T) {
	log, start := used(t)
	var seen []audit.Use
	span, _, err := log.EachUseOf(t.Context(), "rule-a", start, start.Add(time.Hour), 8, func(u audit.Use, _ string) error {
		seen = append(seen, u)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, seen, 2, "the others of the four are among the twelve older rows")
	require.Equal(t, audit.Uses{From: start.Add(6 * time.Minute), To: start.Add(time.Hour), Rows: 2, Cut: true}, span)
	span, _, err = log.EachUseOf(t.Context(), "rule-a", start, start.Add(time.Hour), 20, func(audit.Use, string) error { return nil })
	require.NoError(t, err)
	require.Equal(t, start, span.From)
	require.False(t, span.Cut)
}

// A walk that breaks off has seen the newest, and says from when on it did; so does one that found no room to begin.
func TestEachUseOfARuleSaysHowFarItCame(t *testing.T) {
	log, start := used(t)
	var seen []time.Time
	late := errors.New("no time left")
	span, _, err := log.EachUseOf(t.Context(), "rule-a", start, start.Add(time.Hour), 100, func(u audit.Use, _ string) error {
		if len(seen) == 2 {
			return late
		}
		seen = append(seen, u.At)
		return nil
	})
	require.ErrorIs(t, err, late)
	require.Equal(t, []time.Time{start.Add(9*time.Minute - time.Second), start.Add(6*time.Minute - time.Second)}, seen)
	require.Equal(t, audit.Uses{From: seen[1], To: start.Add(time.Hour), Rows: 2}, span)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, most := range []int{4, 100} {
		span, _, err = log.EachUseOf(gone, "rule-a", start, start.Add(time.Hour), most, func(audit.Use, string) error { return nil })
		require.Error(t, err)
		require.Equal(t, start.Add(time.Hour), span.From, "nothing was walked")
		span, err = log.EachUse(gone, start, start.Add(time.Hour), most, func(audit.Use) error { return nil })
		require.Error(t, err)
		require.Equal(t, start, span.From)
	}
}

func TestRuleUses(t *testing.T) {
	log, start := used(t)
	by, rows, cut, err := log.RuleUses(t.Context(), start, 1000)
	require.NoError(t, err)
	require.EqualValues(t, 10, rows)
	require.True(t, cut, "a row did not name all of its rules")
	require.Equal(t, map[string]audit.RuleUse{
		"rule-a": {Rows: 4, Last: start.Add(9 * time.Minute)}, "rule-b": {Rows: 6, Last: start.Add(8 * time.Minute)}, "rule_b": {Rows: 1, Last: start.Add(9 * time.Minute)},
	}, by)
	by, _, cut, err = log.RuleUses(t.Context(), start, 2)
	require.NoError(t, err)
	require.True(t, cut)
	require.Len(t, by, 2)
	by, rows, _, err = log.RuleUses(t.Context(), start.Add(time.Hour), 1000)
	require.NoError(t, err)
	require.Empty(t, by)
	require.Zero(t, rows)
}
