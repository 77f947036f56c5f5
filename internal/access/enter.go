package access

import (
	"context"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// messages that a refusal may show. They name no rule and no model.
const (
	noSuchModel = "There is no such model."
	notAllowed  = "You may not do this."
)

// decision is what Enter found.
type decision struct {
	verdict
	hidden bool // the answer is the unknown model's
}

// Enter is the only decision. It answers a Pass, or leaves the refusal's row and answers Forbidden, or NotFound where the
// principal may not know of the model. When the refusal's row cannot be made durable it answers AuditUnavailable. A context
// that is done changes nothing here: a refusal owes its row all the same.
func (g *Guard) Enter(_ context.Context, p Principal, op Op) (*Pass, error) {
	start := g.now()
	s := g.current.Load()
	d := g.decide(s, p, op)
	if d.allowed {
		return &Pass{
			guard: g, principal: p, op: op, start: start, version: s.version, ruleID: d.ruleID, report: d.report,
		}, nil
	}
	e := entry(p, op)
	e.Decision, e.Reason, e.RuleID, e.PolicyVersion = audit.Deny, d.reason, d.ruleID, s.version
	e.Duration = g.now().Sub(start)
	addReport(&e, d.report)
	if err := g.refuse(e); err != nil {
		return nil, err
	}
	if d.hidden {
		return nil, fault.New(fault.NotFound, noSuchModel)
	}
	return nil, fault.New(fault.Forbidden, notAllowed)
}

// decide follows api.md: role, key scopes, view, then the rules of the operation.
func (g *Guard) decide(s *snapshot, p Principal, op Op) decision {
	refused := func(reason string) decision { return decision{verdict: verdict{reason: reason}} }
	switch {
	case !s.permits(p, op.Action) && p.Kind == KindAnonymous:
		return refused(reasonAnonymous)
	case !s.permits(p, op.Action) && p.Kind == KindKey && s.roles.allow(p.Role, op.Action):
		return refused(reasonKeyScope)
	case !s.permits(p, op.Action):
		return refused(reasonRole)
	case op.Unknown:
		return decision{verdict: verdict{reason: reasonUnknown}, hidden: true}
	case op.Operation == "":
		return decision{verdict: verdict{allowed: true}}
	case !known(op.Operation) || op.Model == "":
		return refused(reasonNoRule)
	case !g.sees(s, p, op.Model):
		return decision{verdict: verdict{reason: reasonNotVisible}, hidden: true}
	case !inScope(p.KeyOperations, string(op.Operation)):
		return refused(reasonKeyScope)
	case op.Operation == View && s.permits(p, ACLManage):
		// Holders of acl.manage see every model; running one is another operation.
		return decision{verdict: verdict{allowed: true}}
	}
	return decision{verdict: s.of(op.Model).decide(p, op.Operation, g.allowByDef)}
}

func known(o Operation) bool { return o == View || o == Infer || o == Train || o == Download }

// Reject leaves one row for a use that never entered: an invalid body (decision error), a credential that was refused
// (deny). It answers only a failure to make the row durable.
func (g *Guard) Reject(_ context.Context, p Principal, op Op, decision, reason string) error {
	e := entry(p, op)
	e.Decision, e.Reason, e.PolicyVersion = decision, reason, g.PolicyVersion()
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

func addReport(e *audit.Entry, report []string) {
	if len(report) == 0 {
		return
	}
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	e.Details["report_only"] = report
}

// refuse appends a refusal's row, or counts it into a later row where anonymous callers make too many.
func (g *Guard) refuse(e audit.Entry) error {
	if e.Actor.Type == KindAnonymous && g.refusals.summed(g.now(), e, g.lowDisk.Load()) {
		return nil
	}
	_, err := g.audit.Record(e)
	return err
}

// elapsed is never negative, whatever the clock does.
func (g *Guard) elapsed(start time.Time) time.Duration { return max(g.now().Sub(start), 0) }

// write is the pass's way to the writer.
func (g *Guard) write(fn func(tx *db.Tx) error) error { return g.db.Write(fn) }
