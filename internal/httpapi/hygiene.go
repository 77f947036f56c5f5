package httpapi

import (
	"context"
	"fmt"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/hygiene"
)

func noHygiene() error { return fault.New(fault.NotAvailable, "This server looks no rules over.") }

// ListHygiene answers what there is to be seen to among rules and keys.
func (s *Server) ListHygiene(ctx context.Context, r gen.ListHygieneRequestObject) (gen.ListHygieneResponseObject, error) {
	if s.deps.Hygiene == nil {
		return nil, noHygiene()
	}
	seen, err := s.deps.Hygiene.Look(requestContext(ctx), exchangeOf(ctx).principal, value(r.Params.Days))
	if err != nil {
		return nil, err
	}
	body := gen.Hygiene{PolicyVersion: seen.Version, Days: seen.Days, Rows: int(seen.Rows), Cut: seen.Cut, Items: []gen.HygieneFinding{}}
	for _, f := range seen.Items {
		item, err := findingDTO(f)
		if err != nil {
			return nil, err
		}
		body.Items = append(body.Items, item)
	}
	return gen.ListHygiene200JSONResponse{Body: body, Headers: gen.ListHygiene200ResponseHeaders{ETag: etag(seen.Version)}}, nil
}

// ApplyHygiene does what a finding proposes.
func (s *Server) ApplyHygiene(ctx context.Context, r gen.ApplyHygieneRequestObject) (gen.ApplyHygieneResponseObject, error) {
	if s.deps.Hygiene == nil {
		return nil, noHygiene()
	}
	version, err := s.ifMatch(ctx, r.Params.IfMatch, false, func() (int64, error) { return s.deps.Guard.PolicyVersion(), nil })
	if err != nil {
		return nil, err
	}
	done, err := s.deps.Hygiene.Apply(requestContext(ctx), exchangeOf(ctx).principal, hygiene.Order{
		Finding: r.Body.ID, Days: value(r.Body.Days), Until: value(r.Body.Until), Note: value(r.Body.Note), Expect: value(version),
	})
	if err != nil {
		return nil, err
	}
	return gen.ApplyHygiene200JSONResponse{
		Body:    gen.HygieneApplied{ID: done.Finding, Kind: done.Kind, PolicyVersion: done.Version},
		Headers: gen.ApplyHygiene200ResponseHeaders{ETag: etag(done.Version)},
	}, nil
}

func findingDTO(f hygiene.Finding) (gen.HygieneFinding, error) {
	out := gen.HygieneFinding{
		ID: f.ID, Code: gen.HygieneFindingCode(f.Code), RuleID: orNil(f.RuleID), OtherRuleID: orNil(f.OtherRuleID),
		Params: gen.HygieneParams{
			Until: momentDTO(f.Until), KeyID: orNil(f.KeyID), Label: orNil(f.Label), Owner: orNil(f.Owner), LastUsedAt: momentDTO(f.LastUsed),
		},
	}
	switch f.Code {
	case hygiene.Expired, hygiene.Expiring, hygiene.NeverMatched, hygiene.UnusedKey:
		out.Params.Days = &f.Days
	}
	if len(f.Names) > 0 {
		out.Params.Names = &f.Names
	}
	if f.Opens {
		out.Params.Opens = &f.Opens
	}
	if f.Proposal == nil {
		return out, nil
	}
	out.Proposal = &gen.HygieneProposal{Kind: gen.HygieneProposalKind(f.Proposal.Kind), Until: momentDTO(f.Proposal.Until)}
	if f.Proposal.Shown == nil {
		return out, nil
	}
	text, err := f.Proposal.Shown.JSON()
	if err != nil {
		return out, fmt.Errorf("writing what rule %s becomes: %w", f.RuleID, err)
	}
	out.Proposal.Rules = &[]gen.ProposedRule{text}
	return out, nil
}
