package moderation

import (
	"context"
	"slices"
	"strings"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
)

// compare has the model answer each window without anything forced, and holds that against the readings.
func (l *loaded) compare(ctx context.Context, j judger, windows []window, forced []reading) (Reference, error) {
	all := make([]reading, 0, len(windows))
	agrees := true
	for i, w := range windows {
		a, err := j.Judge(ctx, inference.Query{
			Prompt: w.prompt.IDs, Prefix: w.prompt.Prefix, Free: true,
			MaxTail: len(l.guard.Prompt.LeadIn()) + catalog.AnswerRoom, Stop: l.guard.Stop,
		})
		if err != nil {
			return Reference{}, failed(err)
		}
		r, ok := readFree(l.guard.Tokenizer.Decode(a.Tail), w.prompt.Response)
		if !ok || !a.Stopped {
			return Reference{Categories: []string{}}, nil
		}
		r.judged = w.judged
		all = append(all, r)
		agrees = agrees && sameReading(r, forced[i])
	}
	o := combine(all, Strict, false)
	return Reference{Severity: o.severity, Categories: o.categories, Refusal: o.refusal, Agrees: agrees}, nil
}

// readFree reads a whole answer, lead-in included, as strictly as what follows a forced one.
func readFree(text string, response bool) (r reading, ok bool) {
	rest, led := strings.CutPrefix(text, "Safety: ")
	severity, rest, lined := strings.Cut(rest, "\nCategories:")
	if names := severities(); !led || !lined || !slices.Contains(names[:], severity) {
		return r, false
	}
	r.severity = severity
	r.categories, r.refusal, r.readable = parseAnswer(rest, response)
	return r, r.readable
}

func sameReading(a, b reading) bool {
	return a.severity == b.severity && slices.Equal(a.categories, b.categories) &&
		(a.refusal == nil) == (b.refusal == nil) && (a.refusal == nil || *a.refusal == *b.refusal)
}
