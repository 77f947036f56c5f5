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
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// watch is a clock that a test moves.
type watch struct{ at atomic.Pointer[time.Time] }

func newWatch() *watch {
	w := &watch{}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	w.at.Store(&at)
	return w
}

func (w *watch) now() time.Time { return *w.at.Load() }

func (w *watch) wait(d time.Duration) {
	at := w.now().Add(d)
	w.at.Store(&at)
}

// limited is a gate with limits, a clock and one rule that opens guard-nano to everybody.
func limitedGate(t testing.TB, l access.Limits, rules ...access.Rule) (gate, *watch) {
	t.Helper()
	w := newWatch()
	g := gateOver(t, apptest.OpenDB(t), access.Options{Limits: l, Now: w.now})
	if len(rules) == 0 {
		rules = []access.Rule{r("open", "allow", "*", "guard-nano", "view infer")}
	}
	require.NoError(t, g.guard.Swap(1, [][2]string{{"reviewer", "moderation.run"}, {"reviewer", "model.view"}}, rules))
	return g, w
}

func rated(id, principals, rate string) access.Rule {
	return with(r(id, "allow", principals, "guard-nano", "view infer"), func(x *access.Rule) { x.Conditions = `{"rate_limit":"` + rate + `"}` })
}

func per(n int64, d time.Duration) *rule.Rate { return &rule.Rate{N: n, Per: d} }

// try enters and commits, and answers the error and the headers of what was let in.
func (g gate) try(t testing.TB, p access.Principal, change ...func(*access.Op)) (limit.Headers, error) {
	t.Helper()
	o := inferNano
	for _, c := range change {
		c(&o)
	}
	pass, err := g.guard.Enter(t.Context(), p, o)
	if err != nil {
		return limit.Headers{}, err
	}
	_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
	require.NoError(t, err)
	return pass.Limits(), nil
}

func items(n int) func(*access.Op) { return func(o *access.Op) { o.Items = n } }

func byKey(id string) access.Principal {
	p := user("reviewer")
	p.Kind, p.KeyID = access.KindKey, id
	return p
}

// The headers stand here as api.md spells them.
func TestARulesRate(t *testing.T) {
	g, w := limitedGate(t, access.Limits{}, rated("ID", "role:reviewer", "6req/min"))
	for i := range 6 {
		h, err := g.try(t, user("reviewer"))
		require.NoError(t, err)
		require.Equal(t, `"rule-ID";q=6;w=60`, h.Policy)
		require.Equal(t, fmt.Sprintf(`"rule-ID";r=%d;t=10`, 5-i), h.Limit)
		require.Empty(t, h.RetryAfter)
	}
	_, err := g.try(t, user("reviewer"))
	f := fault.From(err)
	require.Equal(t, fault.RateLimited, f.Code)
	require.Equal(t, map[string]string{"RateLimit-Policy": `"rule-ID";q=6;w=60`, "RateLimit": `"rule-ID";r=0;t=10`, "Retry-After": "10"}, f.Headers)
	rows := g.events(t)
	last := rows[len(rows)-1]
	require.Equal(t, []string{audit.Deny, "rate_limited", "ID"}, []string{last.Decision, last.Reason, last.RuleID})
	require.Equal(t, "rule-ID", last.Details["limit"])
	for i := range 6 {
		require.Equal(t, "ID", rows[i].RuleID)
	}

	w.wait(10*time.Second - time.Nanosecond)
	_, err = g.try(t, user("reviewer"))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "not a moment early")
	w.wait(time.Nanosecond)
	_, err = g.try(t, user("reviewer"))
	require.NoError(t, err, "whoever waits as told gets through")
	g.verify(t)
}

// threat K2: an owner's sessions and keys share the rate of a rule; another person has his own.
func TestAnOwnersKeysShareARulesRate(t *testing.T) {
	g, _ := limitedGate(t, access.Limits{}, rated("a", "role:reviewer", "3/min"))
	second := user("reviewer")
	second.SessionID = "ses_2"
	second.Origin.IP = netip.MustParseAddr("198.51.100.1")
	for _, p := range []access.Principal{user("reviewer"), byKey("key_1"), second} {
		_, err := g.try(t, p)
		require.NoError(t, err)
	}
	for _, p := range []access.Principal{user("reviewer"), byKey("key_1"), byKey("key_2"), second} {
		_, err := g.try(t, p)
		require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	}
	other := user("reviewer")
	other.UserID = "usr_other"
	_, err := g.try(t, other)
	require.NoError(t, err)
}

