package httpapi

import (
	"context"

	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/moderation"
)

// ReproduceModeration judges the text of a recorded verdict again.
func (s *Server) ReproduceModeration(ctx context.Context, r gen.ReproduceModerationRequestObject) (gen.ReproduceModerationResponseObject, error) {
	messages, err := messagesOf(r.Body.Input)
	if err != nil {
		return nil, err
	}
	x := exchangeOf(ctx)
	out, err := s.deps.Moderation.Reproduce(requestContext(ctx), x.principal, r.ID, moderation.Input{Messages: messages}, x.patience)
	if err != nil {
		return nil, err
	}
	return gen.ReproduceModeration200JSONResponse{
		ID: out.ID, Equal: out.Equal, Text: gen.ReproductionText(out.Text), TextReason: textReason(out.TextReason),
		Differences: each(out.Differences, differenceDTO), Tolerance: out.Tolerance, Now: rejudged(out.Now),
		CreatedAt: wire.At(out.At), RequestID: x.principal.Origin.RequestID, AuditID: out.AuditID, AuditHash: out.AuditHash,
	}, nil
}

func textReason(reason string) *gen.ReproductionTextReason {
	if reason == "" {
		return nil
	}
	return new(gen.ReproductionTextReason(reason))
}

func differenceDTO(d moderation.Difference) gen.Difference {
	return gen.Difference{Field: d.Field, Recorded: orNil(d.Recorded), Now: orNil(d.Now)}
}

func rejudged(v *moderation.Rejudged) *gen.Rejudged {
	if v == nil {
		return nil
	}
	return &gen.Rejudged{
		Severity: gen.Severity(v.Severity), Categories: orEmpty(v.Categories), Refusal: v.Refusal, Flagged: v.Flagged, Action: gen.VerdictAction(v.Action),
		Scores: scoresDTO(v.Scores), Model: verdictModel(v.Model), Policy: verdictPolicy(v.Policy), Runtime: verdictRuntime(&v.Runtime),
		Timings: timings(v.Timings), DecidingWindow: orNone(v.DecidingWindow),
	}
}
