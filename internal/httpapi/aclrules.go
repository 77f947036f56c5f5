package httpapi

import (
	"context"
	"net/http"
	"net/url"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// ListRules answers a page of all rules.
func (s *Server) ListRules(ctx context.Context, r gen.ListRulesRequestObject) (gen.ListRulesResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	page, err := svc.List(requestContext(ctx), exchangeOf(ctx).principal, policy.Filter{
		Model: value(r.Params.Model), Principal: value(r.Params.Principal), After: value(r.Params.Cursor), Limit: value(r.Params.Limit),
	})
	if err != nil {
		return nil, err
	}
	items, err := ruleTexts(page.Rules)
	return gen.ListRules200JSONResponse{Headers: gen.ListRules200ResponseHeaders{ETag: etag(page.Tag)}, Body: gen.RulePage{
		Items: items, NextCursor: orNil(page.Next), About: aboutDTO(page.About), Version: page.Version, ChangedAt: momentDTO(page.ChangedAt),
		Source: sourceDTO(page.FromFile), Default: effectDTO(page.DefaultAllow), Total: page.Total, File: rulesFileDTO(svc.FileState()),
	}}, err
}

// CreateRule adds a rule.
func (s *Server) CreateRule(ctx context.Context, r gen.CreateRuleRequestObject) (gen.CreateRuleResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	x, err := rule.ParseJSON(*r.Body)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	w := policy.Write{DryRun: value(r.Params.DryRun), Note: value(r.Params.Note)}
	made, tag, err := svc.Create(requestContext(ctx), exchangeOf(ctx).principal, x, w)
	if err != nil {
		return nil, err
	}
	text, err := policy.JSON(made)
	if w.DryRun {
		return triedRule(text), err
	}
	return gen.CreateRule201JSONResponse{Body: text, Headers: gen.CreateRule201ResponseHeaders{Location: rulePlace(made.ID), ETag: etag(tag)}}, err
}

// triedRule is a rule as it would be stored. The generated type would write its bytes as a text in base 64.
type triedRule []byte

// VisitCreateRuleResponse writes the rule.
func (t triedRule) VisitCreateRuleResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(append(t, '\n'))
	return err
}

// GetRule answers one rule.
func (s *Server) GetRule(ctx context.Context, r gen.GetRuleRequestObject) (gen.GetRuleResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	x, tag, err := svc.Rule(requestContext(ctx), exchangeOf(ctx).principal, r.Rule)
	if err != nil {
		return nil, err
	}
	text, err := policy.JSON(x)
	return gen.GetRule200JSONResponse{Body: text, Headers: gen.GetRule200ResponseHeaders{ETag: etag(tag)}}, err
}

// PutRule replaces a rule or makes it.
func (s *Server) PutRule(ctx context.Context, r gen.PutRuleRequestObject) (gen.PutRuleResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	x, err := rule.ParseJSON(*r.Body)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	w, err := s.oneWrite(ctx, svc, r.Rule, r.Params.IfMatch, true)
	if err != nil {
		return nil, err
	}
	w.DryRun, w.Note = value(r.Params.DryRun), value(r.Params.Note)
	put, tag, created, err := svc.Put(requestContext(ctx), exchangeOf(ctx).principal, r.Rule, x, w)
	if err != nil {
		return nil, err
	}
	text, err := policy.JSON(put)
	if created && !w.DryRun {
		return gen.PutRule201JSONResponse{Body: text, Headers: gen.PutRule201ResponseHeaders{Location: rulePlace(put.ID), ETag: etag(tag)}}, err
	}
	out := gen.PutRule200JSONResponse{Body: text}
	if !created { // of a rule that was only tried nothing stands
		out.Headers.ETag = orNil(etag(tag))
	}
	return out, err
}

// DeleteRule deletes a rule.
func (s *Server) DeleteRule(ctx context.Context, r gen.DeleteRuleRequestObject) (gen.DeleteRuleResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	w, err := s.oneWrite(ctx, svc, r.Rule, r.Params.IfMatch, false)
	if err != nil {
		return nil, err
	}
	w.Note = value(r.Params.Note)
	if err := svc.Delete(requestContext(ctx), exchangeOf(ctx).principal, r.Rule, w); err != nil {
		return nil, err
	}
	return gen.DeleteRule204Response{}, nil
}