// threat K2: an array of N is N requests, and nothing of it runs where N do not fit.
func TestAnArrayIsAsManyRequests(t *testing.T) {
	g, w := limitedGate(t, access.Limits{}, rated("a", "*", "6/min"))
	_, err := g.try(t, user("reviewer"), items(4))
	require.NoError(t, err)
	_, err = g.try(t, user("reviewer"), items(3))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	_, err = g.try(t, user("reviewer"), items(2))
	require.NoError(t, err, "what was refused was not charged")
	w.wait(time.Hour)
	_, err = g.try(t, user("reviewer"), items(7))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	require.NotContains(t, fault.From(err).Headers, "Retry-After", "7 never fit")
}

// threat K2: all limits of a use are charged in one step, or none.
func TestAllLimitsOrNone(t *testing.T) {
	l := access.Limits{Person: per(100, time.Minute), Address: per(100, time.Minute), Model: per(100, time.Minute), Key: per(100, time.Minute)}
	g, _ := limitedGate(t, l, rated("a", "*", "2/min"))
	k := byKey("key_1")
	k.KeyRate = per(50, time.Minute)
	h, err := g.try(t, k)
	require.NoError(t, err)
	require.Equal(t, `"key";q=50;w=60, "limits.key";q=100;w=60, "limits.person";q=100;w=60, "rule-a";q=2;w=60`, h.Policy)
	require.Equal(t, `"key";r=49;t=2, "limits.key";r=99;t=1, "limits.person";r=99;t=1, "rule-a";r=1;t=30`, h.Limit)
	for range 3 {
		_, err = g.try(t, k, items(2))
		require.Equal(t, fault.RateLimited, fault.CodeOf(err))
		require.Equal(t, `"key";r=49;t=2, "limits.key";r=99;t=1, "limits.person";r=99;t=1, "rule-a";r=1;t=30`,
			fault.From(err).Headers["RateLimit"], "nothing was taken of the others")
	}
}

// What is left of a limit that many share would tell each of them what the others do: it stands in no answer but the one that
// it refused.
func TestSharedLimitsAreToldWhereTheyRefuse(t *testing.T) {
	for name, l := range map[string]access.Limits{"limits.model": {Model: per(2, time.Minute)}, "limits.address": {Address: per(2, time.Minute)}} {
		t.Run(name, func(t *testing.T) {
			l.Person = per(9, time.Minute)
			g, _ := limitedGate(t, l)
			for left := 8; left > 6; left-- {
				h, err := g.try(t, user("reviewer"))
				require.NoError(t, err)
				require.Equal(t, `"limits.person";q=9;w=60`, h.Policy)
				require.Contains(t, h.Limit, fmt.Sprintf(`"limits.person";r=%d;`, left))
				require.NotContains(t, h.Limit, name)
			}
			_, err := g.try(t, user("reviewer"))
			f := fault.From(err)
			require.Contains(t, f.Headers["RateLimit-Policy"], `"`+name+`";q=2;w=60`)
			require.Contains(t, f.Headers["RateLimit"], `"`+name+`";r=0;t=30`)
			require.Equal(t, "30", f.Headers["Retry-After"])
		})
	}
}

