package rehearsal

import (
	"context"
	"net/netip"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Query asks about one use. Principal is written by name, "" for the caller himself; so are his address where IP is not given,
// and now where At is not.
type Query struct {
	Principal string
	Model     string
	Operation access.Operation
	IP        netip.Addr
	At        time.Time
	Purpose   string
	Proposal  Proposal
}

// Explanation is what would become of the use, and why. In Safe ones, which are for the person whom they are about, there is the
// decision and its plain reason alone.
type Explanation struct {
	access.Answer
	Safe      bool
	Proposed  bool
	Unknown   bool // there is no such model
	Principal string
	Model     string // by its id where the name was another
	Operation access.Operation
	At        time.Time
	Steps     []Step
	Ways      []Way
	WaysCut   bool                            // there may be more of them
	Next      map[string]map[string]time.Time // by rule and condition: when hours or valid_from hold again
}

// reasonUnknown is the gate's word for a model that is not there, and all that is said of one that may not be seen.
const reasonUnknown = "unknown_model"

// Explain answers what the gate would say of a use. Everybody may ask about himself and about a key of his own, and is answered
// safely unless he holds acl.manage; others, another address and proposed rules need acl.manage (Forbidden, with its row).
// Unknown principals are Unprocessable; rules that could not be written are refused as their writing would be. It ends with ctx.
func (s *Service) Explain(ctx context.Context, caller access.Principal, q Query) (Explanation, error) {
	who, safe, err := s.subject(ctx, caller, q.Principal, q.IP.IsValid() || q.Proposal.Given)
	if err != nil {
		return Explanation{}, err
	}
	set, rules, err := s.set(ctx, caller, q.Proposal)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Safe: safe, Proposed: set != nil, Principal: q.Principal, Operation: q.Operation, At: q.At}
	if e.Principal == "" {
		e.Principal = own(caller)
	}
	if e.At.IsZero() {
		e.At = s.Now()
	}
	m, unknown, err := s.model(ctx, q.Model)
	if err != nil {
		return Explanation{}, err
	}
	e.Model, e.Unknown = m.ID, unknown
	ask := question(who, q, m)
	if !ask.IP.IsValid() && (q.Principal == "" || safe) {
		ask.IP = caller.Origin.IP
	}
	if unknown = unknown || safe && s.hidden(ask); unknown {
		ask.Action = s.anyKind(ask, set)
	}
	e.Answer = s.answer(ask, set, unknown)
	if safe {
		return e.safe(q.Model), nil
	}
	if rules == nil {
		rules = s.Guard.Rules()
	}
	e.trace(ask)
	return e, s.seek(ctx, caller, &e, ask, rules)
}

// question is what the gate is asked about a model.
func question(who access.Principal, q Query, m catalog.Model) access.Question {
	return access.Question{
		Principal: who, Action: actionOf(q.Operation, m.Kind), Operation: q.Operation, Model: m.ID, IP: q.IP, At: q.At, Purpose: q.Purpose,
	}
}

// anyKind answers the action that a model which is not there takes: one that the principal has of those that a kind could need, so
// that no kind is told of a model that may not be seen.
func (s *Service) anyKind(ask access.Question, set *rule.Set) access.Action {
	if ask.Operation != access.Infer {
		return ask.Action
	}
	ask.Operation, ask.Model = "", ""
	for _, kind := range []string{catalog.KindGuard, catalog.KindChat} {
		if ask.Action = catalog.Runs(kind); s.Guard.Explain(ask, set).Allowed {
			return ask.Action
		}
	}
	return catalog.Runs(catalog.KindGuard)
}

// answer asks the gate. A model that is not there is refused where the gate would: after the role and the key.
func (s *Service) answer(ask access.Question, set *rule.Set, unknown bool) access.Answer {
	a := s.Guard.Explain(ask, set)
	if !unknown {
		return a
	}
	before := ask
	before.Operation, before.Model = "", ""
	if first := s.Guard.Explain(before, set); !first.Allowed {
		a.Status, a.Reason = first.Status, first.Reason
	} else {
		a.Status, a.Reason = 404, reasonUnknown
	}
	a.Allowed, a.RuleID, a.Failing, a.Limit = false, "", nil, ""
	return a
}

// hidden says that the model may not be seen now, whenever the question is about: what will be seen some day, or was once, is
// not told of before or after.
func (s *Service) hidden(ask access.Question) bool {
	ask.At = time.Time{}
	return !s.Guard.Explain(ask, nil).View.Passed
}

// model answers what a name means and whether there is no such model.
func (s *Service) model(ctx context.Context, name string) (m catalog.Model, unknown bool, err error) {
	m, err = s.Models.Resolve(ctx, name)
	if fault.CodeOf(err) == fault.NotFound {
		return catalog.Model{ID: name}, true, nil
	}
	return m, false, err
}

// safe leaves the decision and the plain reason. A model that may not be seen is one that is not there, and an alias, which could
// be one of it, stays as it was asked for.
func (e Explanation) safe(asked string) Explanation {
	a := access.Answer{Allowed: e.Allowed, Status: e.Status, Reason: e.Reason, PolicyVersion: e.PolicyVersion}
	if a.Status == 404 {
		a.Reason = reasonUnknown
	}
	return Explanation{
		Answer: a, Safe: true, Principal: e.Principal, Model: asked, Operation: e.Operation, At: e.At,
	}
}
