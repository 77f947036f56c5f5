package forward_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward"
)

func TestEverythingOnceInOrder(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0")
	h := newHouse(t, quick("127.0.0.1"))
	target := h.create(toSyslog("siem", r.address()))
	h.run()
	h.append(450)
	h.append(3)
	h.current(target.ID, 5*time.Second)
	require.Equal(t, h.all(), r.ids(), "the row that the target was made with among them")
	for _, c := range r.text() {
		require.True(t, c == '\n' || c >= ' ' && c <= '~', "%q", c)
	}
	target, err := h.Find(t.Context(), "siem")
	require.NoError(t, err)
	require.EqualValues(t, 454, target.Sent)
	require.Zero(t, target.Backlog)
}

// The target is away while rows are written, the sender stops and starts meanwhile, and nothing is lost.
func TestAwayForLong(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0")
	address := r.address()
	path := apptest.DBPath(t)
	h := openHouse(t, path, quick("127.0.0.1"), nil)
	target := h.create(toSyslog("siem", address))
	stop := h.run()
	h.append(10)
	h.current(target.ID, 5*time.Second)
	r.kill()
	rows := apptest.AuditRows(t, h.db) + 500
	h.append(500)
	require.Eventually(t, func() bool {
		target, err := h.Find(context.Background(), "siem")
		return err == nil && target.State == forward.Failing && target.Error == "refused" && target.Backlog == 500
	}, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, rows, apptest.AuditRows(t, h.db), "a failure leaves no row")
	stop()
	again := openHouse(t, path, quick("127.0.0.1"), nil)
	again.append(7)
	back := newReceiver(t, address)
	again.run()
	again.current(target.ID, 10*time.Second)
	require.Equal(t, again.all(), append(r.ids(), back.ids()...))
	require.Equal(t, 1, strings.Count(h.said.String(), "does not take what is sent"), "said once")
	require.Contains(t, again.said.String(), "works again")
}

// What was read by a process that died at once after it is sent again: it may not have been written.
func TestWhatTheDeadHaveReadIsSentAgain(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0")
	address := r.address()
	o := quick("127.0.0.1")
	o.Settle = time.Hour
	h := newHouse(t, o)
	target := h.create(toSyslog("siem", address))
	h.run()
	h.append(20)
	require.Eventually(t, func() bool { return len(r.ids()) == 21 }, 5*time.Second, 5*time.Millisecond)
	read := r.ids()
	r.kill()
	back := newReceiver(t, address)
	require.Eventually(t, func() bool { return len(back.ids()) >= 21 }, 5*time.Second, 5*time.Millisecond)
	require.Equal(t, read, back.ids()[:21], "byte for byte the same ids, so that they can be told")
	target, err := h.Find(t.Context(), target.ID)
	require.NoError(t, err)
	require.Zero(t, target.Position.Seq)
}

func TestStopTellsWhatWasRead(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0")
	path := apptest.DBPath(t)
	o := quick("127.0.0.1")
	o.Settle = time.Hour
	h := openHouse(t, path, o, nil)
	h.create(toSyslog("siem", r.address()))
	stop := h.run()
	h.append(20)
	require.Eventually(t, func() bool { return len(r.ids()) == 21 }, 5*time.Second, 5*time.Millisecond)
	stop()
	target, err := h.Find(t.Context(), "siem")
	require.NoError(t, err)
	require.EqualValues(t, 21, target.Position.Seq, "a stop waits for the receiver, and nothing is sent twice after it")
}

func TestCheckpointsFollowTheirRows(t *testing.T) {
	notes := func(_ context.Context, after int64, _ int) (out []forward.Note, err error) {
		for _, n := range []forward.Note{{Number: 1, Seq: 0, Text: "first"}, {Number: 2, Seq: 3, Text: "second\n"}} {
			if n.Number > after {
				out = append(out, n)
			}
		}
		return out, nil
	}
	r := newReceiver(t, "127.0.0.1:0")
	h := openHouse(t, apptest.DBPath(t), quick("127.0.0.1"), notes)
	target := h.create(toSyslog("siem", r.address()))
	h.append(4)
	h.run()
	require.Eventually(t, func() bool { return len(r.ids()) == 5 }, 5*time.Second, 5*time.Millisecond)
	lines := strings.Split(r.text(), "\n")
	require.Len(t, lines, 7)
	require.Contains(t, lines[0], `[guardhouse@32473 checkpoint="1"`)
	require.Contains(t, lines[3], `seq="3"`)
	require.Contains(t, lines[4], `{"checkpoint":"second\n"}`)
	h.current(target.ID, 5*time.Second)
	fresh := h.create(forward.Wanted{Kind: forward.Syslog, Name: "later", Settings: forward.Settings{Transport: forward.UDP, Address: r.address()}})
	require.Equal(t, forward.Position{Seq: 5, Checkpoint: 2}, fresh.Position)
}