func TestEachConfiguredLimitRefuses(t *testing.T) {
	two := per(2, time.Minute)
	far := func(p *access.Principal) { p.Origin.IP = netip.MustParseAddr("2001:db8::1") }
	elsewhere := func(p *access.Principal) { p.UserID, p.Name = "usr_b", "b" }
	cases := map[string]struct {
		limits      access.Limits
		same, other func(*access.Principal) // who shares the limit, and who does not
	}{
		"limits.person":  {access.Limits{Person: two}, far, elsewhere},
		"limits.address": {access.Limits{Address: two}, elsewhere, far},
		"limits.key":     {access.Limits{Key: two}, far, func(p *access.Principal) { p.KeyID = "key_2" }},
		"limits.model":   {access.Limits{Model: two}, func(p *access.Principal) { far(p); elsewhere(p) }, nil},
		"limits.person_day_requests": {
			access.Limits{Quotas: []access.NamedQuota{{Name: "limits.person_day_requests", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 2}}}}, far, elsewhere,
		},
		"limits.key_month_requests": {
			access.Limits{Quotas: []access.NamedQuota{{Name: "limits.key_month_requests", By: limit.ByKey, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Month, Max: 2}}}},
			far, func(p *access.Principal) { p.KeyID = "key_2" },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g, _ := limitedGate(t, c.limits)
			same := byKey("key_1")
			c.same(&same)
			for _, p := range []access.Principal{byKey("key_1"), same} {
				_, err := g.try(t, p)
				require.NoError(t, err)
			}
			for _, p := range []access.Principal{byKey("key_1"), same} {
				_, err := g.try(t, p)
				require.Equal(t, fault.RateLimited, fault.CodeOf(err))
				require.Contains(t, fault.From(err).Headers["RateLimit"], `"`+name+`";r=0`)
			}
			rows := g.events(t)
			require.Equal(t, name, rows[len(rows)-1].Details["limit"])
			require.Empty(t, rows[len(rows)-1].RuleID, "no rule had to do with it")
			if c.other != nil {
				p := byKey("key_1")
				c.other(&p)
				_, err := g.try(t, p)
				require.NoError(t, err)
			}
		})
	}
}

// threat K2: exactly N of many at the same moment get through, whichever of a person's keys asks.
func TestExactlyAsManyAsFitUnderARace(t *testing.T) {
	const fit, attempts = 40, 400
	g, _ := limitedGate(t, access.Limits{Person: per(1000, time.Minute)}, rated("a", "*", fmt.Sprint(fit, "/min")))
	var let, turned atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			p := byKey(fmt.Sprint("key_", w))
			for range attempts / 8 {
				pass, err := g.guard.Enter(context.Background(), p, inferNano)
				switch fault.CodeOf(err) {
				case "":
					let.Add(1)
					_, err = pass.Commit(context.Background(), access.Outcome{}, nil)
					pass.Close(&err)
				case fault.RateLimited:
					turned.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, fit, let.Load())
	require.EqualValues(t, attempts-fit, turned.Load())
	require.Equal(t, fit, g.count(t, "SELECT count(*) FROM audit_events WHERE decision = 'allow'"))
}

// Seeing is never charged (a page of a model costs nothing of its rate), the command line has no limits, and neither has a
// process beside the server.
func TestWhatIsNeverCharged(t *testing.T) {
	l := access.Limits{Person: per(1, time.Hour), Model: per(1, time.Hour)}
	g, _ := limitedGate(t, l, rated("a", "*", "1/h"))
	view := func(o *access.Op) { o.Action, o.Operation = access.ModelView, access.View }
	for range 5 {
		h, err := g.try(t, user("reviewer"), view)
		require.NoError(t, err)
		require.Equal(t, limit.Headers{}, h)
		_, err = g.try(t, access.System("root"))
		require.NoError(t, err)
		require.Equal(t, []string{"guard-nano"}, g.guard.VisibleModels(user("reviewer"), []string{"guard-nano"}))
	}
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	_, err = g.try(t, user("reviewer"), view)
	require.NoError(t, err, "a model whose rate is used up can be seen")

	beside := gateOver(t, g.db, access.Options{Limits: l, Uncounted: true})
	for range 3 {
		_, err := beside.try(t, user("reviewer"))
		require.NoError(t, err)
	}
	require.NoError(t, beside.guard.SaveLimits(t.Context()))
	require.Zero(t, g.count(t, "SELECT count(*) FROM limit_counters"), "and it stores nothing over the server's counts")
}

// threat K2: what asks as a use would is held against the person's and the key's limits, and against no model's and no rule's.
func TestWhatIsCountedWithoutAModel(t *testing.T) {
	l := access.Limits{Person: per(2, time.Hour), Key: per(1, time.Hour), Model: per(1, time.Hour)}
	g, _ := limitedGate(t, l, rated("a", "*", "1/h"))
	counted := func(o *access.Op) { o.Operation, o.Counted = "", true }
	_, err := g.try(t, byKey("key_1"), counted)
	require.NoError(t, err)
	_, err = g.try(t, byKey("key_1"), counted)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "the key's")
	_, err = g.try(t, user("reviewer"), counted)
	require.NoError(t, err, "the model's rate is not asked")
	_, err = g.try(t, user("reviewer"), counted)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "the person's")
	_, err = g.try(t, access.System("root"), counted)
	require.NoError(t, err)
}

