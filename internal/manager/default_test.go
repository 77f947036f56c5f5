package manager_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/manager"
)

// A model whose last lease is still out when it goes does not come back before its memory did: it would judge nobody.
func TestAModelThatIsShutComesBackAnew(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	m := r.brought("second")
	r.refresh()
	op := access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "second", ModelSHA256: m.SHA256}
	pass, err := r.guard.Enter(t.Context(), admin(), op)
	require.NoError(t, err)
	lease, err := r.sched.Acquire(t.Context(), pass, "second")
	require.NoError(t, err)
	_, err = r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	r.refresh()
	_, err = r.cat.Load(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	r.refresh()
	require.NotEqual(t, catalog.StateReady, r.state("second"))
	lease.Release()
	_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	pass.Close(&err)
	r.refresh()
	_, err = r.use(t.Context(), "second")
	require.NoError(t, err)
	require.Equal(t, 2, r.engine.Held())
}

// A default that is to make room at once and is in use does not hold up the loads of others; its successor comes after it.
func TestAnInterruptWaitsForNobodyUnderTheLock(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 500})
	r.engine.takes = map[string]int64{"guard-nano": 300, "second": 300}
	r.brought("second")
	r.refresh()
	h, err := r.Take(t.Context(), catalog.KindGuard, "")
	require.NoError(t, err)
	change := catalog.DefaultChange{Change: catalog.Change{ID: "second"}, Replace: true, Interrupt: true}
	_, err = r.cat.MakeDefault(t.Context(), admin(), change)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.Error(t, r.Refresh(ctx))
	require.NoError(t, ctx.Err(), "it did not wait")
	require.Equal(t, catalog.StateLoading, r.state("second"))
	h.Done()
	r.refresh()
	require.Equal(t, catalog.StateReady, r.state("second"))
	require.True(t, r.model("second").Default)
	require.Equal(t, 1, r.engine.Held())
}

// A guard that went to rest is loaded when the setting names it the default.
func TestADefaultDoesNotRest(t *testing.T) {
	r := newRig(t, manager.Tuning{Idle: time.Hour})
	r.brought("second")
	r.refresh()
	r.clock.pass(2 * time.Hour)
	r.refresh()
	require.Equal(t, "unloaded idle", r.state("second"))
	r.cat.SetDefault("second")
	r.refresh()
	require.Equal(t, catalog.StateReady, r.state("second"))
	require.True(t, r.model("second").Default)
}

// Nothing that was said of a guard before keeps a default out of memory after a restart.
func TestTheSettingLoadsAnUnloadedGuard(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	r.brought("second")
	_, err := r.cat.Unload(t.Context(), admin(), catalog.Change{ID: "second"})
	require.NoError(t, err)
	r.cat.SetDefault("second")
	require.NoError(t, r.Load(t.Context()))
	id, err := r.use(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "second", id)
}

// Who only holds a model, as a probe or a caller who is refused does, has not used it.
func TestOnlyThoseWhoCallUponAModelUseIt(t *testing.T) {
	r := newRig(t, manager.Tuning{Idle: time.Hour})
	r.brought("second")
	r.refresh()
	r.clock.pass(59 * time.Minute)
	h, err := r.Take(t.Context(), catalog.KindGuard, "second")
	require.NoError(t, err)
	_, err = h.Resident()
	require.NoError(t, err)
	h.Done()
	r.clock.pass(2 * time.Minute)
	r.refresh()
	require.Equal(t, "unloaded idle", r.state("second"))
}

// A probe that leaves while a touched file is hashed has found out nothing: the model goes on.
func TestAProbeThatLeavesWithdrawsNothing(t *testing.T) {
	r := newRig(t, manager.Tuning{})
	m := r.brought("second")
	r.refresh()
	require.NoError(t, os.Chtimes(m.Path, time.Time{}, r.clock.now()))
	h, err := r.Take(t.Context(), catalog.KindGuard, "second")
	require.NoError(t, err)
	defer h.Done()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.Confirmed(gone)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.Equal(t, catalog.StateReady, r.state("second"))
	_, err = h.Confirmed(t.Context())
	require.NoError(t, err)
}
