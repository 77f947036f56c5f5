package access

import (
	"context"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// messages that a refusal may show. They name no rule and no model.
const (
	noSuchModel = "There is no such model."
	notAllowed  = "You may not do this."
)

// Enter is the only decision. It answers a Pass, or leaves the refusal's row and answers Forbidden, NotFound where the
// principal may not know of the model, or RateLimited where only a limit refused. When the refusal's row cannot be made
// durable it answers AuditUnavailable. A context that is done changes nothing here: a refusal owes its row all the same.
func (g *Guard) Enter(ctx context.Context, p Principal, op Op) (*Pass, error) {
	start := g.now()
	s := g.current.Load()
	p = s.member(p)
	d := s.decide(s.set, asked{p, op.Model, start}, op)
	var o limit.Outcome
	if d.allowed {
		var held *limit.Reservation
		if o, held = g.charge(ctx, start, p, op, &d); d.allowed {
			tellLimits(ctx, o)
			return &Pass{
				guard: g, principal: p, op: op, start: start, version: s.version, ruleID: d.ruleID, report: d.report,
				limits: told(o).Headers(), held: held,
			}, nil
		}
	}
	e := entry(p, op)
	e.Decision, e.Reason, e.RuleID, e.PolicyVersion = audit.Deny, d.reason, d.ruleID, s.version
	e.Duration = g.now().Sub(start)
	addNearest(&e, d.failing)
	addLimit(&e, d.limit)
	addReport(&e, d.report)
	if err := g.refuse(e); err != nil {
		return nil, err
	}
	switch {
	case d.hidden:
		return nil, fault.New(fault.NotFound, noSuchModel)
	case d.reason == rule.ReasonRate:
		return nil, limited(o, g.now())
	}
	return nil, fault.New(fault.Forbidden, notAllowed)
}

// Reject leaves one row for a use that never entered: an invalid body (decision error), a credential that was refused
// (deny). It answers only a failure to make the row durable.
func (g *Guard) Reject(_ context.Context, p Principal, op Op, decision, reason string) error {
	s := g.current.Load()
	e := entry(s.member(p), op)
	e.Decision, e.Reason, e.PolicyVersion = decision, reason, s.version
	return g.refuse(e)
}

// entry is what a row says of p and op.
func entry(p Principal, op Op) audit.Entry {
	e := audit.Entry{
		Actor: audit.Actor{Type: p.Kind, ID: p.UserID, Name: p.Name}, KeyID: p.KeyID, Groups: p.Groups,
		Purpose: p.Origin.Purpose, UserAgent: p.Origin.UserAgent, RequestID: p.Origin.RequestID,
		Operation: string(op.Operation), Action: string(op.Action), Resource: op.Resource,
		Model: op.Model, ModelSHA256: op.ModelSHA256, Content: op.Content,
	}
	if e.Actor.Type == "" {
		e.Actor.Type = KindAnonymous // a principal that nobody made may do nothing, and says nothing else
	}
	if p.Origin.IP.IsValid() {
		e.IP = p.Origin.IP.Unmap().WithZone("").String()
	}
	if p.Role != "" {
		e.Roles = []string{p.Role}
	}
	if op.Items > 0 {
		e.Details = map[string]any{"items": op.Items}
	}
	return e
}

// addNearest tells those who read the log which rule came nearest to allowing.
func addNearest(e *audit.Entry, f *rule.Failing) {
	if f != nil {
		e.Details = merge(e.Details, map[string]any{"nearest_rule": f.RuleID, "failing_condition": f.Condition})
	}
}

// maxReported is how many report-only rules a row names: rules that decide nothing must not make a row too large to be kept.
const maxReported = 20

func addReport(e *audit.Entry, report []rule.Reported) {
	if len(report) == 0 {
		return
	}
	words := make([]string, 0, min(len(report), maxReported))
	for _, r := range report[:min(len(report), maxReported)] {
		words = append(words, r.String())
	}
	more := map[string]any{"report_only": words}
	if n := len(report) - maxReported; n > 0 {
		more["report_only_more"] = n
	}
	e.Details = merge(e.Details, more)
}

// refuse appends a refusal's row, or counts it into a later row where anonymous callers make too many. Whoever has shown a
// credential has a row for each.
func (g *Guard) refuse(e audit.Entry) error {
	if e.Actor.Type == KindAnonymous && g.refusals.summed(g.now(), network(e.IP), e, g.lowDisk.Load()) {
		return nil
	}
	_, err := g.audit.Record(e)
	return err
}

// elapsed is never negative, whatever the clock does.
func (g *Guard) elapsed(start time.Time) time.Duration { return max(g.now().Sub(start), 0) }

// write is the pass's way to the writer.
func (g *Guard) write(fn func(tx *db.Tx) error) error { return g.db.Write(fn) }
