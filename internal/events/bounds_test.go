package events_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/events"
	"guardhouse/internal/fault"
)

func TestNinthStreamIsRefused(t *testing.T) {
	r := newRig(t)
	p := user("nurse")
	var open []*events.Subscription
	for range events.MaxPerPerson {
		s, err := r.hub.Subscribe(t.Context(), p, events.FromNow)
		require.NoError(t, err)
		open = append(open, s)
	}
	key := p
	key.Kind, key.KeyID = access.KindKey, "key_1" // a person's keys are no way round
	for _, who := range []access.Principal{p, key} {
		_, err := r.hub.Subscribe(t.Context(), who, events.FromNow)
		require.Equal(t, fault.RateLimited, fault.CodeOf(err))
		require.Positive(t, fault.From(err).RetryAfter)
	}
	other, err := r.hub.Subscribe(t.Context(), user("guest"), events.FromNow)
	require.NoError(t, err, "another person has places of his own")
	other.Close()
	open[0].Close()
	open[0].Close() // gives one place, not two
	again, err := r.hub.Subscribe(t.Context(), p, events.FromNow)
	require.NoError(t, err)
	_, err = r.hub.Subscribe(t.Context(), p, events.FromNow)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	for _, s := range append(open[1:], again) {
		s.Close()
	}
	require.Zero(t, r.hub.Streams())
}

func TestAllStreamsTogetherAreBounded(t *testing.T) {
	r := newRig(t)
	for i := range events.MaxStreams {
		p := user("guest")
		p.UserID = fmt.Sprint("usr_", i)
		s, err := r.hub.Subscribe(t.Context(), p, events.FromNow)
		require.NoError(t, err)
		t.Cleanup(s.Close)
	}
	_, err := r.hub.Subscribe(t.Context(), user("admin"), events.FromNow)
	require.Equal(t, fault.Busy, fault.CodeOf(err))
}

// TestASlowReaderIsDroppedAlone: the writers and the other readers never wait for him, and the log says how much he missed.
func TestASlowReaderIsDroppedAlone(t *testing.T) {
	r := newRig(t)
	slow, quick := r.follow(user("admin"), events.FromNow), r.follow(user("admin"), events.FromNow)
	r.settle(slow)
	release := slow.hold()
	first := r.row(audit.Entry{}, "usr_x", 0)
	require.Eventually(t, func() bool { return slow.bound(-1) == events.WriteWithin }, 10*time.Second, time.Millisecond)
	const rows = events.Window + 500
	for i := range rows {
		r.row(audit.Entry{}, "usr_x", 0)
		if i%500 == 0 { // a page of a quick reader, so that the window is what decides and not the machine
			quick.until(t, func() bool { return len(quick.of(events.TypeAudit)) >= i })
		}
	}
	last := first + rows
	quick.until(t, func() bool {
		list := quick.of(events.TypeAudit)
		return len(list) > 0 && seqOf(t, list[len(list)-1]) == last
	})
	require.Zero(t, r.hub.Dropped())
	release()
	slow.ended(t)
	require.EqualValues(t, 1, r.hub.Dropped())
	require.Equal(t, 1, r.hub.Streams())
	require.Contains(t, r.out.String(), "the reader is too slow")
	require.Contains(t, r.out.String(), `"request_id":"req_admin"`)
	require.Regexp(t, `"rows_behind":1[0-9]{3}`, r.out.String())
	require.NotContains(t, r.out.String(), "usr_admin", "no name and no id of a person")

	// He comes back and is told to start anew.
	_, id := slow.frames()
	after, err := events.ParseID(id)
	require.NoError(t, err)
	again := r.follow(user("admin"), after)
	again.until(t, func() bool { return len(again.of(events.TypeReset)) == 1 })
}

func TestAReaderWhoLeftIsNotCalledSlow(t *testing.T) {
	r := newRig(t)
	to := newReader()
	to.cut = 100
	s := r.followWith(user("admin"), events.FromNow, to)
	s.ended(t)
	require.Zero(t, r.hub.Dropped())
	require.Empty(t, r.out.String())
}

