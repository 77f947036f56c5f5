package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// offered are the filters of the page, one value each.
func offered(start time.Time) map[string]func(*audit.Filter) {
	return map[string]func(*audit.Filter){
		"name":     func(f *audit.Filter) { f.Actor = "person 7" },
		"actor":    func(f *audit.Filter) { f.Actor = "user:usr_7" },
		"key":      func(f *audit.Filter) { f.Key = "key_1" },
		"action":   func(f *audit.Filter) { f.Action = "moderation.run" },
		"model":    func(f *audit.Filter) { f.Model = "guard-nano" },
		"refused":  func(f *audit.Filter) { f.Decision = audit.Deny },
		"allowed":  func(f *audit.Filter) { f.Decision = audit.Allow },
		"ip":       func(f *audit.Filter) { f.IP = "192.0.2.7" },
		"request":  func(f *audit.Filter) { f.RequestID = "req_777" },
		"rule":     func(f *audit.Filter) { f.Rule = "rule-7" },
		"reason":   func(f *audit.Filter) { f.Reason = "condition_hours" },
		"purpose":  func(f *audit.Filter) { f.Purpose = "triage" },
		"words":    func(f *audit.Filter) { f.Q = "张伟" },
		"id":       func(f *audit.Filter) { f.Q = "evt_777" },
		"a letter": func(f *audit.Filter) { f.Q = "7" },
		"time":     func(f *audit.Filter) { f.From, f.To = start.Add(95*time.Second), start.Add(9*time.Hour) },
		"cursor":   func(f *audit.Filter) { f.Cursor = "1hmo" }, // 70,000
	}
}

// manyRows is what the tests of plans, counts and bounds are made on: more than one count looks at.
const manyRows = audit.CountRows + 10_000

// At more than a hundred thousand rows.
func TestALongLog(t *testing.T) {
	d, log, start := filled(t, manyRows)
	t.Run("plans", func(t *testing.T) { plansAreBounded(t, log, start) })
	t.Run("pages end", func(t *testing.T) { pagesEnd(t, log, start) })
	t.Run("counts", func(t *testing.T) { countsAreRight(t, log, start) })
	t.Run("counts end", func(t *testing.T) { countsEnd(t, d, log, start) })
}

// plansAreBounded: every filter that the page offers, and every two of them, read the log by an index or by number in the order
// of the list: nothing is sorted, and no table is read from its beginning.
func plansAreBounded(t *testing.T, log *audit.Log, start time.Time) {
	t.Helper()
	all := offered(start)
	for _, oldest := range []bool{false, true} {
		for one, a := range all {
			for two, b := range all {
				if two < one {
					continue
				}
				f := audit.Filter{OldestFirst: oldest}
				a(&f)
				b(&f)
				plans, err := log.Plan(t.Context(), f)
				require.NoError(t, err)
				for _, plan := range plans {
					for step := range strings.SplitSeq(plan, "; ") {
						known := strings.HasPrefix(step, "SEARCH audit_events USING ") || strings.HasPrefix(step, "SCAN audit_search VIRTUAL TABLE INDEX ")
						require.True(t, known, "%+v: %s", f, plan)
					}
				}
			}
		}
	}
	plans, err := log.SumPlans(t.Context())
	require.NoError(t, err)
	for name, plan := range plans {
		require.Contains(t, plan, "SEARCH audit_", name)
		require.NotContains(t, plan, "SCAN", name)
	}
}

// Every pair of filters finds exactly the rows that have both, whichever of the two leads, in pages of any size.
func TestPairsFindWhatBothFind(t *testing.T) {
	_, log, start := filled(t, 900)
	all := offered(start)
	found := map[string]map[int64]bool{}
	for name, set := range all {
		found[name] = numbers(t, log, set)
	}
	for one, a := range all {
		for two, b := range all {
			if two <= one || (one == "actor" && two == "name") || (one == "allowed" && two == "refused") || (one == "cursor" || two == "cursor") || overwrites(one, two) {
				continue
			}
			both := map[int64]bool{}
			for seq := range found[one] {
				if found[two][seq] {
					both[seq] = true
				}
			}
			require.Equal(t, both, numbers(t, log, a, b), "%s and %s", one, two)
		}
	}
}

// overwrites says that two filters are one member.
func overwrites(one, two string) bool {
	q := map[string]bool{"words": true, "id": true, "a letter": true}
	return q[one] && q[two]
}

func numbers(t *testing.T, log *audit.Log, set ...func(*audit.Filter)) map[int64]bool {
	t.Helper()
	out := map[int64]bool{}
	for _, oldest := range []bool{false, true} {
		f := audit.Filter{Limit: 400, OldestFirst: oldest}
		for _, s := range set {
			s(&f)
		}
		f.Cursor = ""
		var last int64
		for {
			page, err := log.List(t.Context(), f)
			require.NoError(t, err)
			for _, e := range page.Items {
				require.True(t, last == 0 || e.Seq > last == oldest, "in order")
				require.False(t, !oldest && out[e.Seq], "once")
				last, out[e.Seq] = e.Seq, true
			}
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				break
			}
		}
	}
	return out
}

