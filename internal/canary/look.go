package canary

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

const (
	// lookEvery is how soon a guard that was loaded, or recorded anew by another process, is asked.
	lookEvery = 100 * time.Millisecond
	// within bounds one run: a large guard on a small processor.
	within = 15 * time.Minute
	day    = 24 * time.Hour
)

// Run asks every guard that comes into memory, each once more where its recorded answers, its bytes or what computes it are others, and
// all of them at the set time of each day, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.Look(ctx); err != nil && ctx.Err() == nil {
			s.d.Log.Warn("looking for guards to hold against their canaries", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Look asks those that are due, once. It belongs to one goroutine.
func (s *Service) Look(ctx context.Context) error {
	running, err := s.d.Judge.Running(ctx)
	if err != nil {
		return err
	}
	now := s.o.Now()
	s.forget(running)
	for _, r := range running {
		s.begin(r.Model, now)
		due, next, err := s.due(ctx, r, now)
		if err != nil {
			return err
		}
		if !due {
			s.confirm(r.Model)
			continue
		}
		next.done, next.retry = true, time.Time{}
		if next.eventID, err = s.ask(ctx, r.Model, next); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it is over
			}
			s.d.Log.Warn("a guard could not be held against its canaries", "model", r.Model.ID, "err", err)
			next.done, next.retry = false, s.o.Now().Add(again)
			next.broke = next.broke || errors.Is(err, errBroke)
		} else {
			next.broke = false
		}
		s.mu.Lock()
		s.runs[r.Model.ID] = next
		s.mu.Unlock()
	}
	return nil
}

// confirm says once more of a guard that passed since it came into memory that it did: a load that was taken back forgot it.
func (s *Service) confirm(m catalog.Model) {
	st, asked := s.State(m.ID)
	s.mu.Lock()
	done := s.runs[m.ID].done
	s.mu.Unlock()
	if asked && done && st.Result == Passed && st.SHA256 == m.SHA256 {
		s.d.Catalog.SetProven(m.ID)
	}
}

// forget has a guard that left memory asked at once when it is back, and remembers of it that it gave no answer the last time: memory
// is left easily, and the second failure in a row counts wherever the guard was in between.
func (s *Service) forget(running []moderation.Running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, last := range s.runs {
		switch {
		case slices.ContainsFunc(running, func(r moderation.Running) bool { return r.Model.ID == id }):
		case last.broke:
			s.runs[id] = run{sha256: last.sha256, broke: true}
		default:
			delete(s.runs, id)
		}
	}
}

// begin starts the patience of readiness when the default guard is there.
func (s *Service) begin(m catalog.Model, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Default && s.began.IsZero() {
		s.began = now
	}
}

