package httpapi

import (
	"context"

	"guardhouse/internal/audit"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/moderation"
)

// ListModerations answers a page of verdicts: whose, the domain decides.
func (s *Server) ListModerations(ctx context.Context, r gen.ListModerationsRequestObject) (gen.ListModerationsResponseObject, error) {
	p := r.Params
	page, err := s.deps.Moderation.History(requestContext(ctx), exchangeOf(ctx).principal, moderation.HistoryFilter{
		Scope: string(value(p.Scope)), Severity: string(value(p.Severity)), Action: string(value(p.Action)), Flagged: p.Flagged,
		Model: value(p.Model), RequestID: value(p.RequestID), From: value(p.From), To: value(p.To),
		Limit: limitOf(p.Limit), Cursor: value(p.Cursor),
	})
	if err != nil {
		return nil, err
	}
	return gen.ListModerations200JSONResponse{Items: each(page.Items, historyDTO), NextCursor: orNil(page.NextCursor)}, nil
}

// GetModeration answers one verdict; another person's is as unknown as one that never was.
func (s *Server) GetModeration(ctx context.Context, r gen.GetModerationRequestObject) (gen.GetModerationResponseObject, error) {
	row, err := s.deps.Moderation.Get(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetModeration200JSONResponse(historyDTO(row)), nil
}

func historyDTO(r moderation.HistoryRow) gen.HistoryRow {
	return gen.HistoryRow{
		ID: r.ID, RequestID: r.RequestID, CreatedAt: wire.At(r.CreatedAt), Actor: actorDTO(r.Actor), Model: verdictModel(r.Model),
		Severity: gen.Severity(r.Severity), Categories: orEmpty(r.Categories), Refusal: r.Refusal, Flagged: r.Flagged,
		Action: gen.VerdictAction(r.Action), Cached: r.Cached, Scores: scoresDTO(r.Scores), Policy: verdictPolicy(r.Policy), Runtime: verdictRuntime(r.Runtime),
		AuditSeq: r.AuditSeq, AuditID: r.AuditID, AuditHash: r.AuditHash, Timings: timings(r.Timings),
		DecidingWindow: orNone(r.DecidingWindow),
	}
}

func actorDTO(a audit.Actor) gen.Actor {
	return gen.Actor{Type: gen.ActorType(a.Type), ID: a.ID, Name: a.Name}
}
