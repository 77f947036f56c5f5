package httpapi

import (
	"context"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// LoadModel has a model brought into memory, if it fits.
func (s *Server) LoadModel(ctx context.Context, r gen.LoadModelRequestObject) (gen.LoadModelResponseObject, error) {
	p := exchangeOf(ctx).principal
	m, err := s.deps.Catalog.Load(requestContext(ctx), p, catalog.Change{ID: r.ID, Check: s.fitsFor(p)})
	if err != nil {
		return nil, err
	}
	s.deps.Models.Kick()
	return gen.LoadModel202JSONResponse(s.modelFor(p, m)), nil
}

// UnloadModel has a model taken out of memory.
func (s *Server) UnloadModel(ctx context.Context, r gen.UnloadModelRequestObject) (gen.UnloadModelResponseObject, error) {
	p := exchangeOf(ctx).principal
	m, err := s.deps.Catalog.Unload(requestContext(ctx), p, catalog.Change{ID: r.ID})
	if err != nil {
		return nil, err
	}
	s.deps.Models.Kick()
	return gen.UnloadModel202JSONResponse(s.modelFor(p, m)), nil
}

// MakeModelDefault has a model take the place of the default of its kind.
func (s *Server) MakeModelDefault(ctx context.Context, r gen.MakeModelDefaultRequestObject) (gen.MakeModelDefaultResponseObject, error) {
	p := exchangeOf(ctx).principal
	c := catalog.DefaultChange{Change: catalog.Change{ID: r.ID, Check: s.fitsFor(p)}, Replace: value(r.Body.Replace), Interrupt: value(r.Body.Interrupt)}
	if c.Interrupt && !c.Replace {
		return nil, s.refused(ctx, fault.New(fault.Invalid, "interrupt goes with replace: nothing else makes room.").WithField("interrupt"))
	}
	if c.Interrupt {
		c.Check = nil
	}
	m, err := s.deps.Catalog.MakeDefault(requestContext(ctx), p, c)
	if err != nil {
		return nil, err
	}
	s.deps.Models.Kick()
	return gen.MakeModelDefault202JSONResponse(s.modelFor(p, m)), nil
}

// RemoveModel takes a model out of the catalogue.
func (s *Server) RemoveModel(ctx context.Context, r gen.RemoveModelRequestObject) (gen.RemoveModelResponseObject, error) {
	if _, err := s.deps.Catalog.Remove(requestContext(ctx), exchangeOf(ctx).principal, catalog.Change{ID: r.ID}); err != nil {
		return nil, err
	}
	s.deps.Models.Kick()
	return gen.RemoveModel204Response{}, nil
}

// VerifyModel hashes a model's file once more.
func (s *Server) VerifyModel(ctx context.Context, r gen.VerifyModelRequestObject) (gen.VerifyModelResponseObject, error) {
	m, wrong, err := s.deps.Catalog.Verify(requestContext(ctx), exchangeOf(ctx).principal, r.ID, nil)
	if err != nil {
		return nil, err
	}
	out := gen.VerifyModel200JSONResponse{ID: m.ID, Sha256: m.SHA256, Equal: wrong == nil}
	if wrong != nil {
		if out.Code, out.Reason = catalog.FileFault(wrong), fault.From(wrong).Message; out.Code != "" {
			s.deps.Models.Distrust(m.ID, wrong) // else nothing is known of the bytes that run
		}
	}
	return out, nil
}