// pagesEnd: a page looks at so many rows and no more; it says how far it came, and the next one goes on there.
func pagesEnd(t *testing.T, log *audit.Log, start time.Time) {
	t.Helper()
	for _, oldest := range []bool{false, true} {
		f := audit.Filter{Q: "£", OldestFirst: oldest}
		var ends []time.Time
		for {
			page, err := log.List(t.Context(), f)
			require.NoError(t, err)
			require.Empty(t, page.Items)
			if page.NextCursor == "" {
				require.Zero(t, page.SearchedTo)
				break
			}
			ends = append(ends, page.SearchedTo)
			f.Cursor = page.NextCursor
		}
		want := []time.Time{start.Add((manyRows - audit.WalkMost + 1) * time.Second), start.Add((manyRows - 2*audit.WalkMost + 1) * time.Second)}
		if oldest {
			want = []time.Time{start.Add(audit.WalkMost * time.Second), start.Add(2 * audit.WalkMost * time.Second)}
		}
		require.Equal(t, want, ends)
	}
	page, err := log.List(t.Context(), audit.Filter{Q: "££", Action: "moderation.run"})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	require.Empty(t, page.NextCursor, "the index of words knows that there is none")
}

// Clocks that were set back and put right again hide no row from a time.
func TestATimeIsFoundUnderAClockThatWasWrong(t *testing.T) {
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	clock := start
	log := audit.New(apptest.OpenDBAt(t, apptest.DBPath(t), func() time.Time { return clock }), contentKey)
	want := 0
	for i, at := range []time.Time{start, start.AddDate(1, 0, 0), start.AddDate(1, 0, 1), start.Add(time.Hour), start.AddDate(1, 0, 0).Add(time.Minute), start.AddDate(-1, 0, 0)} {
		clock = at
		_, err := log.Record(entry(fmt.Sprint("p", i)))
		require.NoError(t, err)
		if !at.Before(start.AddDate(1, 0, 0)) {
			want++
		}
	}
	for _, state := range []string{"unindexed", "indexed"} {
		page, err := log.List(t.Context(), audit.Filter{From: start.AddDate(1, 0, 0)})
		require.NoError(t, err)
		require.Len(t, page.Items, want, state)
		v, err := log.Volume(t.Context(), audit.Filter{From: start.AddDate(1, 0, 0), To: start.AddDate(1, 0, 2)}, 5, start)
		require.NoError(t, err)
		require.EqualValues(t, want, v.Total.Sum(), state)
		require.NoError(t, log.Index(t.Context()))
	}
}

// Rows that retention removes leave the words and the sums with them.
func TestRemovedRowsLeaveTheIndex(t *testing.T) {
	d, log, start := filled(t, 1000)
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		if _, err := tx.Exec("DROP TRIGGER audit_events_no_delete"); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM audit_events WHERE seq <= 500")
		return err
	}))
	page, err := log.List(t.Context(), audit.Filter{Q: "张伟", Limit: 100})
	require.NoError(t, err)
	require.Len(t, page.Items, 10)
	var left, summed int
	require.NoError(t, d.ReadSQL().QueryRowContext(t.Context(), "SELECT count(*) FROM audit_search WHERE audit_search MATCH ?", audit.Ngrams("张伟")[0]).Scan(&left))
	require.Equal(t, 10, left)
	require.NoError(t, d.ReadSQL().QueryRowContext(t.Context(), "SELECT sum(n) FROM audit_sums WHERE width = 60000").Scan(&summed))
	require.Equal(t, 500, summed)
	v, err := log.Volume(t.Context(), audit.Filter{From: start}, 9, start.Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 500, v.Rows)
}

// The index goes on where it was left, and takes nothing in twice.
func TestTheIndexGoesOnWhereItWasLeft(t *testing.T) {
	d, log, _ := filled(t, 2*audit.IndexBatch)
	for range 3 {
		_, err := log.Record(entry("rita"))
		require.NoError(t, err)
		more, err := audit.New(d, contentKey).IndexNext(t.Context())
		require.NoError(t, err)
		require.True(t, more)
	}
	more, err := log.IndexNext(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	var known, summed int
	require.NoError(t, d.ReadSQL().QueryRowContext(t.Context(), "SELECT seq, (SELECT sum(n) FROM audit_sums WHERE width = 3600000) FROM audit_index").Scan(&known, &summed))
	require.Equal(t, 2*audit.IndexBatch+3, known)
	require.Equal(t, known, summed)
}

// What keeps the index takes in all rows once the log rests, and ends with its context.
func TestTheIndexIsKept(t *testing.T) {
	d, log := newLog(t)
	_, err := log.Record(entry("rita"))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		log.KeepIndex(ctx, func(err error) { t.Error(err) })
		close(ended)
	}()
	require.Eventually(t, func() bool {
		var known int
		return d.ReadSQL().QueryRowContext(t.Context(), "SELECT seq FROM audit_index").Scan(&known) == nil && known == 1
	}, 20*time.Second, 50*time.Millisecond)
	stop()
	<-ended
}

func TestNgrams(t *testing.T) {
	for text, n := range map[string]int{"": 0, "a": 0, "ab": 0, "abc": 1, "ABCd": 2, "张": 0, "张伟": 1, "张三丰": 2, "a张": 1, "张abc": 2, "abc张": 2, "aaaa": 1} {
		require.Len(t, audit.Ngrams(text), n, text)
	}
	require.Equal(t, audit.Ngrams("MODERATION.run"), audit.Ngrams("moderation.RUN"))
}

// What is part of a text has no word that the text has not.
func FuzzNgrams(f *testing.F) {
	f.Add("moderation.run 张伟 guard-nano", 3, 20)
	f.Fuzz(func(t *testing.T, text string, from, to int) {
		runes := []rune(text)
		if from < 0 || to > len(runes) || from > to || len(runes) > 500 {
			return
		}
		whole := audit.Ngrams(text)
		for _, word := range audit.Ngrams(string(runes[from:to])) {
			require.Contains(t, whole, word)
		}
	})
}
