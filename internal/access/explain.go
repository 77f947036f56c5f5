package access

import (
	"net/netip"
	"time"

	"guardhouse/internal/rule"
)

// Question asks what would become of one use. The principal's groups are taken as they are given, so past rows can be asked
// about too; its Origin is not looked at. At zero means now, and IP zero an unknown address.
type Question struct {
	Principal Principal
	Action    Action
	Operation Operation
	Model     string
	IP        netip.Addr
	At        time.Time
	Purpose   string
}

// Step is one check before the rules. Asked is false where it does not concern the question, Reason what it refuses with.
type Step struct {
	Asked, Passed bool
	Reason        string
}

// Answer is what would become of a use, and why.
type Answer struct {
	Allowed       bool
	Status        int // 200, 403, 404 or 429; 401 for a principal that could not even come (Principal.Barred)
	RuleID        string
	Reason        string
	Limit         string        // the limit that has no room, by its name in headers
	Failing       *rule.Failing // the nearest condition that failed, nil where none would have helped
	Role          Step          // has the role the action
	Key           Step          // does the key come from where it may, and do its scopes leave room
	View          Step          // may the principal know of the model: without it, every answer is the unknown model's
	Explanation   rule.Explanation
	PolicyVersion int64
}

// Statuses of answers, as HTTP has them.
const (
	statusAllowed         = 200
	statusUnauthenticated = 401
	statusForbidden       = 403
	statusHidden          = 404
	statusLimited         = 429
)

// Judge says whether set would allow the use if there is room; set nil is the one in force. It is Explain for whoever asks about
// very many: nothing is charged, looked at or written.
func (g *Guard) Judge(q Question, set *rule.Set) bool {
	s := g.current.Load()
	if set == nil {
		set = s.set
	}
	a, op := q.asked(g)
	return s.decide(set, a, op).allowed
}

// asked is the question as decide takes it.
func (q Question) asked(g *Guard) (asked, Op) {
	p := q.Principal
	p.Origin = Origin{IP: q.IP, Purpose: q.Purpose}
	if q.At.IsZero() {
		q.At = g.now()
	}
	return asked{p, q.Model, q.At}, Op{Action: q.Action, Operation: q.Operation, Model: q.Model}
}

// Explain answers what Enter would decide of the use, under the rules in force or under proposed where that is not nil. It
// leaves no row and charges nothing. Where the question is about now, limits without room make it 429.
func (g *Guard) Explain(q Question, proposed *rule.Set) Answer {
	s := g.current.Load()
	set := s.set
	if proposed != nil {
		set = proposed
	}
	a, op := q.asked(g)
	d := s.decide(set, a, op)
	if d.allowed && q.At.IsZero() && g.limiter != nil && charged(a.who, op) {
		n, cost := op.reserve()
		d.settle(g.limiter.Peek(a.at, n, cost, g.limits.Load().claims(a.who, op, d.rules)))
	}
	out := Answer{Limit: d.limit, Allowed: d.allowed, RuleID: d.ruleID, Reason: d.reason, Failing: d.failing, PolicyVersion: s.version}
	out.Role, out.Key, out.View = s.steps(set, a, op)
	if known(op.Operation) && op.Model != "" {
		out.Explanation = set.Explain(a.request(op.Operation))
	}
	switch {
	case d.allowed:
		out.Status = statusAllowed
	case a.who.Barred != "":
		out.Status = statusUnauthenticated
	case d.hidden:
		out.Status = statusHidden
	case d.reason == rule.ReasonRate:
		out.Status = statusLimited
	default:
		out.Status = statusForbidden
	}
	return out
}

// steps answers each check before the rules by itself, whatever the ones before it came to.
func (s *snapshot) steps(set *rule.Set, q asked, op Op) (role, key, view Step) {
	if q.who.Kind != KindGroup {
		role = step(q.who.Kind == KindSystem || s.roles.allow(q.who.Role, op.Action), reasonRole)
	}
	if q.who.Barred != "" {
		role = Step{true, false, q.who.Barred}
	}
	if q.who.Kind == KindKey {
		key = s.keyStep(q, op)
	}
	if op.Model != "" && known(op.Operation) {
		d := s.sees(set, q)
		view = step(d.allowed, d.reason)
	}
	return role, key, view
}

// keyStep is what the key itself refuses.
func (s *snapshot) keyStep(q asked, op Op) Step {
	if !keyComesFrom(q.who, q.who.Origin.IP) {
		return Step{true, false, reasonKeyAddress}
	}
	leaves := (!scoped(q.who) || openToScoped(op.Action)) &&
		(op.Operation == "" || inScope(q.who.KeyOperations, string(op.Operation))) &&
		(op.Model == "" || modelInScope(q.who.KeyModels, op.Model))
	return step(leaves, reasonKeyScope)
}

func step(passed bool, reason string) Step {
	if passed {
		reason = ""
	}
	return Step{true, passed, reason}
}
