package forward_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/forward"
	"guardhouse/internal/forward/outbound"
)

// A receiver that stops reading holds up neither the other targets, nor what is changed about them, nor the end.
func TestAReceiverThatStopsReadingHoldsNobodyUp(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0")
	o := quick("127.0.0.1")
	stuck := make(chan struct{}, 1)
	hangs := "127.0.0.1:9"
	o.Dialer = &outbound.Dialer{Hosts: o.Hosts, Connect: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != hangs {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		}
		ours, theirs := net.Pipe() // nobody reads it: each write waits
		t.Cleanup(func() { _ = theirs.Close() })
		stuck <- struct{}{}
		return ours, nil
	}}
	h := newHouse(t, o)
	one := h.create(toSyslog("hangs", hangs))
	began := time.Now()
	stop := h.run()
	<-stuck
	yes, no := true, false
	_, err := h.Change(t.Context(), system(), one.ID, forward.Change{Paused: &yes})
	require.NoError(t, err)
	other := h.create(toSyslog("reads", r.address()))
	h.append(20)
	h.current(other.ID, 10*time.Second)
	require.Equal(t, h.all(), r.ids())
	_, err = h.Change(t.Context(), system(), one.ID, forward.Change{Paused: &no})
	require.NoError(t, err)
	<-stuck
	stop()
	require.Less(t, time.Since(began), 20*time.Second, "a write would wait for thirty")
	one, err = h.Find(t.Context(), one.ID)
	require.NoError(t, err)
	require.Zero(t, one.Position.Seq)
}

// A failure that is over leaves no target failing because there is nothing to send to it.
func TestATargetThatHasEverythingIsNotFailing(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0")
	h := newHouse(t, quick("127.0.0.1"))
	w := toSyslog("on call", r.address())
	w.Scope = forward.Alerts
	target := h.create(w)
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE forward_targets SET last_error = 'broken', failing_since = 0 WHERE id = ?`, target.ID)
		return err
	}))
	before, err := h.Find(t.Context(), target.ID)
	require.NoError(t, err)
	require.Equal(t, forward.Failing, before.State)
	h.run()
	h.current(target.ID, 5*time.Second)
}

func TestATargetThatCannotBeReadIsSaidOnce(t *testing.T) {
	r := newReceiver(t, "127.0.0.1:0")
	h := newHouse(t, quick("127.0.0.1"))
	bad := h.create(toSyslog("bad", r.address()))
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE forward_targets SET settings = '[]' WHERE id = ?`, bad.ID)
		return err
	}))
	h.run()
	said := func() int { return strings.Count(h.said.String(), "level=ERROR") }
	require.Eventually(t, func() bool { return said() > 0 }, 5*time.Second, 5*time.Millisecond)
	require.Never(t, func() bool { return said() > 1 }, 1200*time.Millisecond, 50*time.Millisecond)
}
