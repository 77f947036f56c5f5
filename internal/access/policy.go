package access

import (
	_ "embed"
	"errors"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"guardhouse/internal/fault"
)

//go:embed model.conf
var modelText string

// permission is one line of casbin_rules.
type permission struct{ role, action string }

// lines is the casbin adapter: it gives what a snapshot read and can be written to by nobody.
type lines []permission

var errReadOnly = errors.New("the policy is changed in the database and read anew, never through casbin")

var _ persist.Adapter = lines{}

// LoadPolicy is part of persist.Adapter.
func (l lines) LoadPolicy(m model.Model) error {
	for _, p := range l {
		if err := persist.LoadPolicyArray([]string{"p", p.role, p.action}, m); err != nil {
			return err
		}
	}
	return nil
}

// SavePolicy is refused.
func (lines) SavePolicy(model.Model) error { return errReadOnly }

// AddPolicy is refused.
func (lines) AddPolicy(string, string, []string) error { return errReadOnly }

// RemovePolicy is refused.
func (lines) RemovePolicy(string, string, []string) error { return errReadOnly }

// RemoveFilteredPolicy is refused.
func (lines) RemoveFilteredPolicy(string, string, int, ...string) error { return errReadOnly }

// roles answers role questions of one snapshot. Casbin decides each once; the answers are kept, because a request asks
// several times and the policy under a snapshot never changes.
type roles struct {
	mu       sync.Mutex
	enforcer *casbin.Enforcer
	known    map[string]bool
	answers  sync.Map // permission -> bool
}

func newRoles(l lines) (*roles, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the access model cannot be read")
	}
	e, err := casbin.NewEnforcer(m, l)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the roles cannot be read")
	}
	e.EnableAutoSave(false)
	r := &roles{enforcer: e, known: map[string]bool{}}
	for _, p := range l {
		r.known[p.role] = true
	}
	return r, nil
}

// allow says whether the role has the action. An unknown role has none, and leaves nothing in memory.
func (r *roles) allow(role string, a Action) bool {
	if !r.known[role] {
		return false
	}
	key := permission{role, string(a)}
	if v, ok := r.answers.Load(key); ok {
		yes, _ := v.(bool)
		return yes
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	yes, err := r.enforcer.Enforce(key.role, key.action)
	if err != nil {
		return false
	}
	r.answers.Store(key, yes)
	return yes
}
