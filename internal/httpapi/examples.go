package httpapi

import (
	"context"
	"strconv"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/examples"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListExamples answers what the default guard says of the shipped texts, in the language that was asked for.
func (s *Server) ListExamples(ctx context.Context, r gen.ListExamplesRequestObject) (gen.ListExamplesResponseObject, error) {
	if s.deps.Examples == nil {
		return nil, fault.New(fault.NotAvailable, "This server has no examples.")
	}
	language := string(value(r.Params.Language))
	if language == "" {
		language = preferred(value(r.Params.AcceptLanguage), examples.Languages())
	}
	p := exchangeOf(ctx).principal
	set, err := s.deps.Examples.List(requestContext(ctx), p, language)
	if err != nil {
		return nil, err
	}
	return gen.ListExamples200JSONResponse(s.exampleSet(p, set)), nil
}

func (s *Server) exampleSet(p access.Principal, set examples.Set) gen.ExampleSet {
	out := gen.ExampleSet{
		Language: gen.ExampleSetLanguage(set.Language), Items: each(set.Items, exampleDTO),
		Policy: verdictPolicy(set.Standard.Policy), JudgedAt: wire.At(set.At),
	}
	id := set.Standard.Model.ID
	if s.deps.Guard.Can(p, access.ModelView) && len(s.deps.Guard.VisibleModels(p, []string{id})) > 0 {
		out.Model = &id
	}
	return out
}

func exampleDTO(e examples.Example) gen.Example {
	return gen.Example{
		ID: e.ID, Text: e.Content, Meant: gen.Severity(e.Meant), Severity: gen.Severity(e.Verdict.Severity),
		Categories: orEmpty(e.Verdict.Categories), Flagged: e.Verdict.Flagged, Action: gen.VerdictAction(e.Verdict.Action),
		Scores: scoresDTO(e.Verdict.Scores),
	}
}

// preferred answers which of the offered languages the header likes best, the first of them where it says nothing. A
// language is met by its first part: zh-TW is met by zh-CN, which is nearer than English.
func preferred(header string, offered []string) string {
	best, most := offered[0], 0.0
	for part := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		weight := 1.0
		if q, given := strings.CutPrefix(strings.TrimSpace(rest), "q="); given {
			var err error
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		for _, language := range offered {
			if weight > most && strings.EqualFold(primary(name), primary(language)) {
				best, most = language, weight
			}
		}
	}
	return best
}

// primary answers the first part of a language's name.
func primary(name string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(name), "-")
	return first
}
