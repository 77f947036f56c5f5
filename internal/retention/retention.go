// Package retention removes what is older than it is to be kept, and nothing else: audit rows under signed tombstones, verdicts
// before their audit rows, ended sessions. Ages come from signed checkpoints alone, never from the wall clock, and a clock that
// can't be explained stops everything until somebody confirms it. It owns legal holds. It may import access, audit, db, fault
// and proof; what signs and what is set is handed in.
package retention

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// day is what retention counts in.
const day = 24 * time.Hour

// leastAudit is for how many days audit rows stay whatever is set.
const leastAudit = 180

// resource is how the audit log names retention as a whole.
const resource = "audit:retention"

// Days is for how many days each kind is kept; 0 is for ever.
type Days struct{ Audit, Verdicts, Sessions int }

// verdicts answers the days of verdicts, none of which outlives its audit row.
func (d Days) verdicts() int {
	if d.Verdicts == 0 || d.Audit > 0 && d.Audit < d.Verdicts {
		return d.Audit
	}
	return d.Verdicts
}

// Seal is what signs: the service of checkpoints, as far as retention needs it.
type Seal interface {
	// Install answers the id of the installation that notes name.
	Install(ctx context.Context) (string, error)
	// Sign answers the note of a text.
	Sign(text []byte) ([]byte, error)
	// Write makes a checkpoint of the chain as it is.
	Write(ctx context.Context, cause string) error
}

// Deps are what retention works with.
type Deps struct {
	DB    *db.DB
	Guard *access.Guard
	Seal  Seal
	Keys  func(ctx context.Context) (proof.Keys, error) // those that signed this log's notes
	Days  func() Days                                   // what is set now
	// Uptime answers which start of the machine this is, and for how long it has run since, sleep included.
	Uptime func() (boot string, since time.Duration, err error)
	// Forwarded answers the last row that has surely reached everybody whom rows are sent to; limited is false where nobody is.
	// nil sends to nobody.
	Forwarded func(ctx context.Context) (seq int64, limited bool, err error)
	// Exported answers the last row that every scheduled export has written, in the same way; nil writes none.
	Exported func(ctx context.Context) (seq int64, limited bool, err error)
	// Verify answers what is wrong with the log, "" for nothing: what does not verify is not removed.
	Verify func(ctx context.Context) (finding string, err error)
	// Lock makes this process the only one that removes; mine is false where another one is at it. The kernel has to free the lock of a
	// process that ends. nil is for one process alone.
	Lock func() (release func() error, mine bool, err error)
	// Rest waits between two batches, so that other writers come first; nil waits by the clock.
	Rest func(ctx context.Context, d time.Duration)
	Now  func() time.Time
	Log  *slog.Logger // nil = nobody reads it
}

// Service removes and keeps. All methods may be called from any goroutine.
type Service struct {
	d     Deps
	wake  chan struct{} // a token when a run was begun
	batch int64         // how many rows a worker begins with
	busy  sync.Mutex    // held by whoever works in this process
}

// New answers the service over a database.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Rest == nil {
		d.Rest = rest
	}
	return &Service{d: d, wake: make(chan struct{}, 1), batch: firstBatch}
}

// State is all that is shown: what would go now, the last runs, newest first, and when the server looked last.
type State struct {
	Plan   Plan
	Runs   []Run
	Looked *Look
}

// shownRuns is how many runs a state has: two weeks of daily ones.
const shownRuns = 14

// Get answers the state to a holder of settings.manage. It refuses others (Forbidden, with its row).
func (s *Service) Get(ctx context.Context, p access.Principal) (State, error) {
	if err := s.may(ctx, p); err != nil {
		return State{}, err
	}
	plan, err := s.plan(ctx)
	if err != nil {
		return State{}, err
	}
	runs, err := lastRuns(ctx, s.d.DB, shownRuns)
	if err != nil {
		return State{}, err
	}
	looked, err := readLook(ctx, s.d.DB)
	return State{Plan: plan, Runs: runs, Looked: looked}, err
}

// may refuses who does not hold settings.manage, and leaves the refusal's row.
func (s *Service) may(ctx context.Context, p access.Principal) error {
	if s.d.Guard.Can(p, access.SettingsManage) {
		return nil
	}
	refused := fault.New(fault.Forbidden, "You may not do this.")
	if err := s.d.Guard.Reject(ctx, p, access.Op{Action: access.SettingsManage, Resource: resource}, "deny", string(fault.Forbidden)); err != nil {
		return err
	}
	return refused
}

// admit is the part of every act here that is asked inside its transaction.
func (s *Service) admit(tx *db.Tx, p access.Principal) error {
	if err := s.d.Guard.Administer(tx, p, access.SettingsManage); err != nil {
		return err
	}
	return p.Confirmed()
}

// rest waits d, or until nobody waits for the work any more.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