func TestPauseChangeRemove(t *testing.T) {
	r, other := newReceiver(t, "127.0.0.1:0"), newReceiver(t, "127.0.0.1:0")
	h := newHouse(t, quick("127.0.0.1"))
	target := h.create(toSyslog("siem", r.address()))
	h.run()
	h.current(target.ID, 5*time.Second)
	yes, no, address := true, false, other.address()
	target, err := h.Change(t.Context(), system(), target.ID, forward.Change{Paused: &yes})
	require.NoError(t, err)
	require.Equal(t, forward.Paused, target.State)
	h.append(5)
	_, err = h.Change(t.Context(), system(), target.ID, forward.Change{Address: &address})
	require.NoError(t, err)
	seq, limited, err := h.Delivered(t.Context())
	require.NoError(t, err)
	require.True(t, limited)
	require.Less(t, seq, int64(9), "a paused one holds rows too")
	_, err = h.Change(t.Context(), system(), target.ID, forward.Change{Paused: &no})
	require.NoError(t, err)
	h.current(target.ID, 5*time.Second)
	require.Equal(t, h.all(), append(r.ids(), other.ids()...))
	apptest.RequireRows(t, h.db, 1, func() { require.NoError(t, h.Remove(t.Context(), system(), target.ID)) })
	row := h.last()
	require.Equal(t, "forwarding:"+target.ID, row.Resource)
	require.Equal(t, map[string]any{"change": "remove", "kind": "syslog", "name": "siem", "target": "tcp " + address}, row.Details)
	_, limited, err = h.Delivered(t.Context())
	require.NoError(t, err)
	require.False(t, limited)
}

func (h *house) last() audit.Event {
	h.t.Helper()
	page, err := h.log.List(h.t.Context(), audit.Filter{Limit: 1})
	require.NoError(h.t, err)
	return page.Items[0]
}

func TestUDP(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	h := newHouse(t, quick("127.0.0.1"))
	w := toSyslog("old", c.LocalAddr().String())
	w.Transport = forward.UDP
	target := h.create(w)
	h.run()
	buffer := make([]byte, 64<<10)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
	n, _, err := c.ReadFrom(buffer)
	require.NoError(t, err)
	require.Equal(t, h.all(), idsOf(string(buffer[:n])))
	h.current(target.ID, 5*time.Second)
}

