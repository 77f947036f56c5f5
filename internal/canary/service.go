package canary

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// What a guard's canaries came to.
const (
	Passed  = "passed"
	Drifted = "drifted"
	Edited  = "edited" // the recorded answers were changed outside the program: nothing can be said of the guard
)

// Reason is why readiness is off, and an alert is raised, in one word.
const Reason = "canary_drift"

// patience is how long readiness waits for the first answers of the default guard: guard-nano gives them in a fraction of it.
const patience = 2 * time.Second

// again is when a guard that could not be asked is asked again.
const again = 10 * time.Second

// Judge is what the service asks of moderation.
type Judge interface {
	Running(ctx context.Context) ([]moderation.Running, error)
	Examine(ctx context.Context, p access.Principal, action access.Action, id string, inputs []moderation.Input, conclude func([]moderation.Rejudged) moderation.Concluded) error
}

// Deps are the services that the canaries stand on.
type Deps struct {
	DB      *db.DB
	Audit   *audit.Log
	Catalog *catalog.Service
	Judge   Judge
	Builtin []Baseline   // that come with the program
	Log     *slog.Logger // nil = none; ids and timings only
}

// Options are the settings. At is the time of the day, in UTC, at which every guard is asked once more.
type Options struct {
	At  time.Duration
	Now func() time.Time // nil = the clock
}

// State is how a guard's canaries stand: what the last run came to, of which bytes and when. Drifts are those that drifted.
type State struct {
	Result  string
	SHA256  string
	Total   int
	Drifts  []Drift
	At      time.Time
	Builtin bool // it was held against what comes with the program
}

// Service asks the guards and remembers what they said. Its methods may be called from several goroutines.
type Service struct {
	d   Deps
	o   Options
	set Set

	mu     sync.Mutex
	states map[string]State // by model
	runs   map[string]run   // by model: the last one
	began  time.Time        // when Run began to look; zero before
}

// run is what makes a run another: a guard is asked again where any of it changed.
type run struct {
	sha256, template, eventID string
	runtime                   moderation.RuntimeRef
	load                      uint64
	day                       int64
	retry                     time.Time // not before, where the last one could not be made
	broke                     bool      // it gave no answer the last time that it was asked
	done                      bool
}

// New answers a service that has asked nobody.
func New(d Deps, o Options) (*Service, error) {
	set, err := Prompts()
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{d: d, o: o, set: set, states: map[string]State{}, runs: map[string]run{}}, nil
}

// Trust refuses a guard whose canaries drifted. One that was not asked yet is trusted: it was loaded and gave its first answer.
func (s *Service) Trust(m catalog.Model) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.states[m.ID]; ok && st.SHA256 == m.SHA256 && st.Result != Passed {
		return fault.New(fault.Loading, "The model does not answer its canaries as recorded, and is not used.")
	}
	return nil
}

// Ready refuses with Loading while the default guard's canaries have drifted, drifted saying so, and for a moment after the start until
// it has answered them.
func (s *Service) Ready(ctx context.Context) (drifted bool, err error) {
	m, err := s.d.Catalog.Resolve(ctx, "")
	if err != nil {
		return false, nil // whoever asks for the model itself says that there is none
	}
	if err := s.Trust(m); err != nil {
		return true, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, asked := s.states[m.ID]
	if !asked && !s.began.IsZero() && s.o.Now().Sub(s.began) < patience {
		return false, fault.New(fault.Loading, "The default guard is answering its canaries.").WithRetry(patience)
	}
	return false, nil
}

// State answers how a model's canaries stand; false where it was not asked since the start.
func (s *Service) State(id string) (State, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.states[id]
	return st, ok
}

// States answers how all that were asked stand, by model.
func (s *Service) States() map[string]State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.states)
}

// Drifted answers the models that are not trusted.
func (s *Service) Drifted() map[string]State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]State{}
	for id, st := range s.states {
		if st.Result != Passed {
			out[id] = st
		}
	}
	return out
}
