package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// try is a load that failed. It is not done again while nothing is different.
type try struct {
	sha256 string
	asked  int64
	file   os.FileInfo // nil = there was none
	freed  uint64      // only of one that did not fit
}

// bringing is the load that is going on.
type bringing struct {
	id     string
	cancel context.CancelFunc
}

// soonHashed is the size of a file from which it is worth while to look at the header before all of it is hashed.
const soonHashed = 64 << 20

// errUnwanted ends a load whose model is not to be in memory any more.
var errUnwanted = errors.New("the model is not wanted any more")

// Load loads every model that is wanted and whose kind has a Loader, the default guard first, also what failed before. It answers
// the error of the default guard; another that fails is shown as failed in the catalogue and stops nobody.
func (s *Service) Load(ctx context.Context) error {
	if _, err := s.d.Catalog.Refresh(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	clear(s.tries)
	s.mu.Unlock()
	return s.loadAll(ctx)
}

// Refresh does at once what Run does as it goes: it loads what another process imported or wanted since, takes out what is to go,
// and stops the use of a model whose file changed (threat M4) until it is the right one again. It is cheap where nothing changed.
func (s *Service) Refresh(ctx context.Context) error {
	if err := s.observe(ctx); err != nil {
		return err
	}
	return s.loadAll(ctx)
}

// LoadModel loads one model, for a process that needs no other, whatever is wanted of it elsewhere.
func (s *Service) LoadModel(ctx context.Context, kind, name string) error {
	m, err := s.d.Catalog.ResolveFor(ctx, kind, name)
	if err != nil {
		return err
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if err := s.load(ctx, m, false); err != nil {
		return err
	}
	s.d.Catalog.SetProven(m.ID) // nobody asks it more here
	return nil
}

// loadAll loads what is wanted and not there, the default models first. Where a default that was to come is given up, what it brings
// back is loaded too; the error stays.
func (s *Service) loadAll(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	err := s.bringWanted(ctx)
	if s.decideSwaps(ctx) {
		return errors.Join(err, s.bringWanted(ctx))
	}
	return err
}

// bringWanted is loadAll up to what comes of a change of the default. It answers the error of a default guard.
func (s *Service) bringWanted(ctx context.Context) error {
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		return err
	}
	var first error
	for _, early := range []bool{true, false} {
		for _, m := range all {
			if (m.Default || m.Next) != early || !s.wanted(m) || !s.due(m) {
				continue
			}
			if err := s.bringOne(ctx, m); err != nil && early && m.Kind == catalog.KindGuard {
				first = err
			}
		}
	}
	return first
}

// bringOne loads one model, in the place of the default where it may interrupt that.
func (s *Service) bringOne(ctx context.Context, m catalog.Model) error {
	if m.Follows != "" && !m.Begun && !m.BySetting {
		if err := s.d.Catalog.BeginSwap(ctx, m); err != nil {
			return err
		}
	}
	err := s.load(ctx, m, true)
	if errors.Is(err, inference.ErrNoRoom) && s.yield(ctx, m) {
		err = s.load(ctx, m, true)
	}
	return err
}

// wanted says whether a model is to be in memory.
func (s *Service) wanted(m catalog.Model) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.loaders[m.Kind] == nil:
		return false
	case m.Wanted == catalog.WantLoaded:
		at, asleep := s.idle[m.ID]
		return !asleep || at != m.AskedAt || restless(m) // asked for since, or the default since
	case m.Wanted == catalog.WantAfter:
		return m.Default || m.Next
	}
	return false
}

// due says whether a load may come to anything: what failed is tried again when it, its file or the memory is another.
func (s *Service) due(m catalog.Model) bool {
	if s.has(m) {
		return false
	}
	s.mu.RLock()
	t, failed := s.tries[m.ID]
	freed := s.freed
	s.mu.RUnlock()
	if !failed || t.sha256 != m.SHA256 || t.asked != m.AskedAt || t.freed != 0 && t.freed != freed {
		return true
	}
	return !sameFile(t.file, s.d.Catalog.Stat(m))
}

