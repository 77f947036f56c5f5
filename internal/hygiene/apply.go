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
	Days    int       // that the finding was seen with, 0 for what Look takes
	Until   time.Time // of Extend, instead of what is proposed
	Note    string    // for the history of rules
	Expect  int64     // the version that the finding was seen under, 0 for any
}

// Applied is what was done.
type Applied struct {
	Finding, Kind string
	Version       int64
}

// maxNote is the longest note of a change, as of every other change of rules.
const maxNote = 500

// Apply looks again and does what the finding proposes. It refuses what Look and Guard.PutPolicy refuse, rules that changed
// meanwhile and a finding that stands no more (Stale), one without a proposal (Conflict), and a note that no rule could have, an
// end that is not to come or either for what has none (Invalid).
func (s *Service) Apply(ctx context.Context, p access.Principal, o Order) (a Applied, err error) {
	if err := o.check(); err != nil {
		return s.refuse(ctx, p, err)
	}
	seen, err := s.Look(ctx, p, o.Days)
	switch {
	case fault.CodeOf(err) == fault.Busy: // of the others that refuse a caller Look has left the row
		return s.refuse(ctx, p, err)
	case err != nil:
		return Applied{}, err
	}
	i := slices.IndexFunc(seen.Items, func(f Finding) bool { return f.ID == o.Finding })
	switch {
	case o.Expect != 0 && o.Expect != seen.Version:
		return s.refuse(ctx, p, changed())
	case i < 0:
		return s.refuse(ctx, p, fault.New(fault.Stale, "There is no such finding any more. Look again."))
	}
	f := seen.Items[i]
	if err := s.fits(f, o); err != nil {
		return s.refuse(ctx, p, err)
	}
	if f.Proposal.Kind == RevokeKey {
		return Applied{f.ID, RevokeKey, seen.Version}, s.Revoke(ctx, p, f.KeyID)
	}
	if o.Until.IsZero() {
		o.Until = f.Proposal.Until
	}
	return s.put(ctx, p, f, o, seen.Version)
}

// fits refuses an order that is not one for the finding.
func (s *Service) fits(f Finding, o Order) error {
	switch {
	case f.Proposal == nil:
		return fault.New(fault.Conflict, "Nothing is proposed for this: somebody has to decide.")
	case !o.Until.IsZero() && (f.Proposal.Kind != Extend || !o.Until.After(s.Now())):
		return fault.New(fault.Invalid, "until is a time to come, and for a rule that ends.").WithField("until")
	case o.Note != "" && f.Proposal.Kind == RevokeKey:
		return fault.New(fault.Invalid, "A note is for the history of rules, and a key has none.").WithField("note")
	}
	return nil
}

// check refuses days outside those of Look, a long note and one that no rule could have either.
func (o *Order) check() error {
	if o.Days == 0 {
		o.Days = defaultDays
	}
	r := rule.Rule{Principals: []rule.Principal{{Kind: rule.KindAny}}, Operations: []rule.Operation{rule.View}, Note: o.Note}
	if len([]rune(o.Note)) > maxNote || r.Check() != nil {
		return fault.Newf(fault.Invalid, "note: at most %d characters, none of them for control or direction", maxNote).WithField("note")
	}
	return checkDays(o.Days)
}

func changed() error { return fault.New(fault.Stale, "The rules were changed meanwhile. Look again.") }

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
			return w, changed()
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
