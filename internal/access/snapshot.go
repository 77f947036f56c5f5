package access

import (
	"net/netip"
	"slices"

	"guardhouse/internal/rule"
)

// snapshot is one policy version, whole: roles, rules and members of groups that were read in one transaction. It never
// changes; a change makes a new one.
type snapshot struct {
	version      int64
	roles        *roles
	set          *rule.Set
	list         []stored            // in the order of ids
	groups       map[string][]string // a person's groups, in the order of ids
	defaultAllow bool
}

// content is what a snapshot is made of.
type content struct {
	version      int64
	permissions  lines
	rules        []stored
	groups       map[string][]string
	defaultAllow bool
}

func newSnapshot(c content) (*snapshot, error) {
	r, err := newRoles(c.permissions)
	if err != nil {
		return nil, err
	}
	set, err := compiled(c.rules, c.defaultAllow)
	if err != nil {
		return nil, err
	}
	return &snapshot{c.version, r, set, c.rules, c.groups, c.defaultAllow}, nil
}

// member is p with the groups that its person is in now. A group itself is nobody who could come.
func (s *snapshot) member(p Principal) Principal {
	if p.Kind == KindGroup {
		return Principal{Origin: p.Origin}
	}
	if p.Groups = nil; p.UserID != "" {
		p.Groups = s.groups[p.UserID]
	}
	return p
}

// permits is the role check, and for a key the check that it comes from where it may and that its scopes leave room for the
// action.
func (s *snapshot) permits(p Principal, a Action) bool {
	if p.Barred != "" {
		return false
	}
	switch p.Kind {
	case KindSystem:
		return true
	case KindAnonymous:
		return openToAnonymous(a)
	case KindUser:
		return a == AuthLogout || a == AuthRefresh || a == AuthConfirm || s.roles.allow(p.Role, a)
	case KindKey:
		return p.KeyID != "" && s.roles.allow(p.Role, a) && (!scoped(p) || openToScoped(a)) && keyComesFrom(p, p.Origin.IP)
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

// keyComesFrom says whether the address is one that the key may be used from. An unknown address is none.
func keyComesFrom(p Principal, ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return len(p.KeyIPRanges) == 0 || slices.ContainsFunc(p.KeyIPRanges, func(r netip.Prefix) bool { return r.Contains(ip) })
}

// inScope reads an empty scope as no narrowing.
func inScope(scope []string, value string) bool {
	return len(scope) == 0 || slices.Contains(scope, value) || slices.Contains(scope, "*")
}

func modelInScope(scope []string, id string) bool {
	return len(scope) == 0 || slices.ContainsFunc(scope, func(p string) bool { return rule.Match(p, id) })
}
