package access

import (
	"slices"
	"time"

	"guardhouse/internal/rule"
)

// Reasons that stand in audit rows; those of package rule join them.
const (
	reasonRole       = "role"
	reasonKeyScope   = "key_scope"
	reasonKeyAddress = "key_address"
	reasonNotVisible = "not_visible"
	reasonUnknown    = "unknown_model"
	reasonAnonymous  = "anonymous"
	reasonCanceled   = "canceled"
	reasonFailed     = "failed"
)

// asked is one use of a model, as the rules see it.
type asked struct {
	who   Principal // with the groups to decide by, and where it comes from
	model string
	at    time.Time
}

// decision is what was found of an attempt.
type decision struct {
	allowed bool // if there is room: rules says what has to be charged
	hidden  bool // the answer is the unknown model's
	ruleID  string
	reason  string
	failing *rule.Failing
	report  []rule.Reported
	rules   rule.Decision // of the operation; the zero value where no rule was asked
	limit   string        // the limit that had no room
}

func no(reason string) decision { return decision{reason: reason} }

// request is what the set is asked for one operation.
func (a *asked) request(o Operation) rule.Request {
	return rule.Request{
		Faces: faces(a.who), Key: a.who.line(), System: a.who.Kind == KindSystem,
		Model: a.model, Op: o, IP: a.who.Origin.IP, At: a.at, Purpose: a.who.Origin.Purpose,
	}
}

// faces are the principals that p is, as rules name them: a key has its owner's.
func faces(p Principal) []rule.Principal {
	f := make([]rule.Principal, 0, 2+len(p.Groups))
	if p.Role != "" {
		f = append(f, rule.Principal{Kind: rule.KindRole, Ref: p.Role})
	}
	if p.UserID != "" {
		f = append(f, rule.Principal{Kind: rule.KindUser, Ref: p.UserID})
	}
	for _, g := range p.Groups {
		f = append(f, rule.Principal{Kind: rule.KindGroup, Ref: g})
	}
	return f
}

// first is what comes before any model: the account, the role, and what a key's address and scopes leave.
func (s *snapshot) first(p Principal, a Action) decision {
	switch {
	case p.Barred != "":
		return no(p.Barred)
	case p.Kind == KindGroup:
		return decision{allowed: true} // a group's members have roles of their own
	case s.permits(p, a):
		return decision{allowed: true}
	case p.Kind == KindAnonymous:
		return no(reasonAnonymous)
	case p.Kind == KindKey && !keyComesFrom(p, p.Origin.IP):
		return no(reasonKeyAddress)
	case p.Kind == KindKey && s.roles.allow(p.Role, a):
		return no(reasonKeyScope)
	}
	return no(reasonRole)
}

// decide follows api.md: role, key, view, then the rules of the operation, by set, which need not be the one in force.
func (s *snapshot) decide(set *rule.Set, q asked, op Op) decision {
	switch d := s.first(q.who, op.Action); {
	case !d.allowed:
		return d
	case op.Unknown:
		return decision{reason: reasonUnknown, hidden: true}
	case op.Operation == "":
		return decision{allowed: true}
	case !known(op.Operation) || op.Model == "":
		return no(rule.ReasonNoRule)
	}
	view := s.sees(set, q)
	switch {
	case !view.allowed:
		return decision{reason: reasonNotVisible, hidden: true, failing: view.failing, report: view.report}
	case !inScope(q.who.KeyOperations, string(op.Operation)):
		return no(reasonKeyScope)
	case op.Operation == View && q.who.Kind != KindSystem:
		// Holders of acl.manage see every model; running one is another operation.
		return view
	}
	d := found(set.Decide(q.request(op.Operation)))
	if op.Operation == View {
		d.rules = rule.Decision{}
	}
	d.report = both(view.report, d.report)
	return d
}

func known(o Operation) bool { return o == View || o == Infer || o == Train || o == Download }

// sees says whether the principal may know that the model exists: by rule, or because it administers rules. It does not look
// at a key's operations: a key made for infer alone must be able to infer. A rate is never charged for seeing.
func (s *snapshot) sees(set *rule.Set, q asked) decision {
	switch {
	case q.who.Barred != "" || !comes(q.who.Kind) || !modelInScope(q.who.KeyModels, q.model) || !keyComesFrom(q.who, q.who.Origin.IP):
		return no(reasonNotVisible)
	case q.who.Kind == KindSystem || s.permits(q.who, ACLManage):
		return decision{allowed: true}
	}
	d := found(set.Decide(q.request(View)))
	d.rules = rule.Decision{}
	return d
}

// comes says whether models are shown to such a principal at all. A principal that nobody made sees none.
func comes(kind string) bool {
	return kind == KindUser || kind == KindKey || kind == KindSystem || kind == KindGroup
}

// found is what a set's decision comes to before anything is charged.
func found(r rule.Decision) decision {
	return decision{allowed: r.Admits(), ruleID: r.RuleID, reason: r.Reason, failing: r.Failing, report: r.Report, rules: r}
}

// both are the report-only rules of a use: what would have hidden the model would have refused it too.
func both(view, op []rule.Reported) []rule.Reported {
	if len(view) == 0 {
		return op
	}
	for _, r := range op {
		if !slices.Contains(view, r) {
			view = append(slices.Clip(view), r)
		}
	}
	return view
}
