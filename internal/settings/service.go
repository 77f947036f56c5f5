package settings

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Service answers what is set and takes changes. All methods may be called from any goroutine.
type Service struct {
	db     *db.DB
	guard  *access.Guard
	o      Options
	log    *slog.Logger
	fields map[string]Field
	began  map[string]string // what this process started with

	current atomic.Pointer[state]
	// reloading keeps versions in their order on the way into the services.
	reloading sync.Mutex
	apply     func(stored map[string]string)
}

// New reads what is stored and answers the service. Values that can't be in force are logged and left out: they stop nothing.
func New(ctx context.Context, d *db.DB, g *access.Guard, o Options) (*Service, error) {
	s := &Service{db: d, guard: g, o: o, log: o.Log, fields: map[string]Field{}, began: map[string]string{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, f := range o.Fields {
		s.fields[f.Key] = f
	}
	if err := s.Reload(ctx); err != nil {
		return nil, err
	}
	now := s.current.Load()
	for _, f := range o.Fields {
		s.began[f.Key] = effective(f, now.values(), now.problems)
	}
	return s, nil
}

// Version counts what is stored: it is another one whenever something else is.
func (s *Service) Version() int64 { return s.current.Load().version }

// Stored answers the stored values, those that are not in force among them.
func (s *Service) Stored() map[string]string { return s.current.Load().values() }

// Apply names who translates stored values for the services, and has it do so now. It is called again, one call at a time
// and in the order of versions, whenever something else is stored.
func (s *Service) Apply(apply func(stored map[string]string)) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.apply = apply
	apply(s.current.Load().values())
}

// Reload reads what is stored and has it in force when it returns. A failure leaves what was.
func (s *Service) Reload(ctx context.Context) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	version, rows, err := readAll(ctx, s.db)
	if err != nil {
		return err
	}
	old := s.current.Load()
	if old != nil && old.version == version {
		return nil
	}
	next := &state{version: version, rows: rows, problems: s.o.Check(valuesOf(rows))}
	for _, key := range slices.Sorted(maps.Keys(next.problems)) {
		if old == nil || old.problems[key] == nil {
			s.log.WarnContext(ctx, "a stored setting is not in force", "key", key, "why", next.problems[key].Error(), "do", "guardhouse settings reset "+key)
		}
	}
	if s.apply != nil {
		s.apply(next.values())
	}
	s.current.Store(next)
	return nil
}

// watchEvery is how often the database is asked whether anything was committed: twice within the second that is promised.
const watchEvery = 400 * time.Millisecond

// Watch reloads what other processes store, until ctx ends.
func (s *Service) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			seen = s.poll(ctx, seen)
		}
	}
}

// poll answers the data version up to which the values are current; on an error, the one it was given, to try again.
func (s *Service) poll(ctx context.Context, seen int64) int64 {
	now, err := s.db.DataVersion(ctx)
	if err == nil && now == seen {
		return seen
	}
	if err == nil {
		err = s.Reload(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			s.log.ErrorContext(ctx, "reading the settings", "err", err)
		}
		return seen
	}
	return now
}

// Ignored answers the values that are not in force, by key: each wants somebody.
func (s *Service) Ignored(ctx context.Context) []Ignored { return s.ignored(ctx, s.current.Load()) }

func (s *Service) ignored(ctx context.Context, now *state) []Ignored {
	out := make([]Ignored, 0, len(now.problems))
	for _, key := range slices.Sorted(maps.Keys(now.problems)) {
		out = append(out, Ignored{key, now.problems[key].Error()})
	}
	if s.o.Misplaced != nil {
		out = append(out, s.o.Misplaced(ctx)...)
	}
	return out
}

// Get answers everything that is shown to a caller with settings.manage. It refuses others (Forbidden, with its row).
func (s *Service) Get(ctx context.Context, p access.Principal) (View, error) {
	if !s.guard.Can(p, access.SettingsManage) {
		refused := fault.New(fault.Forbidden, "You may not do this.")
		if err := s.guard.Reject(ctx, p, access.Op{Action: access.SettingsManage, Resource: "settings"}, audit.Deny, string(fault.Forbidden)); err != nil {
			return View{}, err
		}
		return View{}, refused
	}
	return s.view(ctx), nil
}

// Change stores values for a caller with settings.manage, asked again in the transaction, and answers what is set then. It
// is in force when this returns, and within a second in other processes; what applies at a restart is stored. One that
// changes nothing leaves its row and no version. It refuses another version than the given one (Stale), a key that is none or never
// stored and a value that could not be in force (Invalid), one that the rest of the product has no place for
// (Unprocessable), and a value for a key that a flag, the environment or the file fixes (Conflict).
func (s *Service) Change(ctx context.Context, p access.Principal, c Change) (v View, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: s.target(c)})
	if err != nil {
		return View{}, err
	}
	defer pass.Close(&err)
	misplaced := s.admit(ctx, c) // asked here: the catalogue is nothing to wait for inside a transaction
	var w plan
	out := access.Outcome{Check: func(tx *db.Tx) (details map[string]any, err error) {
		if w, details, err = s.plan(tx, p, c); err == nil {
			err = misplaced
		}
		return details, err
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error {
		if len(w.writes) == 0 {
			return nil
		}
		if err := w.store(tx, ev); err != nil {
			return err
		}
		return s.announce(tx, w)
	})
	if err != nil {
		return View{}, err
	}
	return s.view(ctx), nil
}

// announce has the change in force once it is durable, and makes a new policy version where verdicts follow from it: after
// the values, so that no verdict carries the new number and the old reading.
func (s *Service) announce(tx *db.Tx, w plan) error {
	tx.AfterCommit(func() {
		// The change is durable whatever happens here; Watch tries again.
		if err := s.Reload(context.Background()); err != nil {
			s.log.Error("reading the settings", "err", err)
		}
	})
	if len(w.policy) == 0 {
		return nil
	}
	return s.guard.Changed(tx, "setting "+strings.Join(w.policy, ", ")+" changed")
}

// admit asks the rest of the product about wanted values.
func (s *Service) admit(ctx context.Context, c Change) error {
	if s.o.Admit == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(c.Values)) {
		if value := c.Values[key]; value != nil {
			if err := s.o.Admit(ctx, key, *value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) field(key string) (Field, bool) {
	f, ok := s.fields[key]
	return f, ok
}

func (s *Service) view(ctx context.Context) View {
	now := s.current.Load()
	v := View{Version: now.version, Items: make([]Item, 0, len(s.o.Fields)), Ignored: s.ignored(ctx, now)}
	for _, f := range s.o.Fields {
		v.Items = append(v.Items, s.item(f, now))
	}
	return v
}

func (s *Service) item(f Field, now *state) Item {
	it := Item{Field: f, Value: effective(f, now.values(), now.problems), Source: f.Source, Editable: f.Applies != "" && !f.fixed()}
	it.InForce = it.Value
	if f.Applies == Restart {
		it.InForce = s.began[f.Key]
	}
	r, stored := now.rows[f.Key]
	if !stored {
		return it
	}
	if err := now.problems[f.Key]; err != nil {
		it.Problem = err.Error()
	} else if !f.fixed() {
		it.Source = Console
	}
	it.ChangedAt, it.ChangedBy, it.EventID = &r.changedAt, r.actorName, r.eventID
	return it
}