// load brings one model into the scheduler unless these very bytes are there already. measure lets the engine try what is
// fastest, which a process for a few texts would not earn back. The caller holds loading.
func (s *Service) load(ctx context.Context, m catalog.Model, measure bool) error {
	if s.loaders[m.Kind] == nil || s.has(m) || s.back(m) {
		return nil
	}
	if err := s.free(ctx, m.ID); err != nil {
		return err
	}
	ctx, end := s.begin(ctx, m.ID)
	defer end()
	s.d.Catalog.SetState(m.ID, catalog.StateLoading, "")
	start := s.o.Now()
	seen := s.d.Catalog.Stat(m)
	r, err := s.start(ctx, m, measure)
	if err != nil {
		return s.failed(ctx, m, seen, err)
	}
	took := s.o.Now().Sub(start)
	s.mu.Lock()
	s.enter(r, took)
	s.mu.Unlock()
	d := r.What
	s.d.Log.InfoContext(ctx, "model ready", "model", m.ID, "sha256", m.SHA256, "took", took,
		"lanes", d.Lanes, "slots", d.Slots, "threads", d.Threads, "batch", d.Batch, "flash", d.Flash, "cache", d.Cache,
		"kernels", d.Kernels, "memory", d.Memory.Total(), "chosen", d.Choice.Why, "trial", d.Choice.Took)
	return nil
}

// begin notes the load that is going on, so that it can be given up.
func (s *Service) begin(ctx context.Context, id string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.mu.Lock()
	s.bring = &bringing{id, func() { cancel(errUnwanted) }}
	s.mu.Unlock()
	return ctx, func() {
		s.mu.Lock()
		s.bring = nil
		s.mu.Unlock()
		cancel(nil)
	}
}

// enter puts a model that has proved itself where requests find it. The caller holds mu, under which every state is told: none is
// told after one that came later.
func (s *Service) enter(r *Resident, took time.Duration) {
	id := r.Model.ID
	r.used.Store(s.o.Now().UnixNano())
	if r.load == 0 {
		s.loads++
		r.load = s.loads
	}
	s.models[id], s.took[id] = r, took
	delete(s.leaving, id)
	delete(s.tries, id)
	delete(s.idle, id)
	if s.d.Proven && r.Model.Kind == catalog.KindGuard {
		s.d.Catalog.SetUnproven(id)
	} else {
		s.d.Catalog.SetState(id, catalog.StateReady, "")
	}
	s.Kick() // one that it follows may go now
}

// failed notes why a model is not there.
func (s *Service) failed(ctx context.Context, m catalog.Model, seen os.FileInfo, err error) error {
	if errors.Is(context.Cause(ctx), errUnwanted) {
		s.d.Catalog.SetUnloaded(m.ID, catalog.ByHand)
		return nil
	}
	t := try{sha256: m.SHA256, asked: m.AskedAt, file: seen}
	s.mu.Lock()
	if errors.Is(err, inference.ErrNoRoom) {
		t.freed = s.freed
	}
	s.tries[m.ID] = t
	s.mu.Unlock()
	s.d.Catalog.SetFailed(m.ID, reasonOf(err), fault.From(err).Message)
	s.d.Log.ErrorContext(ctx, "loading a model", "model", m.ID, "sha256", m.SHA256, "err", err)
	return fmt.Errorf("loading %s: %w", m.ID, err)
}

func (s *Service) has(m catalog.Model) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.models[m.ID]
	return ok && r.Model.SHA256 == m.SHA256
}

// start checks the file through one descriptor, hands that descriptor to the engine and has the model
// prove itself before anybody else may use it.
func (s *Service) start(ctx context.Context, m catalog.Model, measure bool) (r *Resident, err error) {
	if m.SizeBytes > soonHashed {
		if err := s.Fits(ctx, m); errors.Is(err, inference.ErrNoRoom) {
			return nil, err
		}
	}
	f, err := s.d.Catalog.OpenTold(ctx, m, s.telling(m.ID, catalog.StageChecking, 0, checkedPart))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	o, err := s.loaders[m.Kind](ctx, m, f)
	if err != nil {
		return nil, err
	}
	if err := s.fit(m, f, &o); err != nil {
		return nil, err
	}
	o.Spec.File, o.Spec.Measure, o.Spec.Progress = f.File, measure, s.reading(m.ID)
	r = &Resident{Model: m, Content: o.Content, file: f}
	return r, s.d.Scheduler.Add(ctx, proven{s.d.Engine, r, o.Prove}, o.Spec)
}

// proven is an engine that lets no model out before its file was found unchanged after the load
// (threat M4) and the model has given its first answer.
type proven struct {
	inference.Engine
	r     *Resident
	prove func(context.Context, inference.Model) error
}

// Load refuses a file that changed while it was read, and a model that is not fit for use.
func (p proven) Load(ctx context.Context, spec inference.Spec) (inference.Model, error) {
	m, err := p.Engine.Load(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err = p.r.file.Confirm(ctx); err == nil {
		err = p.prove(ctx, m)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	p.r.What = m.Describe()
	return m, nil
}
