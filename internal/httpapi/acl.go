package httpapi

import (
	"context"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

func noPolicy() error {
	return fault.New(fault.NotAvailable, "This server does not administer rules.")
}

// GetModelACL answers the rules of one model.
func (s *Server) GetModelACL(context.Context, gen.GetModelACLRequestObject) (gen.GetModelACLResponseObject, error) {
	return nil, noPolicy()
}

// PutModelACL replaces a model's own rules.
func (s *Server) PutModelACL(context.Context, gen.PutModelACLRequestObject) (gen.PutModelACLResponseObject, error) {
	return nil, noPolicy()
}

// PutACLModel is PutModelACL with the model in the body, and takes the older spelling of one rule.
func (s *Server) PutACLModel(context.Context, gen.PutACLModelRequestObject) (gen.PutACLModelResponseObject, error) {
	return nil, noPolicy()
}

// ListRules answers a page of all rules.
func (s *Server) ListRules(context.Context, gen.ListRulesRequestObject) (gen.ListRulesResponseObject, error) {
	return nil, noPolicy()
}

// CreateRule adds a rule.
func (s *Server) CreateRule(context.Context, gen.CreateRuleRequestObject) (gen.CreateRuleResponseObject, error) {
	return nil, noPolicy()
}

// GetRule answers one rule.
func (s *Server) GetRule(context.Context, gen.GetRuleRequestObject) (gen.GetRuleResponseObject, error) {
	return nil, noPolicy()
}

// PutRule replaces a rule or makes it.
func (s *Server) PutRule(context.Context, gen.PutRuleRequestObject) (gen.PutRuleResponseObject, error) {
	return nil, noPolicy()
}

// DeleteRule deletes a rule.
func (s *Server) DeleteRule(context.Context, gen.DeleteRuleRequestObject) (gen.DeleteRuleResponseObject, error) {
	return nil, noPolicy()
}

// GetPolicy answers all rules as one file.
func (s *Server) GetPolicy(context.Context, gen.GetPolicyRequestObject) (gen.GetPolicyResponseObject, error) {
	return nil, noPolicy()
}

// PutPolicy replaces all rules.
func (s *Server) PutPolicy(context.Context, gen.PutPolicyRequestObject) (gen.PutPolicyResponseObject, error) {
	return nil, noPolicy()
}

// ListPolicyVersions answers a page of what was changed.
func (s *Server) ListPolicyVersions(context.Context, gen.ListPolicyVersionsRequestObject) (gen.ListPolicyVersionsResponseObject, error) {
	return nil, noPolicy()
}

// GetPolicyVersion answers one change, rule by rule.
func (s *Server) GetPolicyVersion(context.Context, gen.GetPolicyVersionRequestObject) (gen.GetPolicyVersionResponseObject, error) {
	return nil, noPolicy()
}

// UndoPolicyVersion takes one change back.
func (s *Server) UndoPolicyVersion(context.Context, gen.UndoPolicyVersionRequestObject) (gen.UndoPolicyVersionResponseObject, error) {
	return nil, noPolicy()
}
