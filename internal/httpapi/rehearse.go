package httpapi

import (
	"context"

	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/rehearsal"
)

// RehearseRules answers what other rules would have made of the last days.
func (s *Server) RehearseRules(ctx context.Context, r gen.RehearseRulesRequestObject) (gen.RehearseRulesResponseObject, error) {
	if s.deps.Rehearsal == nil {
		return nil, noRehearsals()
	}
	b := r.Body
	out, err := s.deps.Rehearsal.Rehearse(requestContext(ctx), exchangeOf(ctx).principal, proposal(&b.Rules, b.Model, b.Default), value(b.Days))
	if err != nil {
		return nil, err
	}
	return gen.RehearseRules200JSONResponse{
		Rows: out.Rows, Skipped: out.Skipped, From: wire.At(out.From), To: wire.At(out.To), Cut: out.Cut, Gain: out.Gain, Lose: out.Lose,
		Change: out.Change, PolicyVersion: out.PolicyVersion, PeopleTotal: out.PeopleTotal, People: each(out.People, countDTO),
		Models: each(out.Models, countDTO), Samples: each(out.Samples, sampleDTO),
		Days: each(out.Days, func(d rehearsal.Day) gen.RehearsedDay {
			return gen.RehearsedDay{Day: d.Day, Gain: d.Gain, Lose: d.Lose}
		}),
	}, nil
}

func countDTO(c rehearsal.Count) gen.RehearsedCount {
	return gen.RehearsedCount{ID: c.ID, Name: c.Name, Gain: c.Gain, Lose: c.Lose, Change: c.Change}
}

func sampleDTO(u rehearsal.Sample) gen.RehearsedUse {
	return gen.RehearsedUse{
		EventID: u.Use.ID, At: wire.At(u.Use.At), Who: orNil(u.Use.Actor.Name), KeyID: orNil(u.Use.KeyID), Model: u.Use.Model, Operation: u.Use.Operation,
		IP: orNil(u.Use.IP), Effect: gen.RehearsedUseEffect(u.Effect), Before: cellOf(u.Before), After: cellOf(u.After),
	}
}

// ListRuleHits answers how often a rule decided, or would have.
func (s *Server) ListRuleHits(ctx context.Context, r gen.ListRuleHitsRequestObject) (gen.ListRuleHitsResponseObject, error) {
	if s.deps.Rehearsal == nil {
		return nil, noRehearsals()
	}
	h, err := s.deps.Rehearsal.Hits(requestContext(ctx), exchangeOf(ctx).principal, r.Rule, value(r.Params.Days))
	if err != nil {
		return nil, err
	}
	return gen.ListRuleHits200JSONResponse{
		RuleID: h.RuleID, From: wire.At(h.From), To: wire.At(h.To), Cut: h.Cut, LastAt: momentDTO(h.Last),
		Decided: gen.HitCount(h.Decided), WouldHave: gen.HitCount(h.WouldHave), Samples: each(h.Samples, hitDTO),
		Models: each(h.Models, func(m rehearsal.HitCount) gen.HitModel { return gen.HitModel{Model: m.Of, Hits: m.Hits} }),
		Days:   each(h.Days, func(d rehearsal.HitCount) gen.HitDay { return gen.HitDay{Day: d.Of, Hits: d.Hits} }),
	}, nil
}

func hitDTO(h rehearsal.Hit) gen.HitSample {
	return gen.HitSample{
		EventID: h.Use.ID, At: wire.At(h.Use.At), Who: orNil(h.Use.Actor.Name), IP: orNil(h.Use.IP), Model: h.Use.Model, Operation: h.Use.Operation,
		Decision: gen.Decision(h.Use.Decision), WouldHave: orNil(h.WouldHave),
	}
}