func TestRefusals(t *testing.T) {
	h := newHouse(t, quick("127.0.0.1", "logs.example.org:6514"))
	h.create(toSyslog("taken", "127.0.0.1:1"))
	set := func(change func(*forward.Wanted)) forward.Wanted {
		w := toSyslog("new", "127.0.0.1:514")
		change(&w)
		return w
	}
	for label, c := range map[string]struct {
		w     forward.Wanted
		code  fault.Code
		field string
	}{
		"kind":         {set(func(w *forward.Wanted) { w.Kind = "mail" }), fault.Invalid, "kind"},
		"name":         {set(func(w *forward.Wanted) { w.Name = "a\u202eb" }), fault.Invalid, "name"},
		"taken":        {set(func(w *forward.Wanted) { w.Name = "ＴＡＫＥＮ" }), fault.Conflict, "name"},
		"transport":    {set(func(w *forward.Wanted) { w.Transport = "relp" }), fault.Invalid, "transport"},
		"host":         {set(func(w *forward.Wanted) { w.Address = "10.0.0.1:514" }), fault.Unprocessable, "address"},
		"port":         {set(func(w *forward.Wanted) { w.Address = "logs.example.org:514" }), fault.Unprocessable, "address"},
		"no port":      {set(func(w *forward.Wanted) { w.Address = "127.0.0.1" }), fault.Invalid, "address"},
		"ca":           {set(func(w *forward.Wanted) { w.Transport, w.CA = "tls", "nothing" }), fault.Invalid, "ca"},
		"ca in tcp":    {set(func(w *forward.Wanted) { w.CA = "x" }), fault.Invalid, "transport"},
		"half a pair":  {set(func(w *forward.Wanted) { w.Transport, w.Key = "tls", "x" }), fault.Invalid, "certificate"},
		"facility":     {set(func(w *forward.Wanted) { w.Facility = 24 }), fault.Invalid, "facility"},
		"bytes":        {set(func(w *forward.Wanted) { w.MaxBytes = 100 }), fault.Invalid, "max_bytes"},
		"datagram":     {set(func(w *forward.Wanted) { w.Transport, w.MaxBytes = "udp", 65508 }), fault.Invalid, "max_bytes"},
		"own secret":   {forward.Wanted{Kind: forward.Webhook, Name: "w", Key: "a", Settings: forward.Settings{URL: "https://127.0.0.1"}}, fault.Invalid, "key"},
		"scope":        {set(func(w *forward.Wanted) { w.Scope = "some" }), fault.Invalid, "scope"},
		"from":         {set(func(w *forward.Wanted) { w.From = "yesterday" }), fault.Invalid, "from"},
		"both":         {set(func(w *forward.Wanted) { w.URL = "https://127.0.0.1" }), fault.Invalid, "url"},
		"http":         {forward.Wanted{Kind: forward.Webhook, Name: "w", Settings: forward.Settings{URL: "http://127.0.0.1"}}, fault.Invalid, "url"},
		"user":         {forward.Wanted{Kind: forward.Webhook, Name: "w", Settings: forward.Settings{URL: "https://a:b@127.0.0.1"}}, fault.Invalid, "url"},
		"foreign host": {forward.Wanted{Kind: forward.Webhook, Name: "w", Settings: forward.Settings{URL: "https://169.254.169.254/latest"}}, fault.Unprocessable, "url"},
	} {
		apptest.RequireRows(t, h.db, 1, func() {
			_, _, err := h.Create(t.Context(), system(), c.w)
			require.Equal(t, c.code, fault.CodeOf(err), label)
			require.Equal(t, c.field, fault.From(err).Field, label)
		})
	}
	list, err := h.List(t.Context(), system())
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestWhoMay(t *testing.T) {
	h := newHouse(t, quick("127.0.0.1"))
	target := h.create(toSyslog("siem", "127.0.0.1:1"))
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
			VALUES ('usr_ada', 'person', 'ada', 'ada', 'admin', 'active', 0, 0), ('usr_ned', 'person', 'ned', 'ned', 'nurse', 'active', 0, 0)`)
		return err
	}))
	ned := access.Principal{Kind: access.KindUser, UserID: "usr_ned", Name: "ned", Role: "nurse"}
	ada := access.Principal{Kind: access.KindUser, UserID: "usr_ada", Name: "ada", Role: "admin", Unconfirmed: true}
	yes := true
	acts := map[string]func(p access.Principal) error{
		"create": func(p access.Principal) error {
			_, _, err := h.Create(t.Context(), p, toSyslog("x", "127.0.0.1:2"))
			return err
		},
		"change": func(p access.Principal) error {
			_, err := h.Change(t.Context(), p, target.ID, forward.Change{Paused: &yes})
			return err
		},
		"rotate": func(p access.Principal) error { _, _, err := h.Rotate(t.Context(), p, target.ID); return err },
		"remove": func(p access.Principal) error { return h.Remove(t.Context(), p, target.ID) },
	}
	for label, do := range acts {
		apptest.RequireRows(t, h.db, 1, func() { require.Equal(t, fault.Forbidden, fault.CodeOf(do(ned)), label) })
		apptest.RequireRows(t, h.db, 1, func() { require.Equal(t, fault.ConfirmationRequired, fault.CodeOf(do(ada)), label) })
	}
	apptest.RequireRows(t, h.db, 1, func() {
		_, err := h.List(t.Context(), ned)
		require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	})
	apptest.RequireRows(t, h.db, 1, func() {
		require.Equal(t, fault.NotFound, fault.CodeOf(h.Remove(t.Context(), system(), "fwd_unknown")))
	})
	apptest.RequireRows(t, h.db, 1, func() {
		code, err := h.Test(t.Context(), ada, target.ID)
		require.NoError(t, err)
		require.Equal(t, "refused", code)
	})
}
