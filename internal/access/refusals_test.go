package access_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// threat U2
func TestAnonymousRefusalsAreSummed(t *testing.T) {
	clock := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clock
	}
	g := gateOver(t, apptest.OpenDB(t), access.Options{Now: now})
	from := func(ip string) access.Principal {
		return access.Anonymous(access.Origin{IP: netip.MustParseAddr(ip), RequestID: "req_1"})
	}
	login := access.Op{Action: access.AuthLogin, Resource: "name:hash"}
	const tries = 5000
	for range tries {
		require.NoError(t, g.guard.Reject(t.Context(), from("192.0.2.1"), login, audit.Deny, "password"))
	}
	require.Len(t, g.events(t), access.FreeRefusals)
	// Another address has its own count; addresses of one /64 share one.
	require.NoError(t, g.guard.Reject(t.Context(), from("192.0.2.2"), login, audit.Deny, "password"))
	for i := range 100 {
		require.NoError(t, g.guard.Reject(t.Context(), from(fmt.Sprintf("2001:db8::%x", i+1)), login, audit.Deny, "password"))
	}
	require.Len(t, g.events(t), 2*access.FreeRefusals+1)
	// Whoever is signed in has a row each, always.
	for range 30 {
		require.NoError(t, g.guard.Reject(t.Context(), user("reviewer"), login, audit.Error, "invalid"))
	}
	require.Len(t, g.events(t), 2*access.FreeRefusals+31)

	mu.Lock()
	clock = clock.Add(time.Minute)
	mu.Unlock()
	ctx, stop := context.WithCancel(t.Context())
	stop() // Watch writes what is left when it ends
	g.guard.Watch(ctx)
	rows := g.events(t)
	sums := map[string]string{}
	for _, e := range rows[2*access.FreeRefusals+31:] {
		require.Equal(t, "summed", e.Reason)
		require.Equal(t, audit.Deny, e.Decision)
		require.Equal(t, "2026-11-21T09:00:00Z", e.Details["minute"])
		sums[e.IP] = fmt.Sprint(e.Details["refusals"])
	}
	require.Equal(t, map[string]string{"192.0.2.1": fmt.Sprint(tries - access.FreeRefusals), "2001:db8::15": "80"}, sums)

	// A new minute starts a new count, and ending twice writes nothing twice.
	require.NoError(t, g.guard.Reject(t.Context(), from("192.0.2.1"), login, audit.Deny, "password"))
	g.guard.Watch(ctx)
	require.Len(t, g.events(t), len(rows)+1)
	g.verify(t)
}

// threat U2
func TestTheLastOfTheDiskIsForWhoIsSignedIn(t *testing.T) {
	g := newGate(t, "")
	login := access.Op{Action: access.AuthLogin}
	stranger := access.Anonymous(access.Origin{IP: netip.MustParseAddr("192.0.2.1")})
	g.guard.SetFreeShare(0.04)
	for range 10 {
		require.NoError(t, g.guard.Reject(t.Context(), stranger, login, audit.Deny, "password"))
	}
	require.Empty(t, g.events(t))
	require.NoError(t, g.guard.Reject(t.Context(), user("reviewer"), login, audit.Error, "invalid"))
	pass := g.enter(t)
	_, err := pass.Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	require.Len(t, g.events(t), 2)
	g.guard.SetFreeShare(0.5)
	require.NoError(t, g.guard.Reject(t.Context(), stranger, login, audit.Deny, "password"))
	require.Len(t, g.events(t), 3)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	g.guard.Watch(ctx)
	rows := g.events(t)
	require.Equal(t, "summed", rows[len(rows)-1].Reason)
	require.Equal(t, "10", fmt.Sprint(rows[len(rows)-1].Details["refusals"]))
}

func TestManyAddressesAreCountedInBoundedMemory(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	g := gateOver(t, apptest.OpenDB(t), access.Options{Now: func() time.Time { return now }})
	login := access.Op{Action: access.AuthLogin}
	var wg sync.WaitGroup
	for worker := range 60 {
		wg.Go(func() {
			for i := range 100 {
				ip := netip.AddrFrom4([4]byte{10, 0, byte(worker), byte(i)})
				if err := g.guard.Reject(t.Context(), access.Anonymous(access.Origin{IP: ip}), login, audit.Deny, "password"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, access.FreeOfAll, g.count(t, "SELECT count(*) FROM audit_events"), "of all strangers together")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	g.guard.Watch(ctx)
	require.Equal(t, 6000-access.FreeOfAll, g.count(t, "SELECT sum(details ->> 'refusals') FROM audit_events WHERE reason = 'summed'"), "every one is counted")
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM audit_events WHERE reason = 'summed' AND ip = ''"), "and that one names none of them")
	require.Equal(t, 4096-access.FreeOfAll+1, g.count(t, "SELECT count(*) FROM audit_events WHERE reason = 'summed'"), "all beyond 4096 addresses are one")
}

// An administrator's deny, made by another process, is in force while the rows of strangers' refusals wait for the disk.
func TestAChangeDoesNotWaitForSums(t *testing.T) {
	path, w := apptest.DBPath(t), newWatch()
	server := gateOver(t, apptest.OpenDBAt(t, path, time.Now), access.Options{Now: w.now})
	other := gateOver(t, apptest.OpenDBAt(t, path, time.Now), access.Options{})
	stranger := access.Anonymous(access.Origin{IP: netip.MustParseAddr("192.0.2.1")})
	for range access.FreeRefusals + 1 {
		require.NoError(t, server.guard.Reject(t.Context(), stranger, access.Op{Action: access.AuthLogin}, audit.Deny, "password"))
	}
	w.wait(time.Minute)
	change(t, other.db, other.guard, "DELETE FROM acl_rules")

	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.db.Write(func(*db.Tx) error {
			close(held)
			<-release
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-held // nothing can be written now
	ctx, stop := context.WithCancel(t.Context())
	wg.Go(func() { server.guard.Watch(ctx) })
	seen := func() bool { return server.guard.PolicyVersion() == 2 }
	for start := time.Now(); !seen() && time.Since(start) < 10*time.Second; {
		<-time.After(time.Millisecond)
	}
	inForce := seen()
	close(release)
	stop()
	wg.Wait()
	require.True(t, inForce)
	require.Equal(t, 1, server.count(t, "SELECT count(*) FROM audit_events WHERE reason = 'summed'"), "and they are written when they can be")
}

// The rows of a minute are written some dozens at a time: one transaction each would keep the writer busy for seconds.
func TestSumsAreWrittenTogether(t *testing.T) {
	var ticks atomic.Int64
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
	g := gateOver(t, apptest.OpenDBAt(t, apptest.DBPath(t), clock), access.Options{Now: func() time.Time { return start }})
	g.guard.SetFreeShare(0.01) // all are only counted
	for i := range 130 {
		p := access.Anonymous(access.Origin{IP: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})})
		require.NoError(t, g.guard.Reject(t.Context(), p, access.Op{Action: access.AuthLogin}, audit.Deny, "password"))
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	g.guard.Watch(ctx)
	require.Equal(t, 130, g.count(t, "SELECT count(*) FROM audit_events WHERE reason = 'summed'"))
	require.Equal(t, 3, g.count(t, "SELECT count(DISTINCT at) FROM audit_events"), "64, 64 and 2: rows of one transaction have one time")
	g.verify(t)
}
