package httpapi

import (
	"context"
	"encoding/json"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// GetAuditVolume counts what the list's filters find, over time.
func (s *Server) GetAuditVolume(ctx context.Context, r gen.GetAuditVolumeRequestObject) (gen.GetAuditVolumeResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	p := r.Params
	v, err := s.deps.Audit.Volume(requestContext(ctx), audit.Filter{
		Actor: value(p.Actor), Action: value(p.Action), Model: value(p.Model), Decision: string(value(p.Decision)),
		IP: value(p.IP), From: value(p.From), To: value(p.To), RequestID: value(p.RequestID), Q: value(p.Q),
		Rule: value(p.Rule), Reason: value(p.Reason), Purpose: value(p.Purpose), Key: value(p.Key),
	}, value(p.Buckets), s.now())
	if err != nil {
		return nil, err
	}
	return gen.GetAuditVolume200JSONResponse{
		From: wire.Maybe(&v.From), To: wire.Maybe(&v.To), WidthMs: v.Width.Milliseconds(), Rows: v.Rows, Total: gen.AuditCounts(v.Total), CountedFrom: wire.Maybe(&v.CountedFrom),
		Buckets: each(v.Buckets, func(b audit.Bucket) gen.AuditBucket {
			return gen.AuditBucket{Start: wire.At(b.Start), Allow: b.Allow, Deny: b.Deny, Error: b.Error}
		}),
	}, nil
}

// GetAuditNeighbours answers the rows on both sides of one.
func (s *Server) GetAuditNeighbours(ctx context.Context, r gen.GetAuditNeighboursRequestObject) (gen.GetAuditNeighboursResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	newer, older, err := s.deps.Audit.Neighbours(requestContext(ctx), r.ID)
	if err != nil {
		return nil, err
	}
	var out gen.GetAuditNeighbours200JSONResponse
	if out.Newer, err = published(newer); err != nil {
		return nil, err
	}
	if out.Older, err = published(older); err != nil {
		return nil, err
	}
	return s.withRemoved(ctx, r.ID, out)
}

// withRemoved adds what stands for the rows next to an event where they are gone.
func (s *Server) withRemoved(ctx context.Context, id string, out gen.GetAuditNeighbours200JSONResponse) (gen.GetAuditNeighboursResponseObject, error) {
	ev, err := s.deps.Audit.Get(requestContext(ctx), id)
	if err != nil {
		return nil, err
	}
	if out.OlderRemoved, err = s.removedRow(ctx, ev.Seq-1); err != nil {
		return nil, err
	}
	out.NewerRemoved, err = s.removedRow(ctx, ev.Seq+1)
	return out, err
}

// published answers an event in its published bytes, nil for none.
func published(ev *audit.Event) (*gen.AuditEvent, error) {
	if ev == nil {
		return nil, nil
	}
	raw, err := json.Marshal(ev)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the audit row cannot be encoded")
	}
	out := gen.AuditEvent(raw)
	return &out, nil
}
