package manager

import (
	"context"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

const (
	// failedRetry is when a model that could not be loaded may be asked for again: a person has to act first.
	failedRetry = 5 * time.Minute
	// leastRetry and mostRetry bound when a model that is being loaded may be asked for again.
	leastRetry, mostRetry = time.Second, 2 * time.Minute
)

// Hold is the model that a request's name meant when the request began: until Done it stays in memory, whatever else changes, but
// where its file did.
type Hold struct {
	Model catalog.Model
	s     *Service
	kind  string
	r     *Resident // nil while there is none to hold

	called bool // whoever holds it was let in and called upon it
}

// Take answers what a name means to a request: an id, an alias, or for "" the default model of the kind. It refuses what
// catalog.ResolveFor refuses, and decides nothing about who may use it.
func (s *Service) Take(ctx context.Context, kind, name string) (*Hold, error) {
	m, err := s.d.Catalog.ResolveFor(ctx, kind, name)
	for err == nil {
		h := &Hold{Model: m, s: s, kind: kind}
		h.grasp()
		// Asked again now that it is held: it may have lost its name before, and then it may be on its way out.
		if m, err = s.d.Catalog.ResolveFor(ctx, kind, name); err == nil && m.ID == h.Model.ID {
			h.Model = m
			return h, nil
		}
		h.Done()
	}
	return nil, err
}

// grasp holds the model in memory, if there is one with the bytes of the row.
func (h *Hold) grasp() *Resident {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	if h.r == nil {
		if r := h.s.models[h.Model.ID]; r != nil && r.Model.SHA256 == h.Model.SHA256 {
			r.holds++
			h.r = r
		}
	}
	return h.r
}

// Done lets go of the model. A second call does nothing.
func (h *Hold) Done() {
	h.s.mu.Lock()
	r := h.r
	h.r = nil
	last := false
	if r != nil {
		r.holds--
		if h.called { // else it was a probe, or somebody who was refused
			r.calls--
			r.used.Store(h.s.o.Now().UnixNano())
		}
		last = r.holds == 0 && h.s.models[h.Model.ID] != r
	}
	h.s.mu.Unlock()
	if last {
		h.s.Kick() // it may go now
	}
}

// Resident answers the model in memory, or says why it is not there now (fault.Loading). Weights that are not those of the
// catalogue's row are refused: an answer names the bytes that made it. So is a model of another kind (fault.Invalid).
func (h *Hold) Resident() (*Resident, error) {
	if h.Model.Kind != h.kind {
		return nil, fault.Newf(fault.Invalid, "This model is of the kind %s; one of the kind %s is wanted here.", h.Model.Kind, h.kind).WithField("model")
	}
	if r := h.grasp(); r != nil && !r.changed.Load() {
		return r, nil
	}
	switch m := h.Model; {
	case m.State == catalog.StateFailed:
		// Whoever may see the model finds the reason in the list of models.
		return nil, fault.New(fault.Loading, "The model could not be loaded; the list of models says why.").WithRetry(failedRetry)
	case m.State == catalog.StateUnloaded && m.StateCode != catalog.Idle:
		return nil, fault.New(fault.Loading, "The model was unloaded. Somebody who looks after models has to load it.").WithRetry(failedRetry)
	}
	return nil, fault.New(fault.Loading, "The model is not loaded yet.").WithRetry(h.s.expected(h.Model.ID))
}

// Unproven says that the model is to take the place of a default that had to go first, and has not proved yet that it may.
func (h *Hold) Unproven() bool {
	return h.Model.Default && h.Model.Unproven && h.Model.State == catalog.StateLoading
}

// Call is Resident for whoever was let in: a model that is out of memory because nobody used it is loaded, and he may come back.
func (h *Hold) Call() (*Resident, error) {
	r, err := h.Resident()
	if err != nil {
		h.s.wake(h.Model.ID)
		return nil, err
	}
	if h.Unproven() {
		return nil, fault.New(fault.Loading, "The default model was replaced, and what replaces it is still being tried.").WithRetry(leastRetry)
	}
	h.s.mu.Lock()
	if !h.called {
		h.called = true
		r.calls++
	}
	h.s.mu.Unlock()
	return r, nil
}

// Confirmed is Resident after the file was held against its hash once more; a model whose file changed is not used any more.
func (h *Hold) Confirmed(ctx context.Context) (*Resident, error) {
	r, err := h.Resident()
	if err != nil {
		return nil, err
	}
	if err := r.file.Confirm(ctx); err != nil {
		if ctx.Err() == nil { // else nothing was found out
			h.s.withdraw(r, err)
		}
		return nil, err
	}
	return r, nil
}

// wake has an idle model loaded.
func (s *Service) wake(id string) {
	s.mu.Lock()
	_, asleep := s.idle[id]
	delete(s.idle, id)
	if asleep {
		s.d.Catalog.SetState(id, catalog.StateLoading, "")
	}
	s.mu.Unlock()
	if asleep {
		s.Kick()
	}
}

// expected answers when a model that is being loaded is probably there.
func (s *Service) expected(id string) time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return min(max(s.took[id], leastRetry), mostRetry)
}

// Used answers when a model that is in memory was used last, the zero time if it never was.
func (s *Service) Used(id string) time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.models[id]
	switch {
	case r == nil || r.used.Load() == 0:
		return time.Time{}
	case r.calls > 0:
		return s.o.Now()
	}
	return time.Unix(0, r.used.Load())
}