// oneWrite answers what If-Match asks of one rule.
func (s *Server) oneWrite(ctx context.Context, svc *policy.Service, id string, match *string, makes bool) (policy.Write, error) {
	version, err := s.ifMatch(ctx, match, makes, func() (int64, error) {
		_, tag, err := svc.Rule(requestContext(ctx), exchangeOf(ctx).principal, id)
		return tag, err
	})
	return policy.Write{IfMatch: version}, err
}

func rulePlace(id string) string { return "/api/v1/acl/rules/" + url.PathEscape(id) }

// rulesFileDTO is how acl.file stands, nil without one.
func rulesFileDTO(st policy.FileState) *gen.RulesFile {
	if st.Path == "" {
		return nil
	}
	return &gen.RulesFile{Path: st.Path, Valid: st.Valid, Problem: st.Problem, Since: momentDTO(st.Since)}
}

// ListPolicyVersions answers a page of versions.
func (s *Server) ListPolicyVersions(ctx context.Context, r gen.ListPolicyVersionsRequestObject) (gen.ListPolicyVersionsResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	list, next, err := svc.Versions(requestContext(ctx), exchangeOf(ctx).principal, policy.VersionFilter{
		Rule: value(r.Params.Rule), Model: value(r.Params.Model), After: value(r.Params.Cursor), Limit: limitOf(r.Params.Limit),
	})
	if err != nil {
		return nil, err
	}
	return gen.ListPolicyVersions200JSONResponse{Items: each(list, versionDTO), NextCursor: orNil(next)}, nil
}

// GetPolicyVersion answers one change, rule by rule.
func (s *Server) GetPolicyVersion(ctx context.Context, r gen.GetPolicyVersionRequestObject) (gen.GetPolicyVersionResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	d, err := svc.Version(requestContext(ctx), exchangeOf(ctx).principal, r.Version)
	if err != nil {
		return nil, err
	}
	v := versionDTO(d.Version)
	out := gen.GetPolicyVersion200JSONResponse{
		Version: v.Version, At: v.At, Actor: v.Actor, Note: v.Note, EventID: v.EventID, Rules: make([]gen.ChangedRule, len(d.Rules)),
		Before: d.Before, After: d.After, Undoable: d.Undoable,
	}
	for i, c := range d.Rules {
		if out.Rules[i], err = changedDTO(c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// UndoPolicyVersion takes one change back.
func (s *Server) UndoPolicyVersion(ctx context.Context, r gen.UndoPolicyVersionRequestObject) (gen.UndoPolicyVersionResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	c, err := svc.Undo(requestContext(ctx), exchangeOf(ctx).principal, r.Version, policy.Write{DryRun: value(r.Params.DryRun), Note: value(r.Params.Note)})
	if err != nil {
		return nil, err
	}
	return gen.UndoPolicyVersion200JSONResponse{Body: stateDTO(c), Headers: gen.UndoPolicyVersion200ResponseHeaders{ETag: etag(c.Tag)}}, nil
}

func versionDTO(v policy.Version) gen.PolicyVersion {
	return gen.PolicyVersion{
		Version: v.Version, At: wire.At(v.At), Actor: v.Actor, Note: v.Note, EventID: v.EventID, Added: v.Added, Changed: v.Changed, Removed: v.Removed,
		Kind: gen.PolicyVersionKind(v.Kind), Subject: v.Subject,
	}
}

func changedDTO(c policy.ChangedRule) (gen.ChangedRule, error) {
	out := gen.ChangedRule{ID: c.ID, Change: gen.RuleChangeKind(c.Change)}
	for _, side := range []struct {
		from *rule.Rule
		to   **gen.ModelRule
	}{{c.Before, &out.Before}, {c.After, &out.After}} {
		if side.from == nil {
			continue
		}
		text, err := policy.JSON(*side.from)
		if err != nil {
			return out, fault.Wrap(err, fault.Internal, "a rule cannot be written")
		}
		*side.to = &text
	}
	return out, nil
}

// stateDTO answers what a change of the whole policy came to. Rules that were written are the database's.
func stateDTO(c policy.Change) gen.PolicyState {
	return gen.PolicyState{Version: c.Version, Source: gen.PolicyDatabase, Total: c.Total, Change: changeDTO(c)}
}
