package access

import (
	"slices"
	"strings"
	"sync"

	modelrule "guardhouse/internal/rule"
)

// snapshot is one policy version, whole: roles and rules that were read in one transaction. It never changes; a change
// makes a new one.
type snapshot struct {
	version int64
	roles   *roles
	exact   map[string][]*rule // rules that name the model itself
	globs   []*rule            // rules with a pattern
	ready   sync.Map           // model id -> *modelRules, for models that a rule names
	none    *modelRules
	list    []Rule
}

func newSnapshot(version int64, l lines, rules []*rule) (*snapshot, error) {
	r, err := newRoles(l)
	if err != nil {
		return nil, err
	}
	s := &snapshot{version: version, roles: r, exact: map[string][]*rule{}, none: compile(nil)}
	slices.SortFunc(rules, func(a, b *rule) int { return strings.Compare(a.id, b.id) })
	for _, r := range rules {
		glob := false
		for _, m := range r.models {
			if strings.Contains(m, "*") {
				glob = true
				continue
			}
			s.exact[m] = append(s.exact[m], r)
		}
		if glob {
			s.globs = append(s.globs, r)
		}
	}
	return s, nil
}

// of answers the rules of one model. Only models that some rule names are kept, so that made-up names cost no memory.
func (s *snapshot) of(id string) *modelRules {
	if m, ok := s.ready.Load(id); ok {
		if rules, ok := m.(*modelRules); ok {
			return rules
		}
	}
	exact := s.exact[id]
	if len(exact) == 0 && len(s.globs) == 0 {
		return s.none
	}
	rules := slices.Clone(exact)
	for _, r := range s.globs {
		if slices.ContainsFunc(r.models, func(p string) bool { return strings.Contains(p, "*") && modelrule.Match(p, id) }) {
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b *rule) int { return strings.Compare(a.id, b.id) })
	m := compile(slices.Compact(rules))
	if len(exact) > 0 {
		s.ready.Store(id, m)
	}
	return m
}

// permits is the role check, and for a key the check that its scopes leave room for the action.
func (s *snapshot) permits(p Principal, a Action) bool {
	switch p.Kind {
	case KindSystem:
		return true
	case KindAnonymous:
		return openToAnonymous(a)
	case KindUser:
		return a == AuthLogout || a == AuthRefresh || a == AuthConfirm || s.roles.allow(p.Role, a)
	case KindKey:
		return p.KeyID != "" && s.roles.allow(p.Role, a) && (!scoped(p) || openToScoped(a))
	}
	return false
}

func openToAnonymous(a Action) bool {
	return a == AuthSetup || a == AuthLogin || a == AuthLogout || a == AuthRefresh
}

// scoped says whether the key was narrowed at all.
func scoped(p Principal) bool { return len(p.KeyModels) > 0 || len(p.KeyOperations) > 0 }

// openToScoped lists what a key that is narrowed to models or operations can still do: use and see models, and read its
// own results. Whoever narrows a key to a model does not mean it to manage users.
func openToScoped(a Action) bool {
	switch a {
	case ExampleRead, ModelView, ModerationRun, ModerationRead, AnalysisView, AnalysisRun, AnalysisReport, ImageGenerate, ChatRun:
		return true
	default:
		return false
	}
}

// inScope reads an empty scope as no narrowing.
func inScope(scope []string, value string) bool {
	return len(scope) == 0 || slices.Contains(scope, value) || slices.Contains(scope, "*")
}

func modelInScope(scope []string, id string) bool {
	return len(scope) == 0 || slices.ContainsFunc(scope, func(p string) bool { return modelrule.Match(p, id) })
}

// sees says whether p may know that the model exists: by rule, or because p administers rules. It does not look at the
// key's operations: a key made for infer alone must be able to infer.
func (g *Guard) sees(s *snapshot, p Principal, id string) bool {
	if !modelInScope(p.KeyModels, id) {
		return false
	}
	if p.Kind == KindSystem || s.permits(p, ACLManage) {
		return true
	}
	return s.of(id).decide(p, View, g.allowByDef).allowed
}