func TestKeepAlive(t *testing.T) {
	r := newRig(t)
	s := r.follow(user("guest"), events.FromNow)
	r.settle(s)
	require.NotContains(t, s.text(), "keep-alive")
	for i := 1; i <= 3; i++ {
		r.clock.Advance(events.KeepAlive)
		s.until(t, func() bool { return strings.Count(s.text(), ": keep-alive\n\n") == i })
	}
	require.Eventually(t, func() bool { return s.bound(-1) == 0 }, 10*time.Second, time.Millisecond, "between writes a stream may be silent")
}

// TestEverythingEndsWithTheHub: streams end at once, no new one comes in, and nothing is left running.
func TestEverythingEndsWithTheHub(t *testing.T) {
	path := apptest.DBPath(t)
	before := runtime.NumGoroutine()
	d, err := db.Open(t.Context(), db.Options{Path: path})
	require.NoError(t, err)
	r := rigOver(t, d)
	var all []*stream
	for i := range 40 {
		p := user("nurse")
		p.UserID = fmt.Sprint("usr_", i)
		all = append(all, r.follow(p, events.FromNow))
	}
	for _, s := range all[:10] {
		s.end()
	}
	r.stop()
	for _, s := range all {
		s.ended(t)
		require.Empty(t, s.of(events.TypeSession), "the session goes on, the server does not")
	}
	_, err = r.hub.Subscribe(t.Context(), user("nurse"), events.FromNow)
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.Zero(t, r.hub.Streams())
	require.Zero(t, r.clock.running())
	require.NoError(t, d.Close())
	newReader().until(t, func() bool { return runtime.NumGoroutine() <= before })
}

// TestOtherProcessesAreSeen: what the command line commits arrives within a second.
func TestOtherProcessesAreSeen(t *testing.T) {
	path := apptest.DBPath(t)
	r := rigOver(t, apptest.OpenDBAt(t, path, time.Now))
	s := r.follow(user("admin"), events.FromNow)
	other := audit.New(apptest.OpenDBAt(t, path, time.Now), []byte("content key of a test"))
	_, err := other.Record(audit.Entry{Actor: audit.Actor{Type: "system", Name: "cli:root"}, Action: "acl.manage", Decision: audit.Allow})
	require.NoError(t, err)
	s.until(t, func() bool { return len(s.of(events.TypeAudit)) == 1 })
}

// TestNobodyFollowsNothingIsRead: a server without pages open does no work for them.
func TestNobodyFollowsNothingIsRead(t *testing.T) {
	r := newRig(t)
	at := r.verdict("usr_x")
	s := r.follow(user("admin"), events.FromNow)
	require.Equal(t, at, r.hub.Position())
	s.end()
	r.clock.Advance(time.Minute)
	require.Eventually(t, func() bool { return r.hub.Position() < at }, 10*time.Second, time.Millisecond, "it forgets")
	at = r.verdict("usr_x")
	back := r.follow(user("admin"), at-1)
	back.until(t, func() bool { return len(back.of(events.TypeAudit)) == 1 })
}

// BenchmarkFanOut is 200 subscribers, each of whom gets 1,000 rows: what one reading saves the database shows in the time.
func BenchmarkFanOut(b *testing.B) {
	const readers, rows = 200, 1000
	for b.Loop() {
		b.StopTimer()
		r := newRig(b)
		for range rows {
			r.row(audit.Entry{}, "usr_x", 0)
		}
		first, err := r.hub.Subscribe(context.Background(), user("admin"), 0)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		done := make(chan int, readers)
		for i := range readers {
			go func() {
				p := user("admin")
				p.UserID = fmt.Sprint("usr_", i)
				done <- drain(r.hub, p, rows)
			}()
		}
		for range readers {
			if n := <-done; n != rows {
				b.Fatal(n)
			}
		}
		b.StopTimer()
		first.Close()
		r.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(readers*rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// counter is a reader that keeps nothing.
type counter struct {
	want, got int
	end       func()
}

func (c *counter) Bound(time.Duration) error { return nil }

func (c *counter) Write(p []byte) error {
	if c.got += strings.Count(string(p), "event: audit\n"); c.got >= c.want {
		c.end()
	}
	return nil
}

func drain(h *events.Hub, p access.Principal, rows int) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sub, err := h.Subscribe(ctx, p, 0)
	if err != nil {
		return -1
	}
	defer sub.Close()
	c := &counter{want: rows, end: cancel}
	sub.Follow(ctx, c)
	return c.got
}
