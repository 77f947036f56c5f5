package access_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
)

// quotaOf is a quota of each person a day.
func quotaOf(unit limit.Unit, most int64) access.Limits {
	return access.Limits{Quotas: []access.NamedQuota{{Name: "a-quota", By: limit.ByPerson, Quota: limit.Quota{Unit: unit, Span: limit.Day, Max: most}}}}
}

func costing(c access.Cost) func(*access.Op) {
	return func(o *access.Op) { o.Price = func(context.Context) access.Cost { return c } }
}

// threat K2: a quota is asked for all that a use will take before it is let in, so that neither one large use nor many at the
// same moment pass it. What was not taken comes back.
func TestAQuotaHoldsUnderARace(t *testing.T) {
	const each, fit, attempts = 30, 5, 200
	for name, c := range map[string]struct {
		unit limit.Unit
		cost access.Cost
	}{"tokens": {limit.Tokens, access.Cost{Tokens: each}}, "compute": {limit.ComputeMS, access.Cost{ComputeMS: each}}} {
		t.Run(name, func(t *testing.T) {
			g, _ := limitedGate(t, quotaOf(c.unit, each*fit+each-1))
			passes := make(chan *access.Pass, attempts)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					o := inferNano
					costing(c.cost)(&o)
					for range attempts / 8 {
						if pass, err := g.guard.Enter(context.Background(), user("reviewer"), o); err == nil {
							passes <- pass
						}
					}
				})
			}
			wg.Wait()
			close(passes)
			require.Len(t, passes, fit, "none of which has come to anything yet")
			require.EqualValues(t, each*fit, heldOf(g, c.unit))
			for pass := range passes {
				var err error
				pass.Close(&err)
			}
			require.Zero(t, heldOf(g, c.unit))
			_, err := g.try(t, user("reviewer"), items(each*fit))
			require.NoError(t, err, "nothing was taken, and so it all came back")
		})
	}
}

func heldOf(g gate, unit limit.Unit) int64 {
	for _, u := range g.guard.Usage(limit.ByPerson, "usr_reviewer") {
		if u.Unit == unit && u.Span == limit.Day {
			return u.Held
		}
	}
	return 0
}

// A list takes at least one an item, whoever says nothing of what it takes.
func TestAListIsAskedForOneAnItem(t *testing.T) {
	for _, unit := range []limit.Unit{limit.Tokens, limit.ComputeMS} {
		g, _ := limitedGate(t, quotaOf(unit, 5))
		_, err := g.try(t, user("reviewer"), items(6))
		require.Equal(t, fault.RateLimited, fault.CodeOf(err), unit)
		_, err = g.try(t, user("reviewer"), items(5))
		require.NoError(t, err, unit)
	}
}

// Finding out what a use takes is work: it is done behind every other refusal, and only for a quota.
func TestWhoIsAskedForAPrice(t *testing.T) {
	asked := 0
	price := func(o *access.Op) {
		o.Price = func(context.Context) access.Cost { asked++; return access.Cost{Tokens: 7} }
	}
	g, _ := limitedGate(t, quotaOf(limit.Requests, 3))
	_, err := g.try(t, user("reviewer"), price)
	require.NoError(t, err)
	require.Zero(t, asked, "no quota depends on it")

	g, _ = limitedGate(t, quotaOf(limit.Tokens, 10), rated("a", "role:reviewer", "2/min"))
	_, err = g.try(t, user("guest"), price)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = g.try(t, user("reviewer"), price, items(3))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	_, err = g.try(t, user("reviewer"), price, func(o *access.Op) { o.Model = "closed" })
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.Zero(t, asked, "refused without it")
	_, err = g.try(t, user("reviewer"), price)
	require.NoError(t, err)
	require.Equal(t, 1, asked)

	byTheKey := quotaOf(limit.Tokens, 6)
	byTheKey.Quotas[0].By = limit.ByKey
	g, _ = limitedGate(t, byTheKey)
	_, err = g.try(t, user("reviewer"), price)
	require.NoError(t, err)
	require.Equal(t, 1, asked, "without a key its quota does not concern him")
	_, err = g.try(t, byKey("key_1"), price)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "more than it will ever let through")
	require.NotContains(t, fault.From(err).Headers, "Retry-After")
	require.Equal(t, 2, asked)
}
