package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// listed makes forty rows, a minute apart, that differ in everything a list can ask for.
func listed(t *testing.T) (log *audit.Log, start time.Time) {
	t.Helper()
	start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	clock := start
	d := apptest.OpenDBAt(t, apptest.DBPath(t), func() time.Time { return clock })
	log = audit.New(d, contentKey)
	for i := range 40 {
		e := entry([]string{"rita", "omar"}[i%2])
		e.RequestID = fmt.Sprintf("req_%02d", i)
		e.Resource = fmt.Sprintf("mod_%02d", i)
		if i%4 == 0 {
			e.Actor.Type, e.KeyID = "key", "key_1"
		}
		if i%5 == 0 {
			e.Decision, e.Reason = audit.Deny, "rule_denies"
		}
		if i%10 == 3 {
			e.Model, e.Action, e.IP = "imported-100%", "model.view", "2001:db8::1"
		}
		_, err := log.Record(e)
		require.NoError(t, err)
		clock = clock.Add(time.Minute)
	}
	return log, start
}

func TestListFilters(t *testing.T) {
	log, start := listed(t)
	cases := map[string]struct {
		filter audit.Filter
		want   int
	}{
		"all":                  {audit.Filter{}, 40},
		"actor":                {audit.Filter{Actor: "rita"}, 20},
		"actor, qualified":     {audit.Filter{Actor: "user:rita"}, 20},
		"actor by id":          {audit.Filter{Actor: "usr_omar"}, 20},
		"key":                  {audit.Filter{Actor: "key_1"}, 10},
		"key, qualified":       {audit.Filter{Actor: "key:key_1"}, 10},
		"nobody":               {audit.Filter{Actor: "' OR 1=1--"}, 0},
		"action":               {audit.Filter{Action: "model.view"}, 4},
		"model":                {audit.Filter{Model: "imported-100%"}, 4},
		"decision":             {audit.Filter{Decision: "deny"}, 8},
		"ip":                   {audit.Filter{IP: "2001:db8::1"}, 4},
		"request":              {audit.Filter{RequestID: "req_07"}, 1},
		"from":                 {audit.Filter{From: start.Add(30 * time.Minute)}, 10},
		"to":                   {audit.Filter{To: start.Add(30 * time.Minute)}, 30},
		"from inside a milli":  {audit.Filter{From: start.Add(30*time.Minute + 1)}, 9},
		"between":              {audit.Filter{From: start.Add(10 * time.Minute), To: start.Add(20 * time.Minute)}, 10},
		"q in the resource":    {audit.Filter{Q: "mod_1"}, 10},
		"q in the reason":      {audit.Filter{Q: "RULE_DENIES"}, 8},
		"q is no pattern":      {audit.Filter{Q: "mod%1"}, 0},
		"q with a percent":     {audit.Filter{Q: "100%"}, 4},
		"q with an underscore": {audit.Filter{Q: "mod_0"}, 10},
		"q with a quote":       {audit.Filter{Q: `' OR '1'='1`}, 0},
		"all at once": {audit.Filter{
			Actor: "omar", Action: "model.view", Model: "imported-100%", Decision: "allow", IP: "2001:db8::1", From: start, To: start.Add(time.Hour), Q: "imported",
		}, 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.filter.Limit = 500
			p, err := log.List(t.Context(), c.filter)
			require.NoError(t, err)
			require.Len(t, p.Items, c.want)
			require.Empty(t, p.NextCursor)
			for i := 1; i < len(p.Items); i++ {
				require.Less(t, p.Items[i].Seq, p.Items[i-1].Seq, "newest first")
			}
		})
	}
}

