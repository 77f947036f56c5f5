package httpapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// GetHealth answers that the process is alive.
func (s *Server) GetHealth(context.Context, gen.GetHealthRequestObject) (gen.GetHealthResponseObject, error) {
	return gen.GetHealth200JSONResponse{Status: "ok"}, nil
}

// GetReady answers whether a verdict could be given now; else everything that stands in the way, with the first one's error
// code.
func (s *Server) GetReady(ctx context.Context, _ gen.GetReadyRequestObject) (gen.GetReadyResponseObject, error) {
	if err := s.ready(requestContext(ctx)); err != nil {
		return nil, err
	}
	return gen.GetReady200JSONResponse{Status: "ready"}, nil
}

// NotReady answers the codes of what keeps the server from a verdict, none when nothing does.
func (s *Server) NotReady(ctx context.Context) []string {
	var out []string
	if reasons := reasonsOf(s.ready(ctx)); reasons != nil {
		for _, r := range *reasons {
			out = append(out, string(r.Code))
		}
	}
	return out
}

// notReady is the first thing that is wrong, with all of them.
type notReady struct {
	first   error
	reasons []gen.ReadyReason
}

// Error is for logs.
func (e *notReady) Error() string { return e.first.Error() }

// Unwrap answers the first thing that is wrong.
func (e *notReady) Unwrap() error { return e.first }

// reasonsOf answers what an error of readiness lists, nil for every other error.
func reasonsOf(err error) *[]gen.ReadyReason {
	var e *notReady
	if !errors.As(err, &e) {
		return nil
	}
	return &e.reasons
}

// ready asks everything, so that one answer names all there is to mend. A reason names no model, file or person.
func (s *Server) ready(ctx context.Context) error {
	var out notReady
	note := func(code gen.ReadyReasonCode, err error) {
		if err == nil {
			return
		}
		if out.first == nil {
			out.first = err
		}
		out.reasons = append(out.reasons, gen.ReadyReason{Code: code, Detail: fault.From(err).Message})
	}
	if s.deps.Auth.SetupRequired(ctx) {
		note(gen.ReadyReasonCodeSetupRequired, setupRequired())
	}
	note(s.modelReady(ctx))
	note(gen.ReadyReasonCodeAuditUnavailable, s.auditReady(ctx))
	note(gen.ReadyReasonCodeDiskLow, s.diskReady())
	if out.first == nil {
		return nil
	}
	return &out
}

// modelReady tells a model that is still to come from one that never will by itself.
func (s *Server) modelReady(ctx context.Context) (gen.ReadyReasonCode, error) {
	err := s.deps.Moderation.Ready()
	if err == nil {
		return gen.ReadyReasonCodeLoading, nil
	}
	if m, lookup := s.deps.Catalog.Resolve(ctx, ""); lookup == nil && m.State == catalog.StateFailed {
		return gen.ReadyReasonCodeModelFailed, err
	}
	return gen.ReadyReasonCodeLoading, err
}

func (s *Server) auditReady(ctx context.Context) error {
	if _, _, _, err := s.deps.Audit.Head(ctx); err != nil {
		return fault.Wrap(err, fault.AuditUnavailable, "The audit log cannot be read.")
	}
	if err := s.writable.check(); err != nil {
		return fault.Wrap(err, fault.AuditUnavailable, "The audit log cannot be written.")
	}
	return nil
}

func (s *Server) diskReady() error {
	if s.deps.DiskLow == nil || !s.deps.DiskLow() {
		return nil
	}
	return fault.New(fault.AuditUnavailable, "The disk of the data folder is nearly full.")
}

// probeEvery bounds what strangers make a disk do: a probe is a durable write.
const probeEvery = 5 * time.Second

// errCommitFailed is what the probe found without asking.
var errCommitFailed = errors.New("a transaction could not be made durable")

// probe asks whether the disk takes a row, at most once in probeEvery. A COMMIT that failed meanwhile is an answer
// too: nobody is told ready for up to probeEvery after the disk has refused a row.
type probe struct {
	ask    func() error
	failed func() uint64 // transactions that could not be made durable, so far; nil = not counted
	now    func() time.Time

	mu    sync.Mutex
	asked time.Time
	known uint64
	found error
}

func (p *probe) check() error {
	if p.ask == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.now()
	switch failed := p.failures(); {
	case p.asked.IsZero() || at.Sub(p.asked) >= probeEvery:
		p.asked, p.found = at, p.ask()
		p.known = p.failures() // its own failure is no news
	case failed != p.known:
		p.asked, p.found, p.known = at, errCommitFailed, failed
	}
	return p.found
}

func (p *probe) failures() uint64 {
	if p.failed == nil {
		return 0
	}
	return p.failed()
}
