package httpapi

import (
	"context"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

func noRehearsals() error {
	return fault.New(fault.NotAvailable, "This server rehearses no rules.")
}

// ExplainAccess answers why somebody may or may not do something with a model.
func (s *Server) ExplainAccess(context.Context, gen.ExplainAccessRequestObject) (gen.ExplainAccessResponseObject, error) {
	return nil, noRehearsals()
}

// ListAccess answers what somebody may do with every model.
func (s *Server) ListAccess(context.Context, gen.ListAccessRequestObject) (gen.ListAccessResponseObject, error) {
	return nil, noRehearsals()
}

// RehearseRules answers what other rules would have made of the last days.
func (s *Server) RehearseRules(context.Context, gen.RehearseRulesRequestObject) (gen.RehearseRulesResponseObject, error) {
	return nil, noRehearsals()
}

// ListRuleHits answers how often a rule decided.
func (s *Server) ListRuleHits(context.Context, gen.ListRuleHitsRequestObject) (gen.ListRuleHitsResponseObject, error) {
	return nil, noRehearsals()
}

// ListHygiene answers what is wrong with the rules.
func (s *Server) ListHygiene(context.Context, gen.ListHygieneRequestObject) (gen.ListHygieneResponseObject, error) {
	return nil, noRehearsals()
}

// ApplyHygiene does what a finding proposes.
func (s *Server) ApplyHygiene(context.Context, gen.ApplyHygieneRequestObject) (gen.ApplyHygieneResponseObject, error) {
	return nil, noRehearsals()
}
