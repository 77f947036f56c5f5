// Package rehearsal says what rules would do before they do it: why one use would be allowed or refused, what somebody may do
// with every model, what a proposed set would have made of the uses that the audit log holds, and how often a rule decided. It
// asks the gate and reads the log; it decides nothing, counts towards no limit and leaves no row. It may import access, audit,
// catalog, fault, limit and rule.
package rehearsal

import (
	"context"
	"errors"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Names turns what people write into what rules hold. IDs answers the stored form of each that there is; unknown ones are missing.
type Names interface {
	IDs(ctx context.Context, named []rule.Principal) (map[rule.Principal]rule.Principal, error)
}

// Models are the models that there are.
type Models interface {
	All(ctx context.Context) ([]catalog.Model, error)
	Resolve(ctx context.Context, name string) (catalog.Model, error)
}

// Deps are what a Service asks.
type Deps struct {
	Guard  *access.Guard
	Log    *audit.Log
	Models Models
	Names  Names
	// Turn waits for leave to do for an account what takes seconds, as limit.Places.Take does; nil = AtOnce of its own.
	Turn func(ctx context.Context, account string) (done func(), err error)
	// Longest is how long one look over the log may take, 0 = 20 s: nobody waits for an answer that is later.
	Longest time.Duration
	Now     func() time.Time // nil = the clock
}

// Service answers. All methods may be called from any goroutine.
type Service struct {
	Deps
	within  func(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc)
	mu      sync.Mutex
	running map[string]bool // accounts with a rehearsal under way
}

// New answers a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if d.Longest == 0 {
		d.Longest = longest
	}
	if d.Turn == nil {
		d.Turn = NewTurns(AtOnce).Take
	}
	return &Service{Deps: d, within: context.WithTimeout, running: map[string]bool{}}
}

// look has one look of an account over the log taken in its turn, for as long as it may take. It answers what the look does, and whether only
// its time ran out: then what was seen so far counts.
func (s *Service) look(ctx context.Context, account string, at func(ctx context.Context) error) (late bool, err error) {
	done, err := s.Turn(ctx, account)
	if err != nil {
		return false, err
	}
	defer done()
	bounded, cancel := s.within(ctx, s.Longest)
	defer cancel()
	err = at(bounded)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return true, nil
	}
	if err != nil {
		return false, fault.From(err)
	}
	return false, nil
}

// administers refuses whoever does not hold acl.manage, and leaves the refusal's row.
func (s *Service) administers(ctx context.Context, p access.Principal) error {
	if s.Guard.Can(p, access.ACLManage) {
		return nil
	}
	if err := s.Guard.Reject(ctx, p, access.Op{Action: access.ACLManage}, audit.Deny, "role"); err != nil {
		return err
	}
	return fault.New(fault.Forbidden, "Your role or key does not allow this.")
}

// actionOf answers the action that an operation on a model of a kind needs. Operations without a route in this release ask for what
// every use of a model needs.
func actionOf(o access.Operation, kind string) access.Action {
	if o == access.Infer {
		return catalog.Runs(kind)
	}
	return access.ModelView
}