func (s *Service) due(ctx context.Context, r moderation.Running, now time.Time) (bool, run, error) {
	eventID, err := s.recorded(ctx, s.baselineOf(r.Model))
	if err != nil {
		return false, run{}, err
	}
	next := run{
		sha256: r.Model.SHA256, template: r.Model.TemplateSHA256, eventID: eventID, runtime: r.Runtime, load: r.Load,
		day: now.Add(-s.o.At).UnixMilli() / day.Milliseconds(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.runs[r.Model.ID]
	if now.Before(last.retry) && last.load == next.load {
		return false, next, nil
	}
	last.retry, next.done = time.Time{}, true
	next.broke = last.broke && last.sha256 == next.sha256
	st, asked := s.states[r.Model.ID]
	back := asked && st.Result != Passed && r.Model.State == catalog.StateReady // it was loaded again since
	return back || last != next, next, nil
}

func (s *Service) baselineOf(m catalog.Model) Baseline {
	return Baseline{ModelSHA256: m.SHA256, TemplateSHA256: m.TemplateSHA256, SetSHA256: s.set.SHA256}
}

// known answers what a guard is held against: what was recorded here and is vouched for, else what comes with the program; none = false.
func (s *Service) known(ctx context.Context, m catalog.Model, eventID string) (b Baseline, ok bool, err error) {
	of := s.baselineOf(m)
	if eventID != "" {
		if b, err = s.load(ctx, of); !errors.Is(err, errPruned) {
			return b, true, err
		}
		of.eventID = b.eventID // what is recorded now may take its place
	}
	for _, b := range s.d.Builtin {
		if b.is(of) {
			return b, true, nil
		}
	}
	return of, false, nil
}

// ask has a guard answer its canaries and notes what came of it, in one row of the log. The row is one of looking after models: a row of
// moderation.run that allows has verdicts. It answers the row that vouches for the baseline after: its own, else the one it was given,
// so that what somebody records meanwhile is another. A guard that gives no answer is asked once more before it counts as drifted.
func (s *Service) ask(ctx context.Context, m catalog.Model, last run) (eventID string, err error) {
	eventID = last.eventID
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	base, known, err := s.known(ctx, m, eventID)
	edited := errors.Is(err, errEdited)
	if err != nil && !edited {
		return eventID, err
	}
	st := State{Result: Passed, SHA256: m.SHA256, Total: len(s.set.Prompts), Builtin: known && base.eventID == "" && !edited}
	p := access.Server("canary")
	p.Origin.RequestID = "req_" + ulid.Make().String()
	answered, vouches := false, eventID
	err = s.d.Judge.Examine(ctx, p, access.ModelManage, m.ID, s.set.Inputs(), func(said []moderation.Rejudged) moderation.Concluded {
		answered = true
		now := s.set.answers(said)
		switch {
		case edited:
			st.Result = Edited
			return moderation.Concluded{Outcome: access.Outcome{Decision: audit.Error, Reason: Reason, Details: map[string]any{"change": "canary", "canaries": Edited, "set_sha256": s.set.SHA256}}}
		case !known:
			base.Answers = now
			return record(base, func(tx *db.Tx, text, id string) error {
				vouches = id
				return storeFirst(tx, base, text, id)
			})
		}
		st.Drifts = compare(base.Answers, now)
		return s.concluded(&st, base, &vouches)
	})
	switch {
	case !answered && breaks(err) && last.broke:
		s.d.Log.Warn("a guard gave no answer twice in a row", "model", m.ID, "err", err)
		st.Result = Drifted
	case !answered && breaks(err):
		return eventID, errors.Join(errBroke, err)
	case err != nil:
		return eventID, err
	}
	s.settle(m, st)
	return vouches, nil
}

// errBroke is of a guard that was asked and gave no answer.
var errBroke = errors.New("the guard gave no answer")

// breaks says whether it was the guard that ended its run: what it says cannot be read, its process ends over it, or it takes too long.
func breaks(err error) bool {
	return slices.Contains([]fault.Code{fault.Internal, fault.PayloadRefused, fault.CrashStopped, fault.Timeout}, fault.CodeOf(err))
}

// concluded is the row of a guard that was held against a baseline. One that passed vouches for a recorded baseline anew, so that the
// row is never older than what retention keeps; vouches becomes that row.
func (s *Service) concluded(st *State, base Baseline, vouches *string) moderation.Concluded {
	d := map[string]any{"change": "canary", "canaries": Passed, "set_sha256": s.set.SHA256, "drifted": len(st.Drifts)}
	if len(st.Drifts) > 0 {
		st.Result, d["canaries"], d["names"] = Drifted, Drifted, names(st.Drifts)
		return moderation.Concluded{Outcome: access.Outcome{Decision: audit.Error, Reason: Reason, Details: d}}
	}
	if base.eventID == "" {
		return moderation.Concluded{Outcome: access.Outcome{Details: d}}
	}
	d["answers_sha256"] = base.sum
	return moderation.Concluded{Outcome: access.Outcome{Details: d}, Write: func(tx *db.Tx, ev audit.Event) error {
		ok, err := vouch(tx, base, ev.ID)
		if *vouches = base.eventID; ok {
			*vouches = ev.ID
		}
		return err
	}}
}

// record is the row that vouches for a baseline, and what keep writes beside it.
func record(b Baseline, keep func(tx *db.Tx, text, eventID string) error) moderation.Concluded {
	text, sum, err := b.encode()
	d := map[string]any{"change": "canary_record", "canaries": "recorded", "set_sha256": b.SetSHA256, "answers_sha256": sum}
	return moderation.Concluded{
		Outcome: access.Outcome{Details: d},
		Write: func(tx *db.Tx, ev audit.Event) error {
			if err != nil {
				return err
			}
			return keep(tx, text, ev.ID)
		},
	}
}

// Record has an operator's guard answer its canaries and takes that for right from now on. It refuses whoever may not manage models, and
// what Examine refuses.
func (s *Service) Record(ctx context.Context, p access.Principal, m catalog.Model) error {
	b := s.baselineOf(m)
	return s.d.Judge.Examine(ctx, p, access.ModelManage, m.ID, s.set.Inputs(), func(said []moderation.Rejudged) moderation.Concluded {
		b.Answers = s.set.answers(said)
		return record(b, func(tx *db.Tx, text, id string) error { return store(tx, b, text, id) })
	})
}

// most bounds the canaries that a row names.
const most = 20

func names(drifts []Drift) []any {
	var out []any
	for _, d := range drifts[:min(len(drifts), most)] {
		out = append(out, d.Name)
	}
	return out
}

// settle remembers the result, and shows a guard that is not trusted as failed until it is again.
func (s *Service) settle(m catalog.Model, st State) {
	st.At = s.o.Now()
	s.mu.Lock()
	before, asked := s.states[m.ID]
	s.states[m.ID] = st
	s.mu.Unlock()
	defer s.d.Catalog.Touch(m.ID)
	switch {
	case st.Result != Passed:
		s.d.Catalog.SetFailed(m.ID, catalog.CanaryDrift, "The model does not answer its canaries as recorded.")
		s.d.Log.Error("a guard does not answer its canaries as recorded", "model", m.ID, "sha256", m.SHA256, "result", st.Result, "drifted", len(st.Drifts), "of", st.Total)
	case asked && before.Result != Passed: // whose state is failed, if it was not loaded since
		s.d.Catalog.SetState(m.ID, catalog.StateReady, "")
		s.d.Log.Info("a guard answers its canaries again", "model", m.ID, "sha256", m.SHA256)
	default:
		s.d.Log.Debug("canaries answered", "model", m.ID, "sha256", m.SHA256)
		s.d.Catalog.SetProven(m.ID)
	}
}
