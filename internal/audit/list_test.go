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
		e.RuleID = fmt.Sprintf("rule-%d", i%3)
		e.Purpose = fmt.Sprintf("晨间查房 %d", i%4)
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

// What is found is the same whether no row, some rows or all rows are in the index yet.
func TestListFilters(t *testing.T) {
	log, start := listed(t)
	for _, state := range []string{"nothing indexed", "some indexed", "all indexed"} {
		t.Run(state, func(t *testing.T) { findAll(t, log, start) })
		if state == "nothing indexed" {
			require.NoError(t, log.Index(t.Context()))
			for range 20 { // all of user mod_40 to mod_59, whom no case asks for
				_, err := log.Record(entry("nina"))
				require.NoError(t, err)
			}
			continue
		}
		require.NoError(t, log.Index(t.Context()))
	}
}

func findAll(t *testing.T, log *audit.Log, start time.Time) {
	t.Helper()
	cases := map[string]struct {
		filter audit.Filter
		want   int
	}{
		"all":                  {audit.Filter{To: start.Add(40 * time.Minute)}, 40},
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
		"from":                 {audit.Filter{From: start.Add(30 * time.Minute), To: start.Add(40 * time.Minute)}, 10},
		"to":                   {audit.Filter{To: start.Add(30 * time.Minute)}, 30},
		"from inside a milli":  {audit.Filter{From: start.Add(30*time.Minute + 1), To: start.Add(40 * time.Minute)}, 9},
		"between":              {audit.Filter{From: start.Add(10 * time.Minute), To: start.Add(20 * time.Minute)}, 10},
		"q in the resource":    {audit.Filter{Q: "mod_1"}, 10},
		"q in the reason":      {audit.Filter{Q: "RULE_DENIES"}, 8},
		"q is no pattern":      {audit.Filter{Q: "mod%1"}, 0},
		"q with a percent":     {audit.Filter{Q: "100%"}, 4},
		"q with an underscore": {audit.Filter{Q: "mod_0"}, 10},
		"q with a quote":       {audit.Filter{Q: `' OR '1'='1`}, 0},
		"rule":                 {audit.Filter{Rule: "rule-2"}, 13},
		"reason":               {audit.Filter{Reason: "rule_denies"}, 8},
		"purpose":              {audit.Filter{Purpose: "晨间查房 3"}, 10},
		"key filter":           {audit.Filter{Key: "key_1"}, 10},
		"key and actor":        {audit.Filter{Key: "key_1", Actor: "rita"}, 10},
		"rule and reason":      {audit.Filter{Rule: "rule-2", Reason: "rule_denies"}, 3},
		"q of two in Chinese":  {audit.Filter{Q: "查房"}, 40},
		"q of one in Chinese":  {audit.Filter{Q: "房"}, 40},
		"q, Chinese and more":  {audit.Filter{Q: "查房 3"}, 10},
		"q of two letters":     {audit.Filter{Q: "om", To: start.Add(40 * time.Minute)}, 20},
		"q whole person":       {audit.Filter{Q: "usr_omar"}, 20},
		"q part of a person":   {audit.Filter{Q: "sr_oma"}, 0},
		"q whole key":          {audit.Filter{Q: "key_1"}, 10},
		"q whole request":      {audit.Filter{Q: "req_07"}, 1},
		"q part of a request":  {audit.Filter{Q: "req_0"}, 0},
		"q unknown event":      {audit.Filter{Q: "evt_7"}, 0},
		"q and a rule":         {audit.Filter{Q: "omar", Rule: "rule-1"}, 7},
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
		"to before from":   {From: time.Unix(2, 0), To: time.Unix(1, 0)},
		"no time at all":   {From: time.Unix(1, 0), To: time.Unix(1, 0)},
		"two centuries":    {From: time.Unix(1, 0), To: time.Unix(1, 0).AddDate(200, 0, 0)},
		"cursor the last":  {Cursor: "1y2p0ij32e8e7"},
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
