package access

import (
	"context"
	"slices"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// Limits are what configuration says besides the rules, nil and empty for nothing. Their names in headers are their keys.
type Limits struct {
	Person, Address, Model, Key *rule.Rate
	Quotas                      []NamedQuota
}

// NamedQuota is one quota of every person or every key.
type NamedQuota struct {
	Name string      // its configuration key
	By   limit.Scope // limit.ByPerson or limit.ByKey
	limit.Quota
}

// Cost is what a use takes of quotas.
type Cost = limit.Cost

// policyKey is the name of a key's own rate in headers.
const policyKey = "key"

// limits is Limits ready to be asked: a count is kept of every person and key whether there is a quota or not, because the page
// of what was used shows it.
type limits struct {
	Limits
	person, key             []limit.Claim // without Of
	personPriced, keyPriced bool          // a quota of theirs is on something else than requests
}

func newLimits(l Limits) *limits {
	out := &limits{Limits: l}
	for _, by := range []limit.Scope{limit.ByPerson, limit.ByKey} {
		for _, q := range l.quotas(by) {
			c := limit.Claim{Scope: by, Policy: q.Name, Quota: &q.Quota}
			priced := q.Unit != limit.Requests && q.Max != limit.NoMax
			if by == limit.ByPerson {
				out.person, out.personPriced = append(out.person, c), out.personPriced || priced
			} else {
				out.key, out.keyPriced = append(out.key, c), out.keyPriced || priced
			}
		}
	}
	return out
}

// SetLimits has other limits in force from the next use on. What was counted of quotas stays counted; a rate with another number
// begins anew.
func (g *Guard) SetLimits(l Limits) { g.limits.Store(newLimits(l)) }

// priced says whether what the use takes of quotas has to be known before it is let in.
func (l *limits) priced(p Principal, op Op) bool {
	return op.Price != nil && (l.personPriced || p.KeyID != "" && l.keyPriced)
}

// quotas answers one of each unit and span, limit.NoMax where configuration says nothing.
func (l *Limits) quotas(by limit.Scope) []NamedQuota {
	var out []NamedQuota
	for _, span := range []limit.Span{limit.Day, limit.Month} {
		for _, unit := range []limit.Unit{limit.Requests, limit.Tokens, limit.Images, limit.ComputeMS} {
			q := NamedQuota{By: by, Quota: limit.Quota{Unit: unit, Span: span, Max: limit.NoMax}}
			for _, given := range l.Quotas {
				if given.By == by && given.Unit == unit && given.Span == span {
					q = given
				}
			}
			out = append(out, q)
		}
	}
	return out
}

// charged says whether the use is held against limits: running a model is, and what is Counted; looking at one never is, and the
// system has no limits.
func charged(p Principal, op Op) bool {
	return (op.uses() || op.Counted) && p.Kind != KindSystem
}

// uses says whether a model is run.
func (op Op) uses() bool { return op.Operation != "" && op.Operation != View }

// claims are the limits that hold in any case, and of the rules one of each group.
func (l *limits) claims(p Principal, op Op, d rule.Decision) limit.Ask {
	account := p.Account()
	all := make([]limit.Claim, 0, len(l.person)+len(l.key)+5)
	rated := func(by limit.Scope, name, of string, r *rule.Rate) {
		if r != nil {
			all = append(all, limit.Claim{Scope: by, Policy: name, Of: of, Rate: limit.Rate{N: r.N, Per: r.Per}})
		}
	}
	if p.KeyID != "" {
		rated(limit.ByKey, policyKey, p.line(), p.KeyRate)
		rated(limit.ByKey, "limits.key", p.line(), l.Key)
	}
	rated(limit.ByPerson, "limits.person", account, l.Person)
	rated(limit.ByAddress, "limits.address", limit.Address(p.Origin.IP), l.Address)
	if op.uses() {
		rated(limit.ByModel, "limits.model", op.Model, l.Model)
	}
	all = counted(all, l.person, account)
	if p.KeyID != "" {
		all = counted(all, l.key, p.line())
	}
	ask := limit.Ask{All: all}
	for _, group := range d.Groups() {
		list := make([]limit.Claim, len(group))
		for i, r := range group {
			list[i] = limit.Claim{Scope: limit.ByRule, Policy: "rule-" + r.RuleID, Of: account, Rate: limit.Rate{N: r.Rate.N, Per: r.Rate.Per}}
		}
		ask.OneOf = append(ask.OneOf, list)
	}
	return ask
}

func counted(all, quotas []limit.Claim, of string) []limit.Claim {
	for _, c := range quotas {
		c.Of = of
		all = append(all, c)
	}
	return all
}

// reserve is what is taken when the use is let in: at least one an item of what every use of a model takes, as a quota is not
// asked for nothing.
func (op Op) reserve() (n int64, cost Cost) {
	n, cost = int64(max(1, op.Items)), op.Cost
	cost.Tokens, cost.ComputeMS = max(n, cost.Tokens), max(n, cost.ComputeMS)
	return n, cost
}

// charge holds an admitted use against every limit and charges all or none. Where one has no room it turns the decision into
// the refusal. What the use comes to is asked only if the least of it fits.
func (g *Guard) charge(ctx context.Context, now time.Time, p Principal, op Op, d *decision) (limit.Outcome, *limit.Reservation) {
	if g.limiter == nil || !charged(p, op) {
		return limit.Outcome{Allowed: true}, nil
	}
	all := g.limits.Load()
	ask := all.claims(p, op, d.rules)
	n, cost := op.reserve()
	if all.priced(p, op) {
		if o := g.limiter.Peek(now, n, cost, ask); !o.Allowed {
			d.settle(o)
			return o, nil
		}
		op.Cost = op.Price(ctx)
		n, cost = op.reserve()
		now = g.now() // it took a while
	}
	o, held := g.limiter.Reserve(now, n, cost, ask)
	d.settle(o)
	return o, held
}

// settle is what becomes of an admitted use when limits were asked.
func (d *decision) settle(o limit.Outcome) {
	if o.Allowed {
		d.ruleID = d.rules.Charged(o.Chosen)
		return
	}
	d.allowed, d.ruleID, d.reason = false, "", rule.ReasonRate
	s, named := o.Refused()
	if !named {
		return
	}
	if d.limit = s.Claim.Policy; s.Claim.Scope == limit.ByRule {
		d.ruleID = d.rules.NoRoom().RuleID
	}
}

// limited is the answer to a use that only a limit refused.
func limited(o limit.Outcome, now time.Time) error {
	f := fault.From(o.Refusal(now))
	return f.WithHeaders(headers(told(o).Headers()))
}

// told is what a caller is told of an outcome: limits that others use up with him only where they refuse him, else each answer
// would say what the others do.
func told(o limit.Outcome) limit.Outcome {
	o.Claims = slices.DeleteFunc(slices.Clone(o.Claims), func(s limit.Standing) bool {
		return s.Fits && (s.Claim.Scope == limit.ByModel || s.Claim.Scope == limit.ByAddress)
	})
	return o
}

// headers answers the headers that are to be sent, never nil.
func headers(h limit.Headers) map[string]string {
	out := map[string]string{}
	for name, value := range map[string]string{"RateLimit-Policy": h.Policy, "RateLimit": h.Limit, "Retry-After": h.RetryAfter} {
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// addLimit says in the row which limit refused.
func addLimit(e *audit.Entry, name string) {
	if name != "" {
		e.Details = merge(e.Details, map[string]any{"limit": name})
	}
}

// tellKey is the context key of TellLimits.
type tellKey struct{}

// TellLimits answers a context with which Enter hands tell the headers of a use that it let in, so that an answer can carry them
// whichever service gave it. tell is called in Enter's goroutine, with no headers where no limit concerns the use.
func TellLimits(ctx context.Context, tell func(headers map[string]string)) context.Context {
	return context.WithValue(ctx, tellKey{}, tell)
}

func tellLimits(ctx context.Context, o limit.Outcome) {
	if tell, ok := ctx.Value(tellKey{}).(func(map[string]string)); ok {
		tell(headers(told(o).Headers()))
	}
}

// Usage answers what a person (limit.ByPerson and an account) or a key (limit.ByKey and its id) has used today and this month.
func (g *Guard) Usage(by limit.Scope, of string) []limit.Use {
	if g.limiter == nil {
		return nil
	}
	return g.limiter.Usage(g.now(), by, of)
}

// Quotas answers the quotas of every person or key: one of each unit and span, limit.NoMax where there is none.
func (g *Guard) Quotas(by limit.Scope) []NamedQuota { return g.limits.Load().quotas(by) }

// LimitStats says how full the limiter's tables are.
func (g *Guard) LimitStats() limit.Stats {
	if g.limiter == nil {
		return limit.Stats{}
	}
	return g.limiter.Stats()
}
