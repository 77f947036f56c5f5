package httpapi

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/rehearsal"
	"guardhouse/internal/rule"
)

func noRehearsals() error {
	return fault.New(fault.NotAvailable, "This server rehearses no rules.")
}

// ExplainAccess answers why somebody may or may not do something with a model.
func (s *Server) ExplainAccess(ctx context.Context, r gen.ExplainAccessRequestObject) (gen.ExplainAccessResponseObject, error) {
	if s.deps.Rehearsal == nil {
		return nil, noRehearsals()
	}
	ip, err := addressOf(r.Body.IP)
	if err != nil {
		return nil, err
	}
	b := r.Body
	e, err := s.deps.Rehearsal.Explain(requestContext(ctx), exchangeOf(ctx).principal, rehearsal.Query{
		Principal: value(b.Principal), Model: b.Model, Operation: access.Operation(b.Operation), IP: ip, At: value(b.At), Purpose: value(b.Purpose),
		Proposal: proposal(b.Rules, b.RulesModel, b.RulesDefault),
	})
	if err != nil {
		return nil, err
	}
	return gen.ExplainAccess200JSONResponse(explanationDTO(e)), nil
}

// ListAccess answers what somebody may do with every model.
func (s *Server) ListAccess(ctx context.Context, r gen.ListAccessRequestObject) (gen.ListAccessResponseObject, error) {
	if s.deps.Rehearsal == nil {
		return nil, noRehearsals()
	}
	ip, err := addressOf(r.Params.IP)
	if err != nil {
		return nil, err
	}
	p := r.Params
	t, err := s.deps.Rehearsal.Can(requestContext(ctx), exchangeOf(ctx).principal, rehearsal.Query{
		Principal: value(p.Principal), IP: ip, At: value(p.At), Purpose: value(p.Purpose),
	})
	if err != nil {
		return nil, err
	}
	return gen.ListAccess200JSONResponse{
		Principal: t.Principal, At: wire.At(t.At), PolicyVersion: t.PolicyVersion, Models: each(t.Models, modelAccessDTO),
	}, nil
}

// addressOf reads an address that a caller asks about.
func addressOf(text *string) (netip.Addr, error) {
	if text == nil {
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(*text)
	if err != nil || ip.Zone() != "" {
		return ip, fault.New(fault.Invalid, "ip is one address, without a zone.").WithField("ip")
	}
	return ip.Unmap(), nil
}

// proposal is the set of rules that a request brings along; without rules there is none.
func proposal(rules *[]gen.ProposedRule, model *string, byDefault *gen.RuleDefault) rehearsal.Proposal {
	if rules == nil && model == nil && byDefault == nil {
		return rehearsal.Proposal{}
	}
	list, err := json.Marshal(value(rules))
	if err != nil || rules == nil {
		list = []byte("[]") // raw members were read as JSON before, so they are JSON still
	}
	return rehearsal.Proposal{Given: true, Rules: list, Model: value(model), Default: string(value(byDefault))}
}

func modelAccessDTO(m rehearsal.ModelRow) gen.ModelAccess {
	return gen.ModelAccess{
		ID: m.ID, View: cellOf(m.Cells[0]), Infer: cellOf(m.Cells[1]), Train: cellOf(m.Cells[2]), Download: cellOf(m.Cells[3]),
	}
}

func cellOf(c rehearsal.Cell) gen.AccessCell {
	return gen.AccessCell{Allowed: c.Allowed, Reason: reasonOf(c.Allowed, c.Reason), RuleID: orNil(c.RuleID)}
}

func reasonOf(allowed bool, reason string) string {
	if allowed {
		return "allowed"
	}
	return reason
}

func explanationDTO(e rehearsal.Explanation) gen.Explanation {
	out := gen.Explanation{
		Decision: gen.ExplainedDeny, Status: gen.ExplanationStatus(e.Status), RuleID: orNil(e.RuleID), Reason: reasonOf(e.Allowed, e.Reason),
		Limit: orNil(e.Limit), PolicyVersion: e.PolicyVersion, Proposed: e.Proposed, Principal: e.Principal, Model: e.Model,
		Operation: gen.AskedOperation(e.Operation), At: wire.At(e.At), ConsideredMore: e.Explanation.More,
		Steps: each(e.Steps, stepDTO), WouldPassIf: each(e.Ways, wayDTO), WouldPassCut: e.WaysCut,
		Considered: each(e.Explanation.Considered, func(c rule.Considered) gen.ConsideredRule { return consideredDTO(c, e.Next[c.RuleID]) }),
	}
	if e.Allowed {
		out.Decision = gen.ExplainedAllow
	}
	if e.Failing != nil {
		out.FailingCondition = &e.Failing.Condition
	}
	return out
}

func stepDTO(s rehearsal.Step) gen.ExplainStep {
	return gen.ExplainStep{
		Name: gen.ExplainStepName(s.Name), Outcome: gen.ExplainStepOutcome(s.Outcome), RuleID: orNil(s.RuleID), Rules: s.Rules,
		Allows: s.Allows, Denies: s.Denies, Role: s.Role, Action: s.Action,
	}
}

func wayDTO(w rehearsal.Way) gen.WayToPass {
	out := gen.WayToPass{Kind: gen.WayToPassKind(w.Kind), RuleID: w.RuleID, Text: w.Text, At: momentDTO(w.At), Purpose: w.Purpose}
	if w.IP.IsValid() {
		out.IP = orNil(w.IP.String())
	}
	return out
}

func consideredDTO(c rule.Considered, next map[string]time.Time) gen.ConsideredRule {
	out := gen.ConsideredRule{
		RuleID: c.RuleID, Effect: gen.ConsideredDeny, Mode: gen.ConsideredEnforce, Principal: c.Principal, KeyOnly: c.KeyOnly, Holds: c.Holds,
		Why: c.Why, WouldPass: orNil(c.WouldPass),
		Conditions: each(c.Conditions, func(k rule.Checked) gen.CheckedCondition {
			return gen.CheckedCondition{
				Name: gen.CheckedConditionName(k.Condition), Holds: k.Holds, Value: k.Value, WouldPass: orNil(k.WouldPass), NextAt: momentDTO(next[k.Condition]),
			}
		}),
	}
	if c.Allow {
		out.Effect = gen.ConsideredAllow
	}
	if c.ReportOnly {
		out.Mode = gen.ConsideredReportOnly
	}
	return out
}
