package events_test

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/events"
	"guardhouse/internal/fault"
)

func seqOf(t testing.TB, f frame) int64 {
	t.Helper()
	var row struct {
		Seq      int64 `json:"seq"`
		AuditSeq int64 `json:"audit_seq"`
	}
	require.NoError(t, json.Unmarshal([]byte(f.data), &row))
	return row.Seq + row.AuditSeq
}

// TestResumeIsExact: four writers at once, a reader who is cut off at any byte and comes back with the last id it has,
// and the server restarting in between: every row arrives, once, in order.
func TestResumeIsExact(t *testing.T) {
	r := newRig(t)
	const writers, each = 4, 150
	first := r.row(audit.Entry{}, "usr_a", 0)
	writing := r // the restarts below are the readers', under another rig
	var work sync.WaitGroup
	for range writers {
		work.Go(func() {
			for range each {
				writing.row(audit.Entry{}, "usr_a", 0)
			}
		})
	}
	var got []int64
	lastID, cuts := strconv.FormatInt(first-1, 10), 0
	random := rand.New(rand.NewPCG(1, 2))
	take := func(to *reader) {
		for _, f := range to.of(events.TypeAudit) {
			got = append(got, seqOf(t, f))
		}
		require.Empty(t, to.of(events.TypeReset))
		if _, id := to.frames(); id != "" {
			lastID = id
		}
	}
	for len(got) < 1+writers*each {
		if cuts++; cuts%7 == 0 { // a restart: a new hub that has read nothing yet
			r.stop()
			r = rigOver(t, r.db)
		}
		after, err := events.ParseID(lastID)
		require.NoError(t, err)
		to := newReader()
		to.cut = 300 + random.IntN(60_000)
		seen := len(got)
		s := r.followWith(user("admin"), after, to)
		s.until(t, func() bool {
			select {
			case <-s.done:
				return true
			default:
				return seen+len(to.of(events.TypeAudit)) >= 1+writers*each
			}
		})
		s.end()
		take(to)
	}
	work.Wait()
	require.Greater(t, cuts, 7, "there were restarts")
	for i, seq := range got {
		require.Equal(t, first+int64(i), seq, "row %d", i)
	}
}

// TestARowIsCutInTwo: the number of a row stands on its last event, so a reader who is cut off in the middle of a row gets
// all of it again, and misses nothing.
func TestARowIsCutInTwo(t *testing.T) {
	r := newRig(t)
	before := r.verdict("usr_admin")
	r.row(audit.Entry{}, "usr_admin", 3)
	whole := r.follow(user("admin"), before)
	whole.until(t, func() bool { return len(whole.of(events.TypeAudit)) == 1 })
	list, _ := whole.frames()
	var kinds []string
	for i, f := range list[len(list)-4:] {
		kinds = append(kinds, f.kind)
		require.Equal(t, i == 3, f.id != "", "only the last one moves the place")
	}
	require.Equal(t, []string{"verdict", "verdict", "verdict", "audit"}, kinds)
	text := whole.text()
	for cut := 1; cut < len(text); cut += 37 {
		to := newReader()
		to.raw = []byte(text[:cut])
		_, id := to.frames()
		after, err := events.ParseID(id)
		require.NoError(t, err)
		if after == events.FromNow {
			after = before // cut off before the first event: it asks for what it asked for
		}
		s := r.follow(user("admin"), after)
		if len(to.of(events.TypeAudit)) == 0 {
			s.until(t, func() bool { return len(s.of(events.TypeAudit)) == 1 })
			require.Len(t, s.of(events.TypeVerdict), 3)
		}
		s.end()
	}
}

func TestFarBehindStartsAnew(t *testing.T) {
	r := newRig(t)
	const rows = events.Window + 10
	for range rows {
		r.row(audit.Entry{Action: "auth.login"}, "usr_a", 0)
	}
	for name, c := range map[string]struct {
		after int64
		reset bool
		rows  int
	}{
		"from now":            {after: events.FromNow},
		"at the end":          {after: rows},
		"one behind":          {after: rows - 1, rows: 1},
		"as far as it goes":   {after: rows - events.Window, rows: events.Window},
		"one too far":         {after: rows - events.Window - 1, reset: true},
		"from the beginning":  {after: 0, reset: true},
		"of another log":      {after: rows + 1, reset: true},
		"of a much later one": {after: 1 << 50, reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := r.follow(user("admin"), c.after)
			s.until(t, func() bool { return len(s.of(events.TypeAudit)) == c.rows && len(s.of(events.TypePolicy)) == 1 })
			list, id := s.frames()
			if c.reset {
				require.Equal(t, frame{id: strconv.Itoa(rows), kind: "reset", data: `{"id":` + strconv.Itoa(rows) + `}`, lastID: strconv.Itoa(rows)}, list[0])
			} else {
				require.Empty(t, s.of(events.TypeReset))
			}
			require.Equal(t, strconv.Itoa(rows), id)
			require.Contains(t, s.text(), "retry: 3000\n\n")
			s.end()
		})
	}
}

// TestWhoSeesNothingCanResumeToo: the place moves on though there is nothing to show.
func TestWhoSeesNothingCanResumeToo(t *testing.T) {
	r := newRig(t)
	first := r.verdict("usr_a")
	s := r.follow(user("guest"), events.FromNow)
	for range events.Window + 200 {
		r.row(audit.Entry{Action: "auth.login"}, "usr_a", 0)
	}
	s.until(t, func() bool {
		_, id := s.frames()
		at, err := events.ParseID(id)
		return err == nil && at >= first+events.Window
	})
	_, id := s.frames()
	after, err := events.ParseID(id)
	require.NoError(t, err)
	require.Empty(t, r.follow(user("guest"), after).of(events.TypeReset))
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]int64{"": events.FromNow, "0": 0, "1": 1, "42": 42, "999999999999999999": 999999999999999999} {
		id, err := events.ParseID(text)
		require.NoError(t, err, text)
		require.Equal(t, want, id)
	}
	for _, text := range []string{
		"-1", "+1", "01", " 1", "1 ", "1.0", "1e3", "0x1", "٣", "1\n", "1\x00", "null", "9223372036854775808", "1000000000000000000", "évt",
	} {
		_, err := events.ParseID(text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", text)
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", "0", "17", "-1", "007", "9223372036854775807", "1\r\ndata: x", "１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := events.ParseID(s)
		switch {
		case err != nil:
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.NotContains(t, fault.From(err).Message, "\n")
		case s == "":
			require.Equal(t, events.FromNow, id)
		default:
			require.GreaterOrEqual(t, id, int64(0))
			require.Equal(t, s, strconv.FormatInt(id, 10), "one spelling")
		}
	})
}
