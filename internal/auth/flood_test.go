package auth

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/fault"
)

// resident is what the Go runtime holds of the machine's memory now.
func resident() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// threat A7: five hundred strangers at once, each from an address of his own and at a name of his own, so that nothing but
// the queue holds them back; hashes at their real cost.
func TestFiveHundredSignInsAtRealCost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of two cores")
	}
	b := newBenchIn(t, t.TempDir(), newClock(), Options{HashSlots: 2})
	require.NoError(t, b.useCost(password.StandardCost()))
	b.admin()
	one := b.cost.Work()
	runtime.GC()
	base := resident()

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			_, err := b.Login(ctx, at(fmt.Sprintf("198.18.%d.%d", i/250, i%250+1)), LoginRequest{Username: fmt.Sprintf("person-%d", i), Password: wrongPassword})
			switch fault.CodeOf(err) {
			case fault.Unauthenticated, fault.Busy, fault.Canceled:
			default:
				t.Errorf("unexpected %v", err)
			}
		})
	}
	require.Eventually(t, func() bool { _, waiting := b.slots.load(); return waiting > 300 }, 20*time.Second, time.Millisecond)

	// The admin, from an address he is known at, waits for the hashes that run, not for those that wait.
	before, start := b.spent.Load(), time.Now()
	in, err := b.signIn(origin(), adminName, adminPassword, true)
	require.NoError(t, err)
	took, hashes := time.Since(start), (b.spent.Load()-before)/one
	require.LessOrEqual(t, hashes, int64(4), "his own, and those that were running")
	require.Equal(t, adminName, b.principal(in.CookieToken).Name)
	_, waiting := b.slots.load()
	require.Greater(t, waiting, 200)

	// An admin on a machine he never used waits for his turn among addresses; a flood of one address has one turn.
	peak := int64(0)
	require.Eventually(t, func() bool {
		peak = max(peak, resident())
		return (b.spent.Load()-before)/one >= 24
	}, time.Minute, time.Millisecond)
	cancel()
	wg.Wait()
	t.Logf("admin in after %s and %d hashes; %d MiB over the base of %d MiB at the peak", took.Round(time.Millisecond), hashes, (peak-base)>>20, base>>20)
	// Two hashes run, and as much may wait for the collector.
	require.LessOrEqual(t, peak-base, int64(2*2*64+64)<<20)
}

// threat U2: a million bad sign-ins leave bounded rows, bounded memory, and a server that serves. The hash is cheap here:
// what it costs is bounded by its slots.
func TestAMillionBadSignInsAreBoundedGrowth(t *testing.T) {
	refusals, signIns := 1_000_000, 4000
	if testing.Short() {
		refusals, signIns = 50_000, 400
	}
	b := newBench(t)
	b.user("rita", "reviewer")
	known := b.login("rita", true)
	before := b.count("SELECT count(*) FROM audit_events")
	held := heap()

	// Through the whole sign-in: names and addresses of a botnet.
	for i := range signIns {
		_, err := b.signIn(at(fmt.Sprintf("198.18.%d.%d", i/200%256, i%200+1)), fmt.Sprintf("person-%d", i), wrongPassword, true)
		requireCode(t, fault.Unauthenticated, err)
	}
	// At the gate: one minute, a hundred thousand networks.
	minutes := 3
	for m := range minutes {
		for i := range refusals / minutes {
			stranger := access.Anonymous(at(fmt.Sprintf("2001:db8:%x:%x::1", i/1000%100, i%1000)))
			require.NoError(t, b.guard.Reject(context.Background(), stranger, access.Op{Action: access.AuthLogin, Resource: "name:hash"}, audit.Deny, reasonUnknown))
		}
		b.clock.Advance(time.Minute)
		if m == 0 {
			in, err := b.Login(context.Background(), at("203.0.113.7"), LoginRequest{Username: "rita", Password: adminPassword, DeviceToken: known.DeviceToken, Browser: true})
			require.NoError(t, err, "users are served meanwhile")
			require.Equal(t, "rita", b.principal(in.CookieToken).Name)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	stop() // Watch writes what is left when it ends
	b.guard.Watch(ctx)
	rows := b.count("SELECT count(*) FROM audit_events") - before
	t.Logf("%d refusals, %d rows, %d KiB more held", refusals+signIns, rows, (heap()-held)>>10)
	require.LessOrEqual(t, rows, (minutes+1)*(2000+4096+1)+1, "own rows and sums of each minute, and rita's")
	require.LessOrEqual(t, heap()-held, int64(32<<20))
	var said int
	require.NoError(t, b.db.ReadSQL().QueryRowContext(context.Background(),
		"SELECT count(*) + sum(coalesce(json_extract(details, '$.refusals'), 1) - 1) FROM audit_events WHERE decision = 'deny'").Scan(&said))
	require.Equal(t, refusals/minutes*minutes+signIns, said, "every refusal is counted in some row")
}
