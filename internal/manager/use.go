package manager

import (
	"context"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// failedRetry is when a model that could not be loaded may be asked for again: a person has to act first.
const failedRetry = 5 * time.Minute

// Hold is a name that a request was sent with, and the model that it meant when the request began: until Done the model is not
// taken out of memory to make room for another.
type Hold struct {
	Model catalog.Model
	s     *Service
}

// Take answers what a name means to a request: an id, an alias, or for "" the default model of the kind. It refuses what
// catalog.Resolve refuses, and decides nothing about who may use it.
func (s *Service) Take(ctx context.Context, kind, name string) (*Hold, error) {
	m, err := s.d.Catalog.ResolveFor(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	return &Hold{Model: m, s: s}, nil
}

// Done lets go of the model.
func (h *Hold) Done() {}

// Resident answers the model in memory, or says why it is not there now (fault.Loading). Weights that are not those of the
// catalogue's row are refused: an answer names the bytes that made it.
func (h *Hold) Resident() (*Resident, error) {
	h.s.mu.RLock()
	r, ok := h.s.models[h.Model.ID]
	h.s.mu.RUnlock()
	switch {
	case ok && r.Model.SHA256 == h.Model.SHA256:
		return r, nil
	case h.Model.State == catalog.StateFailed:
		// Whoever may see the model finds the reason in the list of models.
		return nil, fault.New(fault.Loading, "The model could not be loaded; the list of models says why.").WithRetry(failedRetry)
	}
	return nil, fault.New(fault.Loading, "The model is not loaded yet.")
}

// Confirmed is Resident after the file was held against its hash once more; a model whose file changed is not used any more.
func (h *Hold) Confirmed(ctx context.Context) (*Resident, error) {
	r, err := h.Resident()
	if err != nil {
		return nil, err
	}
	if err := r.file.Confirm(ctx); err != nil {
		h.s.withdraw(r, err)
		return nil, err
	}
	return r, nil
}
