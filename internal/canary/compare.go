package canary

import (
	"math"
	"slices"

	"guardhouse/internal/moderation"
)

const (
	// scoreTolerance is how far a score may be from the recorded one: a cache of keys and values in 8 bits moves guard-nano's by 0.013, the
	// engine's other ways to compute by 0.001.
	scoreTolerance = 0.05
	// otherWords is how many canaries may name other categories: behind a near tie the last bits of a sum decide.
	otherWords = 2
)

// Drift is a canary that is answered otherwise than it was.
type Drift struct {
	Name     string
	Was, Now Answer
}

// compare answers which canaries drifted so far that the guard is another: any whose scores are beyond the tolerance, and those that
// name other categories where there are more of them than otherWords. Answers of another set are a drift of all.
func compare(was, now []Answer) []Drift {
	var far, words []Drift
	for i, n := range now {
		w := Answer{Name: n.Name}
		if i < len(was) && was[i].Name == n.Name {
			w = was[i]
		}
		switch {
		case !near(w.Scores, n.Scores):
			far = append(far, Drift{n.Name, w, n})
		case !slices.Equal(w.Categories, n.Categories) || said(w.Refusal) != said(n.Refusal):
			words = append(words, Drift{n.Name, w, n})
		}
	}
	if len(was) != len(now) && len(far) == 0 {
		return append(far, Drift{Name: "set"})
	}
	if len(words) > otherWords {
		far = append(far, words...)
	}
	return far
}

func near(a, b moderation.Scores) bool {
	d := max(math.Abs(a.Safe-b.Safe), math.Abs(a.Controversial-b.Controversial), math.Abs(a.Unsafe-b.Unsafe), math.Abs(a.Other-b.Other))
	return d <= scoreTolerance // false for NaN
}

func said(refusal *bool) int {
	switch {
	case refusal == nil:
		return 0
	case *refusal:
		return 1
	}
	return 2
}
