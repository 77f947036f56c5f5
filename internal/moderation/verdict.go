package moderation

import (
	"math"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// maxOther is the mass outside the three verdicts above which the model's answer is not trusted.
const maxOther = 0.2

// sumSlack is how far the engine's probabilities may be off by rounding before they are nonsense.
const sumSlack = 1e-4

// reading is what one window's answer says.
type reading struct {
	severity   string
	scores     Scores
	categories []string
	refusal    *bool
	readable   bool // categories and refusal were in the format
	judged     bool // the window covers the message that was asked about, not the rest of an earlier turn
	tokens     int
	passes     int
	queue      time.Duration
	compute    time.Duration
	ended      time.Time // when the model's answer was there
	place      int       // in the line, when it came; 0 = it did not wait
}

// trusted reports whether the window has a verdict at all.
func (r reading) trusted() bool { return r.readable && r.scores.Other <= maxOther }

// action answers what one window calls for: review wins over block here.
func (r reading) action(mode string) string {
	switch {
	case !r.trusted():
		return Review
	case flagged(r.severity, mode):
		return Block
	}
	return Allow
}

func flagged(severity, mode string) bool {
	return severity == Unsafe || severity == Controversial && mode == Strict
}

// scoresOf answers the four masses. It refuses numbers that are no probabilities, and an answer whose
// best label is not the largest: such an engine or model cannot be asked anything.
func scoresOf(a inference.Answer) (Scores, error) {
	broken := fault.New(fault.Internal, "the model answered numbers that are no probabilities")
	if len(a.Probs) != labels || a.Best < 0 || a.Best >= len(a.Probs) {
		return Scores{}, broken
	}
	var sum float64
	for _, p := range a.Probs {
		if math.IsNaN(p) || p < 0 || p > a.Probs[a.Best] {
			return Scores{}, broken
		}
		sum += p
	}
	if sum > 1+sumSlack {
		return Scores{}, broken
	}
	return Scores{Safe: a.Probs[0], Controversial: a.Probs[1], Unsafe: a.Probs[2], Other: math.Max(0, 1-sum)}, nil
}

// labels is how many verdicts a query asks the probability of.
const labels = 3

// severities are the names in the order of the labels that a query asks for.
func severities() [labels]string { return [3]string{Safe, Controversial, Unsafe} }

func severityRank(s string) int {
	switch s {
	case Unsafe:
		return 2
	case Controversial:
		return 1
	}
	return 0
}

func actionRank(a string) int {
	switch a {
	case Block:
		return 2
	case Review:
		return 1
	}
	return 0
}

// outcome is the verdict of all windows of one input.
type outcome struct {
	reading
	action  string
	windows int
	decided int  // the window that severity and scores are of, 1 = the first
	doubt   bool // the answer about some window is not trusted
}

// combine answers the worst verdict. Severity, and with it scores, come from the window with the worst
// severity, then action, then mass; the action is the worst of all windows; categories are the union; a
// response refuses only if every window of it does. A marked input never ends in allow (threat T2).
func combine(rs []reading, mode string, marked bool) outcome {
	o := outcome{action: Allow, windows: len(rs)}
	var named []string
	worst, refusal, judged := 0, true, false
	for i, r := range rs {
		named = append(named, r.categories...)
		o.doubt = o.doubt || !r.trusted()
		if act := r.action(mode); actionRank(act) > actionRank(o.action) {
			o.action = act
		}
		if worse(r, rs[worst], mode) {
			worst = i
		}
		if r.judged {
			judged = judged || r.refusal != nil
			refusal = refusal && r.refusal != nil && *r.refusal
		}
		o.tokens += r.tokens
		o.passes += r.passes
		o.place = max(o.place, r.place)
	}
	o.queue, o.compute = spent(rs)
	o.decided = worst + 1
	o.severity, o.scores, o.categories = rs[worst].severity, rs[worst].scores, inOrder(named)
	if judged {
		o.refusal = &refusal
	}
	if marked && o.action == Allow {
		o.action = Review
	}
	return o
}

func worse(a, b reading, mode string) bool {
	if x, y := severityRank(a.severity), severityRank(b.severity); x != y {
		return x > y
	}
	if x, y := actionRank(a.action(mode)), actionRank(b.action(mode)); x != y {
		return x > y
	}
	return 1-a.scores.Safe > 1-b.scores.Safe
}
