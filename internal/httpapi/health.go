package httpapi

import (
	"context"
	"sync"
	"time"

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
		return nil, setupRequired()
	}
	if err := s.deps.Moderation.Ready(); err != nil {
		return nil, err
	}
	if _, _, _, err := s.deps.Audit.Head(ctx); err != nil {
		return nil, fault.Wrap(err, fault.AuditUnavailable, "The audit log cannot be read.")
	}
	if err := s.writable.check(); err != nil {
		return nil, fault.Wrap(err, fault.AuditUnavailable, "The audit log cannot be written.")
	}
	return gen.GetReady200JSONResponse{Status: "ready"}, nil
}

// probeEvery bounds what strangers make a disk do: a probe is a durable write.
const probeEvery = 5 * time.Second

// probe asks whether the disk takes a row, at most once in probeEvery.
type probe struct {
	ask func() error
	now func() time.Time

	mu    sync.Mutex
	asked time.Time
	found error
}

func (p *probe) check() error {
	if p.ask == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.now(); p.asked.IsZero() || at.Sub(p.asked) >= probeEvery {
		p.asked, p.found = at, p.ask()
	}
	return p.found
}
