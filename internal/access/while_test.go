package access_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
)

// threat A4: whatever would refuse the pass now ends what goes on under it, and says why.
func TestWhileEndsWithTheRight(t *testing.T) {
	gone := fault.New(fault.Unauthenticated, "over")
	for name, c := range map[string]struct {
		still  func() (access.Principal, error)
		change string
		code   fault.Code
	}{
		"the session ended":     {still: func() (access.Principal, error) { return access.Principal{}, gone }, code: fault.Unauthenticated},
		"another role":          {still: func() (access.Principal, error) { return user("nurse"), nil }, code: fault.Forbidden},
		"the rule was taken":    {change: "DELETE FROM acl_rule_operations WHERE operation = 'infer'", code: fault.Forbidden},
		"all is as it was":      {},
		"nobody can say of him": {},
	} {
		t.Run(name, func(t *testing.T) {
			g := gateOver(t, apptest.OpenDB(t), access.Options{Recheck: time.Millisecond})
			pass := g.enter(t)
			var asked atomic.Int64
			still := func(context.Context, access.Principal) (access.Principal, error) {
				if asked.Add(1) < 3 || c.still == nil {
					return user("reviewer"), nil
				}
				return c.still()
			}
			if name == "nobody can say of him" {
				still = nil
			}
			ctx, stop := pass.While(t.Context(), still)
			defer stop()
			if c.change != "" {
				g.exec(t, c.change)
				require.NoError(t, g.guard.Reload(t.Context()))
			}
			if c.code == "" {
				require.Eventually(t, func() bool { return still == nil || asked.Load() > 5 }, 5*time.Second, time.Millisecond)
				require.NoError(t, ctx.Err())
				stop()
				require.Error(t, ctx.Err())
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
				require.FailNow(t, "it goes on")
			}
			require.Equal(t, c.code, fault.CodeOf(context.Cause(ctx)))
			require.Empty(t, g.events(t), "asking leaves no row")
		})
	}
}

func TestWhileEndsWithTheCaller(t *testing.T) {
	g := newGate(t, "")
	parent, leave := context.WithCancel(t.Context())
	ctx, stop := g.enter(t).While(parent, nil)
	defer stop()
	leave()
	<-ctx.Done()
	require.ErrorIs(t, context.Cause(ctx), context.Canceled)
}
