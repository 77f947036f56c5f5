package rehearsal

import (
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/rule"
)

// Step is one part of the order of evaluation and what it came to.
type Step struct {
	Name, Outcome         string
	RuleID                string
	Rules, Allows, Denies int
	Role, Action          string
}

// Names of steps, in the order of evaluation.
const (
	StepRole       = "role"
	StepKeyScope   = "key_scope"
	StepModel      = "model"
	StepVisible    = "visible"
	StepMatched    = "matched"
	StepDeny       = "deny"
	StepAllow      = "allow"
	StepKeyRule    = "key_rule"
	StepDefault    = "default"
	StepReportOnly = "report_only"
)

// Outcomes of steps.
const (
	Passes  = "pass"
	Fails   = "fail"
	Skipped = "skipped"
	Notes   = "note"
)

func passes(yes bool) string {
	if yes {
		return Passes
	}
	return Fails
}

// trace fills in the steps.
func (e *Explanation) trace(ask access.Question) {
	of := func(name string, s access.Step) {
		out := Step{Name: name, Outcome: Skipped}
		if s.Asked {
			out.Outcome = passes(s.Passed)
		}
		if name == StepRole {
			out.Role, out.Action = ask.Principal.Role, string(ask.Action)
		}
		e.Steps = append(e.Steps, out)
	}
	of(StepRole, e.Role)
	of(StepKeyScope, e.Key)
	e.Steps = append(e.Steps, Step{Name: StepModel, Outcome: passes(!e.Unknown)})
	of(StepVisible, e.View)
	list := e.Explanation.Considered
	e.Steps = append(e.Steps, Step{
		Name: StepMatched, Outcome: Notes, Rules: len(list) + e.Explanation.More,
		Allows: count(list, func(c rule.Considered) bool { return concerns(c) && c.Allow }),
		Denies: count(list, func(c rule.Considered) bool { return concerns(c) && !c.Allow }),
	})
	e.Steps = append(e.Steps, e.denyStep(), e.allowStep(), e.keyStep(), e.defaultStep(), e.reportStep())
}

// concerns says whether an enforced rule names the principal.
func concerns(c rule.Considered) bool { return c.Principal && !c.ReportOnly }

func count(list []rule.Considered, is func(rule.Considered) bool) (n int) {
	for _, c := range list {
		if is(c) {
			n++
		}
	}
	return n
}

func (e *Explanation) denyStep() Step {
	if d := e.Explanation.Decision; d.Reason == rule.ReasonDenied {
		return Step{Name: StepDeny, Outcome: Fails, RuleID: d.RuleID}
	}
	return Step{Name: StepDeny, Outcome: Passes}
}

// decides answers the index of the allow that decides among those that hold, as evaluation does: the first that nothing has to
// be charged for, else the first; -1 where none holds.
func decides(list []rule.Considered, holds func(rule.Considered) bool) int {
	free := func(c rule.Considered) bool {
		return holds(c) && !slices.ContainsFunc(c.Conditions, func(o rule.Checked) bool { return o.Condition == rule.CondRate })
	}
	if i := slices.IndexFunc(list, free); i >= 0 {
		return i
	}
	return slices.IndexFunc(list, holds)
}

func (e *Explanation) allowStep() Step {
	list := e.Explanation.Considered
	opens := func(c rule.Considered) bool { return concerns(c) && c.Allow && !c.KeyOnly && c.Holds }
	switch i := decides(list, opens); {
	case i >= 0:
		return Step{Name: StepAllow, Outcome: Passes, RuleID: list[i].RuleID}
	case !e.Explanation.AnyEnforced:
		return Step{Name: StepAllow, Outcome: Skipped}
	case e.Explanation.Decision.Admits(): // the command line, which needs no rule
		return Step{Name: StepAllow, Outcome: Passes}
	}
	out := Step{Name: StepAllow, Outcome: Fails}
	if f := e.Explanation.Decision.Failing; f != nil {
		out.RuleID = f.RuleID
	}
	return out
}

// keyStep is about rules that name the key: where there are any for the model, one of them has to hold as well.
func (e *Explanation) keyStep() Step {
	list := e.Explanation.Considered
	named := func(c rule.Considered) bool { return concerns(c) && c.Allow && c.KeyOnly && c.Holds }
	d := e.Explanation.Decision
	keys := func(id string) bool {
		return slices.ContainsFunc(list, func(c rule.Considered) bool { return c.RuleID == id && c.KeyOnly })
	}
	switch i := decides(list, named); {
	case d.Reason == rule.ReasonKeyRule:
		return Step{Name: StepKeyRule, Outcome: Fails}
	case d.Failing != nil && keys(d.Failing.RuleID):
		return Step{Name: StepKeyRule, Outcome: Fails, RuleID: d.Failing.RuleID}
	case i >= 0:
		return Step{Name: StepKeyRule, Outcome: Passes, RuleID: list[i].RuleID}
	}
	return Step{Name: StepKeyRule, Outcome: Skipped}
}

func (e *Explanation) defaultStep() Step {
	if e.Explanation.AnyEnforced {
		return Step{Name: StepDefault, Outcome: Skipped}
	}
	return Step{Name: StepDefault, Outcome: passes(e.Explanation.DefaultAllow)}
}

func (e *Explanation) reportStep() Step {
	out := Step{Name: StepReportOnly, Outcome: Skipped}
	for _, c := range e.Explanation.Considered {
		if !c.ReportOnly || !c.Holds {
			continue
		}
		out.Outcome = Notes
		if out.RuleID == "" {
			out.RuleID = c.RuleID
		}
		if c.Allow {
			out.Allows++
		} else {
			out.Denies++
		}
	}
	return out
}
