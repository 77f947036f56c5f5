package httpapi

import (
	"context"

	"guardhouse/internal/checkpoint"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListAuditCheckpoints answers a page of checkpoints and how the anchor stands.
func (s *Server) ListAuditCheckpoints(ctx context.Context, r gen.ListAuditCheckpointsRequestObject) (gen.ListAuditCheckpointsResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	page, err := s.deps.Checkpoints.List(requestContext(ctx), value(r.Params.Cursor), limitOf(r.Params.Limit))
	if err != nil {
		return nil, err
	}
	state := s.deps.Checkpoints.State()
	out := gen.ListAuditCheckpoints200JSONResponse{
		Items: []gen.AuditCheckpoint{}, NextCursor: orNil(page.NextCursor), Anchor: anchorDTO(state.Anchor), Problem: state.Problem, ProblemCode: state.Why,
	}
	for _, c := range page.Items {
		out.Items = append(out.Items, gen.AuditCheckpoint{
			Number: c.Number, Seq: c.Seq, Hash: c.Hash, At: wire.At(c.At), Cause: gen.AuditCheckpointCause(c.Cause), KeyID: c.KeyID,
			Previous: c.Previous, Note: c.Note,
		})
	}
	return out, nil
}

func anchorDTO(a checkpoint.AnchorState) gen.AuditAnchor {
	out := gen.AuditAnchor{Outside: a.Outside, Number: a.Number, Problem: a.Problem, ProblemCode: a.Why, Foreign: a.Foreign}
	if a.Number > 0 {
		out.At = wire.Maybe(&a.At)
	}
	if a.Problem != "" {
		out.Since = wire.Maybe(&a.Since)
	}
	return out
}

// ListAuditKeys answers the public keys of the log.
func (s *Server) ListAuditKeys(ctx context.Context, _ gen.ListAuditKeysRequestObject) (gen.ListAuditKeysResponseObject, error) {
	if err := s.mayReadAudit(ctx); err != nil {
		return nil, err
	}
	keys, err := s.deps.Checkpoints.Keys(requestContext(ctx))
	if err != nil {
		return nil, err
	}
	out := gen.ListAuditKeys200JSONResponse{Items: []gen.AuditSigningKey{}}
	for _, k := range keys {
		out.Items = append(out.Items, auditKeyDTO(k))
	}
	return out, nil
}

// RotateAuditKey makes a new key.
func (s *Server) RotateAuditKey(ctx context.Context, _ gen.RotateAuditKeyRequestObject) (gen.RotateAuditKeyResponseObject, error) {
	k, err := s.deps.Checkpoints.Rotate(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	return gen.RotateAuditKey200JSONResponse(auditKeyDTO(k)), nil
}

func auditKeyDTO(k checkpoint.KeyRow) gen.AuditSigningKey {
	out := gen.AuditSigningKey{
		ID: k.ID, Verifier: k.Verifier, At: wire.At(k.At), Previous: orNil(k.Previous), Lost: k.N > 1 && k.Previous == "", Note: k.Note, EventID: k.EventID,
	}
	if !k.Until.IsZero() {
		out.Until = wire.Maybe(&k.Until)
	}
	return out
}
