package audit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

func TestAGlanceAtAnEmptyLogFindsNothing(t *testing.T) {
	_, log := newLog(t)
	ctx := t.Context()
	first, err := log.First(ctx)
	require.NoError(t, err)
	require.True(t, first.IsZero())
	seq, err := log.Since(ctx, time.Time{})
	require.NoError(t, err)
	require.Zero(t, seq)
	c, err := log.Count(ctx, audit.CountOf{Decision: audit.Deny, To: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, audit.Count{}, c)
	list, err := log.LatestOf(ctx, []string{"user.manage"}, 5)
	require.NoError(t, err)
	require.Empty(t, list)
	at, err := log.LastChange(ctx, "settings.manage", "backup")
	require.NoError(t, err)
	require.True(t, at.IsZero())
	list, err = log.LatestOf(ctx, nil, 5)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestCountTakesWhatWasAskedForAndNothingElse(t *testing.T) {
	log, start := listed(t) // a row a minute: every fifth is denied
	count := func(of audit.CountOf) audit.Count {
		c, err := log.Count(t.Context(), of)
		require.NoError(t, err)
		return c
	}
	all := audit.CountOf{Decision: audit.Deny, From: start, To: start.Add(time.Hour)}
	require.Equal(t, audit.Count{Attempts: 8, Rows: 8, Addresses: 1, First: start, Last: start.Add(35 * time.Minute)}, count(all))
	half := all
	half.From, half.To = start.Add(5*time.Minute), start.Add(20*time.Minute)
	require.EqualValues(t, 3, count(half).Attempts, "from is in it, to is not")
	of := all
	of.Reasons = []string{"busy", "rule_denies"}
	require.EqualValues(t, 8, count(of).Attempts)
	of.Reasons = []string{"busy"}
	require.Zero(t, count(of).Attempts)
	of = all
	of.Action = "model.view"
	require.Zero(t, count(of).Attempts, "its rows were allowed")
	of.Decision = audit.Allow
	require.EqualValues(t, 4, count(of).Attempts)

	of = all
	of.Code = "busy"
	require.Zero(t, count(of).Attempts)
	full := entry("rita")
	full.Decision, full.Reason, full.Details = audit.Error, "failed", map[string]any{"code": "busy"}
	_, err := log.Record(full)
	require.NoError(t, err)
	of.Decision = audit.Error
	require.EqualValues(t, 1, count(of).Attempts)

	e := entry("")
	e.Decision, e.Reason, e.Details = audit.Deny, "summed", map[string]any{"refusals": 41, "minute": "2026-11-21T09:40:00Z"}
	_, err = log.Record(e)
	require.NoError(t, err)
	require.EqualValues(t, 49, count(all).Attempts, "a row that sums counts what it sums")
	require.EqualValues(t, 9, count(all).Rows)
}

func TestTheLatestChangesAreAllowedOnes(t *testing.T) {
	d, log := newLog(t)
	add := func(action, decision, change string) audit.Event {
		e := entry("rita")
		e.Action, e.Decision, e.Details = action, decision, map[string]any{"change": change}
		var ev audit.Event
		require.NoError(t, d.Write(func(tx *db.Tx) (err error) {
			ev, err = log.Append(tx, e)
			return err
		}))
		return ev
	}
	backup := add("settings.manage", audit.Allow, "backup")
	user := add("user.manage", audit.Allow, "create")
	for range 20 {
		add("user.manage", audit.Deny, "create")
		add("moderation.run", audit.Allow, "")
	}
	rule := add("acl.manage", audit.Allow, "rule")
	add("settings.manage", audit.Error, "backup")
	found, err := log.LatestOf(t.Context(), []string{"user.manage", "acl.manage", "settings.manage"}, 2)
	require.NoError(t, err)
	require.Equal(t, []string{rule.ID, user.ID}, []string{found[0].ID, found[1].ID})
	require.Len(t, found, 2)
	at, err := log.LastChange(t.Context(), "settings.manage", "backup")
	require.NoError(t, err)
	require.Equal(t, backup.At, at, "one that failed is none")
}

// What a page asks every few seconds finds its rows by an index, however long the log is.
func TestAGlanceReadsNoMoreThanItShows(t *testing.T) {
	d := apptest.OpenDB(t)
	for name, query := range audit.GlanceQueries() {
		plan := planOf(t, d, query)
		require.NotContains(t, plan, "SCAN audit_events", "%s: %s", name, plan)
		require.Contains(t, plan, "audit_events USING", "%s: %s", name, plan)
	}
}

func planOf(t *testing.T, d *db.DB, query string) string {
	t.Helper()
	rows, err := d.ReadSQL().QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		steps = append(steps, detail)
	}
	require.NoError(t, rows.Err())
	return strings.Join(steps, "; ")
}
