package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/strictjson"
	"guardhouse/internal/rule"
)

// GetPolicy answers all rules as one file.
func (s *Server) GetPolicy(ctx context.Context, r gen.GetPolicyRequestObject) (gen.GetPolicyResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	w, err := svc.Policy(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	headers := gen.GetPolicy200ResponseHeaders{ETag: etag(w.Tag)}
	if value(r.Params.Format) == gen.Yaml {
		text, err := w.YAML()
		return gen.GetPolicy200ApplicationYamlResponse{Body: bytes.NewReader(text), Headers: headers, ContentLength: int64(len(text))}, err
	}
	rules, err := ruleTexts(w.Rules)
	out := gen.PolicyFile{Version: 1, Rules: rules}
	if w.Default != "" {
		effect := gen.RuleEffect(w.Default)
		out.Default = &effect
	}
	return gen.GetPolicy200JSONResponse{Body: out, Headers: headers}, err
}

// PutPolicy replaces all rules.
func (s *Server) PutPolicy(ctx context.Context, r gen.PutPolicyRequestObject) (gen.PutPolicyResponseObject, error) {
	svc, err := s.rules()
	if err != nil {
		return nil, err
	}
	f, err := policyFile(exchangeOf(ctx).raw, r.JSONBody != nil)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	w, err := s.ruleWrite(ctx, r.Params.IfMatch, r.Params.DryRun, r.Params.Note, func() (int64, error) {
		now, err := svc.Policy(requestContext(ctx), exchangeOf(ctx).principal)
		return now.Tag, err
	})
	if err != nil {
		return nil, err
	}
	c, err := svc.PutPolicy(requestContext(ctx), exchangeOf(ctx).principal, f, w)
	if err != nil {
		return nil, err
	}
	return gen.PutPolicy200JSONResponse{Body: stateDTO(c), Headers: gen.PutPolicy200ResponseHeaders{ETag: etag(c.Tag)}}, nil
}

// policyFile reads a policy in either spelling. JSON is written anew before it is read as the YAML that it is: the two have
// different escapes for the same characters.
func policyFile(raw []byte, isJSON bool) (rule.File, error) {
	if !isJSON {
		return rule.ParseFile(raw)
	}
	v, err := strictjson.Parse(raw)
	if err != nil {
		return rule.File{}, err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return rule.File{}, fault.Wrap(err, fault.Invalid, "The policy cannot be read.")
	}
	f, err := rule.ParseFile(text)
	if err == nil {
		return f, nil
	}
	e := fault.From(err)
	message := e.Message
	if e.Field != "" {
		message = e.Field + ": " + afterField(message, e.Field) // the one line of it says nothing
	}
	return f, fault.Wrap(err, fault.Invalid, message).WithField(e.Field)
}

// afterField answers what a message says of its field.
func afterField(message, field string) string {
	if _, rest, found := strings.Cut(message, field+": "); found {
		return rest
	}
	return message
}
