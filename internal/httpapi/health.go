package httpapi

import (
	"cmp"
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
	answer := gen.GetReady200JSONResponse{Status: "ready"}
	if degraded := s.degraded(); len(degraded) > 0 {
		answer.Degraded = &degraded
	}
	return answer, nil
}

// degraded answers what somebody should mend although verdicts are given: what they are is proved by others' copies later.
func (s *Server) degraded() (out []gen.DegradedReason) {
	if known := s.deps.Audit.Stats(); !known.VerifiedAt.IsZero() && !known.VerifiedOK {
		out = append(out, gen.DegradedReason{Code: gen.ChainBroken, Detail: "The last full check of the audit log found something wrong."})
	}
	if s.deps.Checkpoints == nil {
		return out
	}
	state := s.deps.Checkpoints.State()
	if state.Problem != "" {
		out = append(out, gen.DegradedReason{Code: gen.CheckpointFailing, Detail: "The audit log's end cannot be signed."})
	}
	if state.Anchor.Problem != "" {
		out = append(out, gen.DegradedReason{Code: gen.AnchorFailing, Detail: "Checkpoints of the audit log cannot be copied to their folder."})
	}
	return out
}

// Degraded answers the codes of what somebody should mend although verdicts are given.
func (s *Server) Degraded() []string {
	var out []string
	for _, r := range s.degraded() {
		out = append(out, string(r.Code))
	}
	return out
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
	note(s.canaryReady(ctx))
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

// canaryReady refuses while the default guard answers otherwise than it did, and for a moment after the start until it has answered.
// What is said of a model that is not there is modelReady's.
func (s *Server) canaryReady(ctx context.Context) (gen.ReadyReasonCode, error) {
	if s.deps.Canary == nil {
		return "", nil
	}
	drifted, err := s.deps.Canary.Ready(ctx)
	if drifted {
		return gen.ReadyReasonCodeCanaryDrift, err
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

// probeWait is how long a probe is waited for. Another process that keeps the write lock, or a disk that hangs, must not keep
// those waiting who ask whether all is well.
const probeWait = 2 * time.Second

// What the probe found without an answer of the disk.
var (
	errCommitFailed = errors.New("a transaction could not be made durable")
	errNoAnswer     = errors.New("a transaction is not made durable in time")
)

// probe asks whether the disk takes a row, at most once in probeEvery. A COMMIT that failed meanwhile is an answer
// too: nobody is told ready for up to probeEvery after the disk has refused a row.
type probe struct {
	ask    func() error
	failed func() uint64 // transactions that could not be made durable, so far; nil = not counted
	now    func() time.Time
	wait   time.Duration // 0 = probeWait

	mu    sync.Mutex
	asked time.Time
	under chan struct{} // closed when the probe under way ends; nil while none is
	late  bool          // it has been waited for once
	known uint64
	found error
}

func (p *probe) check() error {
	if p.ask == nil {
		return nil
	}
	p.mu.Lock()
	at := p.now()
	switch failed := p.failures(); {
	case p.under == nil && (p.asked.IsZero() || at.Sub(p.asked) >= probeEvery):
		p.asked, p.under = at, make(chan struct{})
		go p.run(p.under)
	case p.under == nil && failed != p.known:
		p.asked, p.found, p.known = at, errCommitFailed, failed
	}
	under, late := p.under, p.late
	p.mu.Unlock()
	if under != nil && !late {
		p.waitFor(under)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found
}

// run is the one probe under way.
func (p *probe) run(under chan struct{}) {
	err := p.ask()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found, p.known = err, p.failures() // its own failure is no news
	p.under, p.late = nil, false
	close(under)
}

// waitFor waits for the probe under way; one that takes too long has no good answer, and nobody waits for it again.
func (p *probe) waitFor(under chan struct{}) {
	most := time.NewTimer(cmp.Or(p.wait, probeWait))
	defer most.Stop()
	select {
	case <-under:
		return
	case <-most.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under == under {
		p.found, p.late = errNoAnswer, true
	}
}

func (p *probe) failures() uint64 {
	if p.failed == nil {
		return 0
	}
	return p.failed()
}
