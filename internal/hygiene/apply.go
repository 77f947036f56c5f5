package hygiene

import (
	"context"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Order asks for what a finding proposes.
type Order struct {
	Finding string
	Until   time.Time // of Extend, instead of what is proposed
	Note    string    // for the history
	Expect  int64     // the version that the finding was seen under, 0 for any
}

// Applied is what was done.
type Applied struct {
	Finding, Kind string
	Version       int64
}

// maxNote is the longest note of a change.
const maxNote = 1000

// Apply looks again and does what the finding proposes. It refuses what Look and Guard.PutPolicy refuse, a finding that stands
// no more and rules that changed meanwhile (Stale), one without a proposal (Conflict) and an end that is not to come (Invalid).
func (s *Service) Apply(ctx context.Context, p access.Principal, o Order) (a Applied, err error) {
	if len([]rune(o.Note)) > maxNote {
		return Applied{}, fault.Newf(fault.Invalid, "note has at most %d characters", maxNote).WithField("note")
	}
	seen, err := s.Look(ctx, p, 0)
	if err != nil {
		return Applied{}, err
	}
	i := slices.IndexFunc(seen.Items, func(f Finding) bool { return f.ID == o.Finding })
	if i < 0 {
		return s.refuse(ctx, p, fault.New(fault.Stale, "There is no such finding any more. Look again."))
	}
	f := seen.Items[i]
	switch {
	case f.Proposal == nil:
		return s.refuse(ctx, p, fault.New(fault.Conflict, "Nothing is proposed for this: somebody has to decide."))
	case f.Proposal.Kind == RevokeKey:
		return Applied{f.ID, RevokeKey, seen.Version}, s.Revoke(ctx, p, f.KeyID)
	case !o.Until.IsZero() && (f.Proposal.Kind != Extend || !o.Until.After(s.Now())):
		return s.refuse(ctx, p, fault.New(fault.Invalid, "until is a time to come, and for a rule that ends.").WithField("until"))
	case o.Until.IsZero():
		o.Until = f.Proposal.Until
	}
	return s.put(ctx, p, f, o, seen.Version)
}

// refuse leaves the row of an act that could not be done.
func (s *Service) refuse(ctx context.Context, p access.Principal, why error) (_ Applied, err error) {
	pass, err := s.Guard.Enter(ctx, p, access.Op{Action: access.ACLManage})
	if err != nil {
		return Applied{}, err
	}
	err = why
	pass.Close(&err)
	return Applied{}, err
}

// put changes the one rule, if no rule changed since it was looked at.
func (s *Service) put(ctx context.Context, p access.Principal, f Finding, o Order, version int64) (a Applied, err error) {
	pass, err := s.Guard.Enter(ctx, p, access.Op{Action: access.ACLManage, Resource: "rule:" + f.RuleID})
	if err != nil {
		return Applied{}, err
	}
	defer pass.Close(&err)
	c, err := s.Guard.PutPolicy(ctx, pass, o.Expect, func(_ *db.Tx, now access.Policy) (access.PolicyWrite, error) {
		w := access.PolicyWrite{Default: now.Default, Note: note(f, o), Details: map[string]any{"finding": f.Code}}
		if now.Version != version {
			return w, fault.New(fault.Stale, "The rules were changed meanwhile. Look again.")
		}
		w.Rules = f.apply(now.Rules, o.Until)
		return w, nil
	})
	return Applied{f.ID, f.Proposal.Kind, c.Version}, err
}

func note(f Finding, o Order) string {
	if o.Note != "" {
		return o.Note
	}
	return strings.TrimSpace(f.Code + " " + f.OtherRuleID)
}

// apply answers the rules with the proposal done. A rule that came with the product and is changed is the administrator's from
// then on.
func (f Finding) apply(rules []rule.Rule, until time.Time) []rule.Rule {
	if f.Proposal.Kind == Remove {
		return slices.DeleteFunc(rules, func(r rule.Rule) bool { return r.ID == f.RuleID })
	}
	for i := range rules {
		r := &rules[i]
		if r.ID != f.RuleID {
			continue
		}
		if r.Origin = ""; f.Proposal.Kind == Extend {
			r.Conditions.Until = until.UTC()
		} else {
			r.Principals = slices.Clone(f.Proposal.Rule.Principals)
		}
	}
	return rules
}
