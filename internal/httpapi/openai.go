package httpapi

import (
	"context"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/moderation"
)

// OpenaiCreateModeration judges one input or several and answers in the OpenAI shape.
func (s *Server) OpenaiCreateModeration(ctx context.Context, r gen.OpenaiCreateModerationRequestObject) (gen.OpenaiCreateModerationResponseObject, error) {
	out, err := s.judgeAll(ctx, r.Body)
	return gen.OpenaiCreateModeration200JSONResponse(out), err
}

// judgeAll judges what a request in the OpenAI shape holds.
func (s *Server) judgeAll(ctx context.Context, r *gen.OpenAIModerationRequest) (gen.OpenAIModeration, error) {
	inputs, err := inputsOf(r.Input)
	if err != nil {
		return gen.OpenAIModeration{}, err
	}
	verdicts, err := s.deps.Moderation.Evaluate(requestContext(ctx), exchangeOf(ctx).principal, moderation.Request{
		Model: value(r.Model), Inputs: inputs, Within: exchangeOf(ctx).patience,
	})
	if err != nil {
		return gen.OpenAIModeration{}, err
	}
	if len(verdicts) != len(inputs) {
		return gen.OpenAIModeration{}, fault.Newf(fault.Internal, "%d inputs came back as %d verdicts", len(inputs), len(verdicts))
	}
	return gen.OpenAIModeration{ID: verdicts[0].ID, Model: verdicts[0].Model.ID, Results: each(verdicts, openAIResult)}, nil
}

// inputsOf reads the three published forms: a string, strings (one result each), or parts of one input.
func inputsOf(in gen.OpenAIModerationRequest_Input) ([]moderation.Input, error) {
	if plain, err := in.AsOpenAIModerationRequestInput0(); err == nil {
		return []moderation.Input{text(plain)}, nil
	}
	if list, err := in.AsOpenAIModerationRequestInput1(); err == nil {
		return each(list, text), nil
	}
	parts, err := in.AsOpenAIModerationRequestInput2()
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The field input has none of the types that are allowed here.").WithField("input")
	}
	texts := each(parts, func(p gen.OpenAITextPart) string { return p.Text })
	return []moderation.Input{text(strings.Join(texts, "\n"))}, nil
}

// openAIResult maps a verdict to the published 13 categories. A category's score is the mass on controversial and
// unsafe if it is named, else 0; what has no counterpart stands in x_guardhouse alone.
func openAIResult(v moderation.Verdict) gen.OpenAIModerationResult {
	var named gen.OpenAICategories
	var scores gen.OpenAICategoryScores
	mass := v.Scores.Controversial + v.Scores.Unsafe
	for _, category := range v.Categories {
		switch category {
		case "Violent":
			named.Violence, scores.Violence = true, mass
		case "Non-violent Illegal Acts":
			named.Illicit, scores.Illicit = true, mass
		case "Sexual Content or Sexual Acts":
			named.Sexual, scores.Sexual = true, mass
		case "Suicide & Self-Harm":
			named.SelfHarm, scores.SelfHarm = true, mass
		case "Unethical Acts":
			named.Harassment, scores.Harassment = true, mass
		}
	}
	return gen.OpenAIModerationResult{
		Flagged: v.Flagged, Categories: named, CategoryScores: scores, CategoryAppliedInputTypes: textOnly(), XGuardhouse: verdictDTO(v),
	}
}

// textOnly says that every score comes from text: there is no other input yet.
func textOnly() gen.OpenAICategoryInputTypes {
	t := gen.OpenAIInputTypes{"text"}
	return gen.OpenAICategoryInputTypes{
		Harassment: t, HarassmentThreatening: t, Hate: t, HateThreatening: t, Illicit: t, IllicitViolent: t, SelfHarm: t,
		SelfHarmInstructions: t, SelfHarmIntent: t, Sexual: t, SexualMinors: t, Violence: t, ViolenceGraphic: t,
	}
}
