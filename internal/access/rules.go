package access

import "slices"

// Rule is one model rule as people see it. Principals are written kind:ref, or "*".
type Rule struct {
	ID, Effect, Mode   string
	Principals, Models []string
	Operations         []string
	Conditions         string // JSON
	Note, Origin       string
}

// Effects and modes.
const (
	effectAllow    = "allow"
	effectDeny     = "deny"
	modeReportOnly = "report-only"
)

// subject is one principal of a rule, and one of the faces a principal shows to the rules.
type subject struct{ kind, ref string }

// rule is a compiled Rule. One with conditions cannot be evaluated by this release: as an allow it never holds, as a deny
// it always does.
type rule struct {
	id         string
	deny       bool
	report     bool
	unusable   bool
	subjects   []subject
	models     []string
	operations []string
}

func (r *rule) covers(o Operation) bool {
	return slices.Contains(r.operations, string(o)) || slices.Contains(r.operations, "*")
}

func (r *rule) holds() bool { return r.deny || !r.unusable }

// modelRules is what concerns one model, ready to be asked.
type modelRules struct {
	bySubject map[subject][]*rule // each list in the order of ids
	enforced  bool                // any enforced rule matches the model
	keys      map[string]bool     // keys that an enforced allow names
}

func compile(rules []*rule) *modelRules {
	m := &modelRules{bySubject: make(map[subject][]*rule, len(rules)), keys: map[string]bool{}}
	for _, r := range rules {
		for _, s := range r.subjects {
			m.bySubject[s] = append(m.bySubject[s], r)
			if s.kind == "key" && !r.deny && !r.report {
				m.keys[s.ref] = true
			}
		}
		m.enforced = m.enforced || !r.report
	}
	return m
}

// verdict is the outcome of the rules for one operation.
type verdict struct {
	allowed bool
	ruleID  string
	reason  string
	report  []string // report-only rules that matched, as id:effect
}

// Reasons that stand in audit rows.
const (
	reasonRole       = "role"
	reasonKeyScope   = "key_scope"
	reasonRuleDenies = "rule_denies"
	reasonNoRule     = "no_rule_allows"
	reasonKeyRule    = "key_rule"
	reasonDefault    = "default_deny"
	reasonNotVisible = "not_visible"
	reasonUnknown    = "unknown_model"
	reasonAnonymous  = "anonymous"
	reasonCanceled   = "canceled"
	reasonFailed     = "failed"
)

// faces are the subjects that p is, as rules see it. A key has its owner's; its own is looked at apart.
func faces(p Principal) []subject {
	f := make([]subject, 0, 3+len(p.Groups))
	f = append(f, subject{"any", ""})
	if p.Kind == KindSystem {
		return f
	}
	f = append(f, subject{"role", p.Role}, subject{"user", p.UserID})
	for _, g := range p.Groups {
		f = append(f, subject{"group", g})
	}
	return f
}

// decide follows the order of evaluation: a deny that holds, an allow that holds, refusal where the model has any enforced
// rule, the default.
func (m *modelRules) decide(p Principal, o Operation, allowByDefault bool) verdict {
	var v verdict
	own := faces(p)
	all := own
	if p.KeyID != "" {
		all = append(slices.Clip(own), subject{"key", p.KeyID})
	}
	v.report = m.reported(all, o)
	if r := m.first(all, o, effectDeny); r != nil {
		v.ruleID, v.reason = r.id, reasonRuleDenies
		return v
	}
	allowed := m.first(own, o, effectAllow)
	switch {
	case allowed != nil:
		v.allowed, v.ruleID = true, allowed.id
	case p.Kind == KindSystem:
		v.allowed = true
	case m.enforced:
		v.reason = reasonNoRule
	case !allowByDefault:
		v.reason = reasonDefault
	default:
		v.allowed = true
	}
	if !v.allowed || p.KeyID == "" || !m.keys[p.KeyID] {
		return v
	}
	// A rule names this key for the model: one of those must hold as well.
	if r := m.first([]subject{{"key", p.KeyID}}, o, effectAllow); r != nil {
		v.ruleID = r.id
		return v
	}
	return verdict{reason: reasonKeyRule, report: v.report}
}

// first answers the enforced rule of the lowest id that matches and holds.
func (m *modelRules) first(faces []subject, o Operation, effect string) *rule {
	var best *rule
	for _, s := range faces {
		for _, r := range m.bySubject[s] {
			if best != nil && r.id >= best.id {
				break
			}
			if !r.report && r.deny == (effect == effectDeny) && r.covers(o) && r.holds() {
				best = r
				break
			}
		}
	}
	return best
}

// reported lists report-only rules with what they would have done.
func (m *modelRules) reported(faces []subject, o Operation) []string {
	var out []string
	for _, s := range faces {
		for _, r := range m.bySubject[s] {
			if !r.report || !r.covers(o) || !r.holds() {
				continue
			}
			effect := effectAllow
			if r.deny {
				effect = effectDeny
			}
			if text := r.id + ":" + effect; !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	slices.Sort(out)
	return out
}