// threat U2: whoever hammers at his limit has a row for each refusal, whole, however many others do the same. Sums are for
// strangers.
func TestEveryRefusalByALimitHasItsRow(t *testing.T) {
	g, w := limitedGate(t, access.Limits{}, rated("a", "*", "1/h"))
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	const tries = access.FreeRefusals + 30
	for i := range tries {
		p := user("reviewer")
		p.Origin.RequestID = fmt.Sprint("req_", i)
		_, err = g.try(t, p, items(1))
		require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	}
	rows := g.events(t)[1:]
	require.Len(t, rows, tries)
	for i, row := range rows {
		require.Equal(t, []string{audit.Deny, "rate_limited", "usr_reviewer", "a", fmt.Sprint("req_", i)},
			[]string{row.Decision, row.Reason, row.Actor.ID, row.RuleID, row.RequestID})
		require.Equal(t, "rule-a", row.Details["limit"])
	}
	w.wait(time.Minute)
	g.guard.SetFreeShare(0.5) // has the guard look
	require.Len(t, g.events(t), 1+tries, "and none is written twice")
	g.verify(t)
}

// A request that several allows with rates could pass takes the first with room; with a rule of its own, the key's rate counts
// as well.
func TestTheFirstRuleWithRoom(t *testing.T) {
	g, _ := limitedGate(t, access.Limits{}, rated("a", "*", "1/h"), rated("b", "role:reviewer", "2/h"), rated("c", "key:key_1", "2/h"))
	ids := []string{}
	for range 3 {
		pass, err := g.guard.Enter(t.Context(), user("reviewer"), inferNano)
		require.NoError(t, err)
		ids = append(ids, pass.RuleID())
		pass.Close(&err)
	}
	require.Equal(t, []string{"a", "b", "b"}, ids)
	_, err := g.try(t, user("reviewer"))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	_, err = g.try(t, byKey("key_1"))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err), "the key has room, its owner has none")
}

func TestTellLimits(t *testing.T) {
	g, _ := limitedGate(t, access.Limits{}, rated("a", "*", "1/h"))
	var told []map[string]string
	ctx := access.TellLimits(t.Context(), func(h map[string]string) { told = append(told, h) })
	pass, err := g.guard.Enter(ctx, user("reviewer"), inferNano)
	require.NoError(t, err)
	pass.Close(&err)
	_, err = g.guard.Enter(ctx, user("reviewer"), inferNano)
	require.Error(t, err)
	pass, err = g.guard.Enter(ctx, user("reviewer"), access.Op{Action: access.ModerationRun})
	require.NoError(t, err)
	pass.Close(&err)
	require.Equal(t, []map[string]string{{"RateLimit-Policy": `"rule-a";q=1;w=3600`, "RateLimit": `"rule-a";r=0;t=3600`}, {}}, told)
}

// A rate goes on counting while policies come and go under it: the rule is the same, whichever snapshot says so.
func TestARateHoldsThroughSwaps(t *testing.T) {
	const fit = 25
	g, _ := limitedGate(t, access.Limits{})
	built := make([]access.Snapshot, 50)
	for i := range built {
		rules := []access.Rule{rated("a", "*", fmt.Sprint(fit, "/h")), r(fmt.Sprint("other-", i), "deny", "role:nobody", "*", "*")}
		s, err := g.guard.Build(int64(i+1), [][2]string{{"reviewer", "moderation.run"}}, rules)
		require.NoError(t, err)
		built[i] = s
	}
	g.guard.Put(built[0])
	var let atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 * fit / 2 {
				pass, err := g.guard.Enter(context.Background(), user("reviewer"), inferNano)
				if err == nil {
					let.Add(1)
					pass.Close(&err)
				}
			}
		})
	}
	for v := range 10_000 {
		g.guard.Put(built[v%len(built)])
	}
	wg.Wait()
	require.EqualValues(t, fit, let.Load())
}
