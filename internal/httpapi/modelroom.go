package httpapi

import (
	"context"
	"errors"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// noRoom is what may be told of a model that does not fit to somebody who does not see every other one.
const noRoom = "The model does not fit into the memory for models."

// reasonFor answers why a model is not there, as p may know it: what does not fit tells of the machine and of other models.
func (s *Server) reasonFor(p access.Principal, m catalog.Model) string {
	switch {
	case m.StateCode != catalog.NoMemory:
		return m.StateReason
	case !s.looksAfter(p):
		return ""
	case !s.seesAll(p):
		return noRoom
	}
	return m.StateReason
}

// fitsFor is manager.Service.Fits with an error that p may know.
func (s *Server) fitsFor(p access.Principal) func(context.Context, catalog.Model) error {
	return func(ctx context.Context, m catalog.Model) error {
		err := s.deps.Models.Fits(ctx, m)
		if errors.Is(err, inference.ErrNoRoom) && !s.seesAll(p) {
			return fault.Wrap(inference.ErrNoRoom, fault.Unprocessable, noRoom)
		}
		return err
	}
}

// looksAfter says that p may know of the machine.
func (s *Server) looksAfter(p access.Principal) bool {
	return s.deps.Guard.Can(p, access.ModelManage) || s.deps.Guard.Can(p, access.MetricsRead)
}

// seesAll says that no model is hidden from p.
func (s *Server) seesAll(p access.Principal) bool {
	all, err := s.deps.Catalog.All(context.Background()) // what is in memory already
	if err != nil {
		return false
	}
	ids := each(all, func(m catalog.Model) string { return m.ID })
	return len(s.deps.Guard.VisibleModels(p, ids)) == len(ids)
}
