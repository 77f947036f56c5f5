package httpapi

import (
	"context"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

// CreateModeration judges a text or a conversation.
func (s *Server) CreateModeration(ctx context.Context, r gen.CreateModerationRequestObject) (gen.CreateModerationResponseObject, error) {
	messages, err := messagesOf(r.Body.Input)
	if err != nil {
		return nil, err
	}
	v, err := s.judge(ctx, moderation.Request{
		Model: value(r.Body.Model), Mode: string(value(r.Body.Policy)), Inputs: []moderation.Input{{Messages: messages}}, Within: exchangeOf(ctx).patience,
	})
	if err != nil {
		return nil, err
	}
	return gen.CreateModeration200JSONResponse(verdictDTO(v)), nil
}

// AuditAlias judges one text; it is CreateModeration under its older address and field.
func (s *Server) AuditAlias(ctx context.Context, r gen.AuditAliasRequestObject) (gen.AuditAliasResponseObject, error) {
	v, err := s.judge(ctx, moderation.Request{Inputs: []moderation.Input{text(r.Body.Text)}, Within: exchangeOf(ctx).patience})
	if err != nil {
		return nil, err
	}
	return gen.AuditAlias200JSONResponse(verdictDTO(v)), nil
}

// judge answers the one verdict of a request with one input.
func (s *Server) judge(ctx context.Context, r moderation.Request) (moderation.Verdict, error) {
	verdicts, err := s.deps.Moderation.Evaluate(requestContext(ctx), exchangeOf(ctx).principal, r)
	if err != nil {
		return moderation.Verdict{}, err
	}
	if len(verdicts) != 1 {
		return moderation.Verdict{}, fault.Newf(fault.Internal, "one input came back as %d verdicts", len(verdicts))
	}
	return verdicts[0], nil
}

// text is one plain text as a conversation of one turn.
func text(content string) moderation.Input {
	return moderation.Input{Messages: []prompt.Message{{Role: "user", Content: content}}}
}

// messagesOf reads the two forms of input. The schema was checked, so the second form is what is left.
func messagesOf(in gen.ModerationInput) ([]prompt.Message, error) {
	if plain, err := in.AsModerationInput0(); err == nil {
		return text(plain).Messages, nil
	}
	list, err := in.AsModerationInput1()
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The field input has none of the types that are allowed here.").WithField("input")
	}
	return each(list, func(m gen.Message) prompt.Message { return prompt.Message{Role: string(m.Role), Content: m.Content} }), nil
}

func verdictDTO(v moderation.Verdict) gen.Verdict {
	return gen.Verdict{
		ID: v.ID, CreatedAt: wire.At(v.CreatedAt), RequestID: v.RequestID, Severity: gen.Severity(v.Severity),
		Categories: orEmpty(v.Categories), Refusal: v.Refusal, Flagged: v.Flagged, Action: gen.VerdictAction(v.Action),
		Scores: scoresDTO(v.Scores), Model: verdictModel(v.Model), Policy: verdictPolicy(v.Policy), Runtime: verdictRuntime(v.Runtime), Cached: v.Cached,
		AuditHash: v.AuditHash, Timings: timings(v.Timings), DecidingWindow: orNone(v.DecidingWindow),
	}
}

// orNone answers null for a number that is not known.
func orNone(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func scoresDTO(s moderation.Scores) gen.Scores {
	return gen.Scores{Safe: s.Safe, Controversial: s.Controversial, Unsafe: s.Unsafe, Other: s.Other}
}

func verdictModel(m moderation.ModelRef) gen.VerdictModel {
	return gen.VerdictModel{ID: m.ID, Sha256: m.SHA256, Quantization: m.Quantization, TemplateSha256: m.TemplateSHA256}
}

func verdictPolicy(p moderation.PolicyRef) gen.VerdictPolicy {
	return gen.VerdictPolicy{Version: p.Version, Mode: gen.PolicyMode(p.Mode)}
}

// verdictRuntime answers null for rows that are older than its being kept.
func verdictRuntime(r *moderation.RuntimeRef) *gen.VerdictRuntime {
	if r == nil {
		return nil
	}
	return &gen.VerdictRuntime{Build: r.Build, Engine: r.Engine, Device: r.Device, Kernels: r.Kernels, Flash: r.Flash, KvCache: r.KVCache}
}

func timings(t moderation.Timings) gen.Timings {
	out := gen.Timings{
		QueueMs: t.QueueMS, ModelMs: t.ModelMS, TotalMs: t.TotalMS, PromptTokens: t.PromptTokens, Passes: t.Passes, Windows: t.Windows,
	}
	if t.QueuePosition > 0 {
		out.QueuePosition = &t.QueuePosition
	}
	return out
}
