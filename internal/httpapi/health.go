package httpapi

import (
	"context"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// GetHealth answers that the process is alive.
func (s *Server) GetHealth(context.Context, gen.GetHealthRequestObject) (gen.GetHealthResponseObject, error) {
	return gen.GetHealth200JSONResponse{Status: "ok"}, nil
}

// GetReady answers whether a verdict could be given now; else why not, as a code.
func (s *Server) GetReady(ctx context.Context, _ gen.GetReadyRequestObject) (gen.GetReadyResponseObject, error) {
	ctx = requestContext(ctx)
	if s.deps.Auth.SetupRequired(ctx) {
		return nil, fault.New(fault.SetupRequired, "This server has no admin yet. Open it in a browser to set it up.")
	}
	if err := s.deps.Moderation.Ready(); err != nil {
		return nil, err
	}
	if _, _, _, err := s.deps.Audit.Head(ctx); err != nil {
		return nil, fault.Wrap(err, fault.AuditUnavailable, "The audit log cannot be read.")
	}
	return gen.GetReady200JSONResponse{Status: "ready"}, nil
}
