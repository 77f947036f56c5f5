package access_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
)

func TestQuotasCountWhatAUseCameTo(t *testing.T) {
	tokens := access.NamedQuota{Name: "limits.person_day_tokens", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Tokens, Span: limit.Day, Max: 100}}
	g, w := limitedGate(t, access.Limits{Quotas: []access.NamedQuota{tokens}})
	pass, err := g.guard.Enter(t.Context(), byKey("key_1"), inferNano)
	require.NoError(t, err)
	require.Equal(t, []limit.Use{
		{Unit: limit.Requests, Span: limit.Day, Start: day(w), Used: 1},
		{Unit: limit.Tokens, Span: limit.Day, Start: day(w), Held: 1},
		{Unit: limit.ComputeMS, Span: limit.Day, Start: day(w), Held: 1},
	}, today(g, limit.ByPerson, "usr_reviewer"))
	pass.Used(access.Cost{Tokens: 60, ComputeMS: 5})
	pass.Used(access.Cost{Tokens: 50})
	_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	pass.Close(&err)
	want := []limit.Use{
		{Unit: limit.Requests, Span: limit.Day, Start: day(w), Used: 1},
		{Unit: limit.Tokens, Span: limit.Day, Start: day(w), Used: 110},
		{Unit: limit.ComputeMS, Span: limit.Day, Start: day(w), Used: 5},
	}
	require.Equal(t, want, today(g, limit.ByPerson, "usr_reviewer"))
	require.Equal(t, want, today(g, limit.ByKey, "key_1"), "a count is kept where there is no quota")
	_, err = g.guard.Enter(t.Context(), user("reviewer"), inferNano)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "110 of 100 are used")
	require.Equal(t, "43200", fault.From(err).Headers["Retry-After"], "until midnight in UTC")
	w.wait(12 * time.Hour)
	pass, err = g.guard.Enter(t.Context(), user("reviewer"), inferNano)
	require.NoError(t, err)
	failed := fault.New(fault.Busy, "the queue is full")
	pass.Used(access.Cost{Tokens: 7})
	err = failed
	pass.Close(&err)
	require.EqualValues(t, 7, today(g, limit.ByPerson, "usr_reviewer")[1].Used, "a use that failed has used what it used")
}

func day(w *watch) time.Time { return w.now().Truncate(24 * time.Hour) }

func today(g gate, by limit.Scope, of string) []limit.Use {
	var out []limit.Use
	for _, u := range g.guard.Usage(by, of) {
		if u.Span == limit.Day {
			out = append(out, u)
		}
	}
	return out
}

// A later start goes on counting where the one before stopped, however it stopped after its last save.
func TestCountsOutliveARestart(t *testing.T) {
	d := apptest.OpenDB(t)
	w := newWatch()
	quota := access.NamedQuota{Name: "limits.person_day_requests", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 5}}
	start := func() gate {
		g := gateOver(t, d, access.Options{Limits: access.Limits{Quotas: []access.NamedQuota{quota}}, Now: w.now})
		require.NoError(t, g.guard.Swap(1, [][2]string{{"reviewer", "moderation.run"}}, []access.Rule{rated("a", "*", "4/h")}))
		return g
	}
	g := start()
	for range 3 {
		_, err := g.try(t, user("reviewer"))
		require.NoError(t, err)
	}
	require.NoError(t, g.guard.SaveLimits(t.Context()))
	w.wait(time.Second)
	require.NoError(t, g.guard.SaveLimits(t.Context()), "and again: what is stored is replaced")
	require.Equal(t, 1, g.count(t, "SELECT count(*) FROM limit_buckets"))

	g = start()
	require.EqualValues(t, 3, today(g, limit.ByPerson, "usr_reviewer")[0].Used)
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	_, err = g.try(t, user("reviewer"))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "4 in any hour")
	require.NoError(t, g.guard.SaveLimits(t.Context()))

	// a stored row that nobody stored takes nobody's count with it
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO limit_counters (scope, whose, unit, span, start, used, held) VALUES (99, 'x', 'requests', 'day', 0, 1, 0), (2, 'x', 'years', 'day', 0, 1, 0), (2, 'x', 'requests', 'day', 12345, 1, 0)`)
		if err == nil {
			_, err = tx.Exec(`INSERT INTO limit_buckets (scope, bucket, debt_ns, at) VALUES (0, x'00', 1, 1), (-1, x'00112233445566778899aabbccddeeff', 1, 1)`)
		}
		return err
	}))
	g = start()
	_, err = g.try(t, user("reviewer"))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	w.wait(2 * time.Hour)
	_, err = g.try(t, user("reviewer"))
	require.NoError(t, err)
	_, err = g.try(t, user("reviewer"))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "5 a day")
}