func TestListPages(t *testing.T) {
	log, _ := listed(t)
	var seen []int64
	f := audit.Filter{Actor: "rita", Limit: 7}
	for {
		p, err := log.List(t.Context(), f)
		require.NoError(t, err)
		for _, e := range p.Items {
			seen = append(seen, e.Seq)
		}
		if p.NextCursor == "" {
			break
		}
		require.Len(t, p.Items, 7)
		// Rows that are added meanwhile do not shift the pages.
		_, err = log.Record(entry("rita"))
		require.NoError(t, err)
		f.Cursor = p.NextCursor
	}
	require.Len(t, seen, 20)
	for i := range seen {
		require.EqualValues(t, 39-2*i, seen[i])
	}
	p, err := log.List(t.Context(), audit.Filter{})
	require.NoError(t, err)
	require.Len(t, p.Items, 42, "fifty by default")
}

func TestListOldestFirst(t *testing.T) {
	log, _ := listed(t)
	var seen []int64
	f := audit.Filter{Actor: "rita", Decision: "deny", OldestFirst: true, Limit: 3}
	for {
		p, err := log.List(t.Context(), f)
		require.NoError(t, err)
		for _, e := range p.Items {
			seen = append(seen, e.Seq)
		}
		if f.Cursor = p.NextCursor; f.Cursor == "" {
			break
		}
	}
	require.Equal(t, []int64{1, 11, 21, 31}, seen, "her first refusal comes first")
}

func TestNeighbours(t *testing.T) {
	log, _ := listed(t)
	page, err := log.List(t.Context(), audit.Filter{OldestFirst: true})
	require.NoError(t, err)
	rows := page.Items
	newer, older, err := log.Neighbours(t.Context(), rows[7].ID)
	require.NoError(t, err)
	require.Equal(t, []audit.Event{rows[8], rows[6]}, []audit.Event{*newer, *older})
	newer, older, err = log.Neighbours(t.Context(), rows[0].ID)
	require.NoError(t, err)
	require.Nil(t, older)
	require.Equal(t, rows[1], *newer)
	newer, older, err = log.Neighbours(t.Context(), rows[39].ID)
	require.NoError(t, err)
	require.Nil(t, newer)
	require.Equal(t, rows[38], *older)
	_, _, err = log.Neighbours(t.Context(), "evt_unknown")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestListRefuses(t *testing.T) {
	log, _ := listed(t)
	for name, f := range map[string]audit.Filter{
		"limit too big":    {Limit: 501},
		"limit negative":   {Limit: -1},
		"decision unknown": {Decision: "maybe"},
		"cursor garbage":   {Cursor: "' OR 1=1--"},
		"cursor zero":      {Cursor: "0"},
		"cursor negative":  {Cursor: "-5"},
		"cursor too long":  {Cursor: "zzzzzzzzzzzzzzzzzzzzzzzz"},
		"cursor upper":     {Cursor: "1A"},
		"cursor padded":    {Cursor: "01"},
		"cursor plus":      {Cursor: "+1"},
		"cursor space":     {Cursor: "1 "},
		"cursor spaced":    {Cursor: "1_0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := log.List(t.Context(), f)
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.NotEmpty(t, fault.From(err).Field)
		})
	}
}

func TestEveryFilterHasItsIndex(t *testing.T) {
	_, log := newLog(t)
	for name, f := range map[string]audit.Filter{
		"actor": {Actor: "rita"}, "qualified": {Actor: "user:rita"}, "id": {Actor: "usr_1"}, "key": {Actor: "key_1"}, "key:": {Actor: "key:key_1"},
		"action": {Action: "moderation.run"}, "model": {Model: "m"}, "decision": {Decision: "deny"}, "ip": {IP: "192.0.2.1"},
		"request": {RequestID: "req_1"}, "cursor": {Cursor: "zz"}, "oldest": {Decision: "deny", OldestFirst: true},
	} {
		plan, err := log.Plan(t.Context(), f)
		require.NoError(t, err)
		require.Contains(t, plan, "SEARCH audit_events USING", name)
		if name != "request" { // at most a few rows have one
			require.NotContains(t, plan, "TEMP B-TREE", "%s: %s", name, plan)
		}
	}
	for _, f := range []audit.Filter{{}, {Q: "x"}} {
		plan, err := log.Plan(t.Context(), f)
		require.NoError(t, err)
		require.Equal(t, "SCAN audit_events", plan, "newest first, until the page is full")
	}
}
