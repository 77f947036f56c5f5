package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/verify"
)

// mayReadAudit refuses whoever does not hold audit.read, and leaves the refusal's row. The log has no service of its own
// that would ask the gate, so its routes ask here, whatever was checked before. Reading leaves no row.
func (s *Server) mayReadAudit(ctx context.Context) error { return s.mayRead(ctx, access.AuditRead) }

// ListAuditEvents answers a page of the log.
func (s *Server) ListAuditEvents(ctx context.Context, r gen.ListAuditEventsRequestObject) (gen.ListAuditEventsResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	p := r.Params
	page, err := s.deps.Audit.List(requestContext(ctx), audit.Filter{
		Actor: value(p.Actor), Action: value(p.Action), Model: value(p.Model), Decision: string(value(p.Decision)),
		IP: value(p.IP), From: value(p.From), To: value(p.To), RequestID: value(p.RequestID), Q: value(p.Q),
		Rule: value(p.Rule), Reason: value(p.Reason), Purpose: value(p.Purpose), Key: value(p.Key),
		OldestFirst: value(p.Order) == gen.Oldest, Limit: limitOf(p.Limit), Cursor: value(p.Cursor),
	})
	if err != nil {
		return nil, err
	}
	out := gen.ListAuditEvents200JSONResponse{Items: []gen.AuditEvent{}, NextCursor: orNil(page.NextCursor), SearchedTo: wire.Maybe(&page.SearchedTo)}
	for _, ev := range page.Items {
		raw, err := json.Marshal(ev)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the audit row cannot be encoded")
		}
		out.Items = append(out.Items, raw)
	}
	return out, nil
}

// GetAuditEvent answers one row.
func (s *Server) GetAuditEvent(ctx context.Context, r gen.GetAuditEventRequestObject) (gen.GetAuditEventResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	ev, err := s.deps.Audit.Get(requestContext(ctx), r.ID)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(ev)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the audit row cannot be encoded")
	}
	return publishedEvent(raw), nil
}

// publishedEvent is an event in its published bytes: its hash is computed over exactly these members, so nothing here
// takes them apart and builds them again.
type publishedEvent []byte

// VisitGetAuditEventResponse writes the event.
func (e publishedEvent) VisitGetAuditEventResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(append(e, '\n'))
	return err
}

// GetAuditChain answers the head of the chain and what the last walk of this process found.
func (s *Server) GetAuditChain(ctx context.Context, _ gen.GetAuditChainRequestObject) (gen.GetAuditChainResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	seq, hash, at, err := s.deps.Audit.Head(requestContext(ctx))
	if err != nil {
		return nil, err
	}
	out := gen.AuditChain{Verified: s.verifier.last()}
	out.Head.Seq, out.Head.Hash, out.Head.At = seq, hash, wire.Maybe(&at)
	return gen.GetAuditChain200JSONResponse(out), nil
}

// VerifyAudit walks the chain and keeps what it found for GetAuditChain.
func (s *Server) VerifyAudit(ctx context.Context, _ gen.VerifyAuditRequestObject) (gen.VerifyAuditResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	if !s.verifier.begin() {
		return nil, fault.New(fault.Busy, "The chain is being walked already.").WithRetry(time.Second)
	}
	var found *gen.AuditVerification
	defer func() { s.verifier.end(found) }()
	start := s.now()
	var known verify.Options
	if s.deps.Proofs != nil {
		known = s.deps.Proofs(requestContext(ctx))
	}
	report, err := verify.Database(requestContext(ctx), s.deps.Audit, known)
	if err != nil {
		return nil, err
	}
	found = verification(report, start, s.now())
	return gen.VerifyAudit200JSONResponse(*found), nil
}

func verification(r verify.Report, start, end time.Time) *gen.AuditVerification {
	v := &gen.AuditVerification{
		CheckedAt: wire.At(start), DurationMs: float64(end.Sub(start).Microseconds()) / 1e3, Rows: r.Rows, First: r.First, Last: r.Last,
		Checkpoints: r.Checkpoints, Copies: r.Copies, Tombstones: r.Tombstones, Removed: r.Pruned, KeysFrom: r.TrustedBy,
		Finding: r.Finding, Detail: r.Detail, NotProvable: orEmpty(r.NotProvable),
	}
	if r.At != 0 {
		v.FindingSeq = &r.At
	}
	return v
}

// verifier lets one walk run at a time and remembers the last one's finding.
type verifier struct {
	mu      sync.Mutex
	running bool
	found   *gen.AuditVerification
}

func (v *verifier) begin() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running {
		return false
	}
	v.running = true
	return true
}

// end keeps found; a walk that failed keeps what was known before.
func (v *verifier) end(found *gen.AuditVerification) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = false
	if found != nil {
		v.found = found
	}
}

func (v *verifier) last() *gen.AuditVerification {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.found
}
