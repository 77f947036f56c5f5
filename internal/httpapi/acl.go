package httpapi

import (
	"context"
	"encoding/json"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// rules answers the service of the routes below /acl.
func (s *Server) rules() (*policy.Service, error) {
	if s.deps.Policy == nil {
		return nil, fault.New(fault.NotAvailable, "This server does not administer rules.")
	}
	return s.deps.Policy, nil
}

// GetModelACL answers the rules of one model.
func (s *Server) GetModelACL(ctx context.Context, r gen.GetModelACLRequestObject) (gen.GetModelACLResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	v, err := svc.Model(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	out, err := modelACL(v)
	return gen.GetModelACL200JSONResponse{Body: out, Headers: gen.GetModelACL200ResponseHeaders{ETag: etag(v.Tag)}}, err
}

// PutModelACL replaces a model's own rules.
func (s *Server) PutModelACL(ctx context.Context, r gen.PutModelACLRequestObject) (gen.PutModelACLResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	list, err := ruleList(r.Body.Rules)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	w, err := s.ruleWrite(ctx, r.Params.IfMatch, r.Params.DryRun, r.Params.Note, s.tagOfModel(ctx, svc, r.ID))
	if err != nil {
		return nil, err
	}
	v, err := svc.PutModel(requestContext(ctx), exchangeOf(ctx).principal, r.ID, list, w)
	if err != nil {
		return nil, err
	}
	out, err := modelACL(v)
	return gen.PutModelACL200JSONResponse{Body: out, Headers: gen.PutModelACL200ResponseHeaders{ETag: etag(v.Tag)}}, err
}

// PutACLModel is PutModelACL with the model in the body, and takes the older spelling of one rule.
func (s *Server) PutACLModel(ctx context.Context, r gen.PutACLModelRequestObject) (gen.PutACLModelResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	w, err := s.ruleWrite(ctx, r.Params.IfMatch, r.Params.DryRun, r.Params.Note, s.tagOfModel(ctx, svc, r.Body.Model))
	if err != nil {
		return nil, err
	}
	v, err := s.putNamed(ctx, svc, r, w)
	if err != nil {
		return nil, err
	}
	out, err := modelACL(v)
	return gen.PutACLModel200JSONResponse{Body: out, Headers: gen.PutACLModel200ResponseHeaders{ETag: etag(v.Tag)}}, err
}

// putNamed reads either spelling and writes it.
func (s *Server) putNamed(ctx context.Context, svc *policy.Service, r gen.PutACLModelRequestObject, w policy.Write) (policy.ModelView, error) {
	x := exchangeOf(ctx)
	if rule.IsOlder(x.raw) {
		older, err := rule.ParseOlderJSON(x.raw)
		if err != nil {
			return policy.ModelView{}, s.refused(ctx, err)
		}
		return svc.AddOlder(requestContext(ctx), x.principal, older, w)
	}
	b := r.Body
	if b.Rules == nil || b.Principal != nil || b.Operations != nil || b.Effect != nil || b.Conditions != nil {
		return policy.ModelView{}, s.refused(ctx, fault.New(fault.Invalid, "rules: send rules, or one rule's principal and operations, not both").WithField("rules"))
	}
	list, err := ruleList(*b.Rules)
	if err != nil {
		return policy.ModelView{}, s.refused(ctx, err)
	}
	return svc.PutModel(requestContext(ctx), x.principal, b.Model, list, w)
}

// ruleWrite answers what a write asks for besides; tag answers what stands there now.
func (s *Server) ruleWrite(ctx context.Context, match *string, dry *bool, note *string, tag func() (int64, error)) (policy.Write, error) {
	version, err := s.ifMatch(ctx, match, false, tag)
	return policy.Write{IfMatch: version, DryRun: value(dry), Note: value(note)}, err
}

func (s *Server) tagOfModel(ctx context.Context, svc *policy.Service, id string) func() (int64, error) {
	return func() (int64, error) {
		v, err := svc.Model(requestContext(ctx), exchangeOf(ctx).principal, id)
		return v.Tag, err
	}
}

// ruleList reads rules as a request carries them.
func ruleList(list []gen.RuleWrite) ([]rule.Rule, error) {
	data, err := json.Marshal(list)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The rules cannot be read.")
	}
	return rule.ParseList(data, "rules")
}

func modelACL(v policy.ModelView) (gen.ModelACL, error) {
	out := gen.ModelACL{
		Model: v.Model, Version: v.Version, ChangedAt: momentDTO(v.ChangedAt), Source: sourceDTO(v.FromFile), Default: effectDTO(v.DefaultAllow),
		About: aboutDTO(v.About),
	}
	var err error
	if out.Rules, err = ruleTexts(v.Own); err != nil {
		return out, err
	}
	if out.Others, err = ruleTexts(v.Others); err != nil {
		return out, err
	}
	if v.Change != nil {
		change := changeDTO(*v.Change)
		out.Change = &change
	}
	return out, nil
}

// ruleTexts answers the rules in their canonical text.
func ruleTexts(rules []rule.Rule) ([]gen.ModelRule, error) {
	out := make([]gen.ModelRule, 0, len(rules))
	for i := range rules {
		text, err := policy.JSON(rules[i])
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "a rule cannot be written")
		}
		out = append(out, text)
	}
	return out, nil
}

func aboutDTO(about map[string]policy.About) map[string]gen.RuleAbout {
	out := make(map[string]gen.RuleAbout, len(about))
	for id, a := range about {
		d := gen.RuleAbout{Origin: a.Origin, CreatedAt: wire.At(a.Created), UpdatedAt: wire.At(a.Updated), Readable: a.Readable}
		if a.Version > 0 {
			d.Version = &a.Version
		}
		out[id] = d
	}
	return out
}

func changeDTO(c policy.Change) gen.RulesChange {
	return gen.RulesChange{DryRun: c.DryRun, Added: orEmpty(c.Added), Changed: orEmpty(c.Changed), Removed: orEmpty(c.Removed)}
}

func sourceDTO(fromFile bool) gen.PolicySource {
	if fromFile {
		return gen.PolicyFromFile
	}
	return gen.PolicyDatabase
}

func effectDTO(allow bool) gen.RuleEffect {
	if allow {
		return gen.RuleAllow
	}
	return gen.RuleDeny
}
