package manager

import (
	"context"
	"errors"
	"fmt"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// Load loads every model of the catalogue whose kind has a Loader, the default guard first. It answers the error of the default
// guard; another that fails is shown as failed in the catalogue and stops nobody.
func (s *Service) Load(ctx context.Context) error {
	if _, err := s.d.Catalog.Refresh(ctx); err != nil {
		return err
	}
	return s.loadAll(ctx)
}

// Refresh loads what another process imported since, and stops the use of a model whose file changed
// (threat M4) until it is the right one again. It is cheap where nothing changed.
func (s *Service) Refresh(ctx context.Context) error {
	s.confirmAll(ctx)
	if err := s.readmit(ctx); err != nil {
		return err
	}
	changed, err := s.d.Catalog.Refresh(ctx)
	if err != nil || !changed {
		return err
	}
	return s.loadAll(ctx)
}

// LoadModel loads one model, for a process that needs no other.
func (s *Service) LoadModel(ctx context.Context, name string) error {
	m, err := s.d.Catalog.Resolve(ctx, name)
	if err != nil {
		return err
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	return s.load(ctx, m, false)
}

func (s *Service) loadAll(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		return err
	}
	var first error
	for _, wanted := range []bool{true, false} {
		for _, m := range all {
			if m.Default != wanted {
				continue
			}
			if err := s.load(ctx, m, true); err != nil && m.Default && m.Kind == catalog.KindGuard {
				first = err
			}
		}
	}
	return first
}

// load brings one model into the scheduler unless these very bytes are there already. measure lets the engine try what is
// fastest, which a process for a few texts would not earn back.
func (s *Service) load(ctx context.Context, m catalog.Model, measure bool) error {
	if s.loaders[m.Kind] == nil || s.has(m) {
		return nil
	}
	if err := s.free(ctx, m.ID); err != nil {
		return err
	}
	s.d.Catalog.SetState(m.ID, catalog.StateLoading, "")
	start := s.o.Now()
	r, err := s.start(ctx, m, measure)
	if err != nil {
		s.d.Catalog.SetFailed(m.ID, reasonOf(err), fault.From(err).Message)
		s.d.Log.ErrorContext(ctx, "loading a model", "model", m.ID, "sha256", m.SHA256, "err", err)
		return fmt.Errorf("loading %s: %w", m.ID, err)
	}
	s.mu.Lock()
	s.models[m.ID] = r
	delete(s.withdrawn, m.ID)
	s.mu.Unlock()
	s.d.Catalog.SetState(m.ID, catalog.StateReady, "")
	d := r.What
	s.d.Log.InfoContext(ctx, "model ready", "model", m.ID, "sha256", m.SHA256, "took", s.o.Now().Sub(start),
		"lanes", d.Lanes, "slots", d.Slots, "threads", d.Threads, "batch", d.Batch, "flash", d.Flash, "cache", d.Cache,
		"kernels", d.Kernels, "memory", d.Memory.Total(), "chosen", d.Choice.Why, "trial", d.Choice.Took)
	return nil
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
	o.Spec.ModelID, o.Spec.File, o.Spec.Measure, o.Spec.Progress = m.ID, f.File, measure, s.reading(m.ID)
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
