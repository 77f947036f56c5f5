package review

import (
	"context"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Decide keeps a rule or removes it, for a holder of acl.manage or the rule's owner, and answers the item as it is then. Until
// the review is closed one may decide anew. It refuses a review or rule that the caller does not see there (NotFound), a closed
// review, a rule that is gone and a removal where rules stand in a file (Conflict), a fingerprint of another text (Stale), and
// an owner who is not the rule's any more (Forbidden).
//
// Whoever holds acl.manage removes the rule in the transaction of the decision. An owner without it may only have removed what
// opens nothing when it goes; anything else stays as asked, for somebody who holds it.
func (s *Service) Decide(ctx context.Context, p access.Principal, reviewID, ruleID string, v Verdict) (_ Item, err error) {
	if v.Note, err = note(v.Note); err != nil {
		return Item{}, s.reject(ctx, p, access.SessionOwn, err)
	}
	d := deciding{s: s, p: p, review: reviewID, rule: ruleID, Verdict: v, action: access.SessionOwn}
	if s.d.Guard.Can(p, access.ACLManage) {
		d.action = access.ACLManage
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: d.action, Resource: target(cut(reviewID))})
	if err != nil {
		return Item{}, err
	}
	defer pass.Close(&err)
	if v.Remove && d.action == access.ACLManage {
		_, err = s.d.Guard.PutPolicy(ctx, pass, 0, d.remove)
	} else {
		_, err = pass.Commit(ctx, access.Outcome{Check: d.check}, d.store)
	}
	if err != nil {
		return Item{}, err
	}
	if v.Remove && d.safe {
		s.carryOut(ctx, d)
	}
	return s.item(context.WithoutCancel(ctx), p, reviewID, ruleID)
}

// deciding is one decision on its way through the transaction, which may be begun more than once.
type deciding struct {
	s            *Service
	p            access.Principal
	review, rule string
	action       access.Action
	Verdict

	safe bool // nothing is opened when the rule goes
}

// check is the transaction of a decision that changes no rule.
func (d *deciding) check(tx *db.Tx) (map[string]any, error) {
	g := d.s.d.Guard
	if err := g.Administer(tx, d.p, d.action); err != nil {
		return nil, err
	}
	version, err := currentVersion(tx)
	switch {
	case err != nil:
		return nil, err
	case version != g.PolicyVersion():
		return nil, changedMeanwhile()
	}
	details, current, err := d.look(tx, g.Rules())
	if err != nil {
		return details, err
	}
	if d.Remove {
		details["decision"] = string(Asked)
		d.safe = narrows(current, g.DefaultAllow())
	}
	return details, nil
}

func (d *deciding) store(tx *db.Tx, _ audit.Event) error {
	decision := Kept
	if d.Remove {
		decision = Asked
	}
	return decide(tx, d.review, d.rule, decision, d.p, d.Note)
}

// remove is the transaction of a removal: the rules without this one, and the decision beside them.
func (d *deciding) remove(tx *db.Tx, now access.Policy) (access.PolicyWrite, error) {
	w := access.PolicyWrite{Rules: now.Rules, Default: now.Default, Note: "review " + d.review}
	var err error
	if w.Details, _, err = d.look(tx, now.Rules); err != nil {
		return w, err
	}
	w.Details["decision"] = string(Removed)
	w.Rules = slices.DeleteFunc(w.Rules, func(r rule.Rule) bool { return r.ID == d.rule })
	w.Also = func(tx *db.Tx, _ audit.Event, _ int64) error {
		return decide(tx, d.review, d.rule, Removed, d.p, d.Note)
	}
	return w, nil
}

// look reads the review and the rule as they stand and refuses what p may not decide. It answers what the audit row says.
func (d *deciding) look(tx *db.Tx, list []rule.Rule) (map[string]any, rule.Rule, error) {
	r, it, err := itemIn(tx.Gorm(), d.review, d.rule)
	if err != nil {
		return nil, rule.Rule{}, err
	}
	own := it.OwnerID != nil && d.p.UserID != "" && *it.OwnerID == d.p.UserID
	if d.action != access.ACLManage && !own {
		return nil, rule.Rule{}, unknown()
	}
	details := map[string]any{"change": "decide", "rule": d.rule, "decision": string(Kept)}
	i := slices.IndexFunc(list, func(r rule.Rule) bool { return r.ID == d.rule })
	switch {
	case r.ClosedAt != nil:
		return details, rule.Rule{}, closed()
	case i < 0:
		return details, rule.Rule{}, fault.New(fault.Conflict, "The rule is gone: there is nothing to decide.")
	}
	text := textOf(list[i])
	details["rule_sha256"] = fingerprint(text)
	switch {
	case d.action != access.ACLManage && ownerOf(list[i]) != d.p.UserID: // first: whether he guesses its text is not told him
		return details, list[i], fault.New(fault.Forbidden, "The rule has another owner by now.")
	case d.Fingerprint != "" && d.Fingerprint != fingerprint(text):
		return details, list[i], changedMeanwhile()
	}
	return details, list[i], nil
}

func changedMeanwhile() error {
	return fault.New(fault.Stale, "The rule was changed meanwhile. Read it again.")
}

// narrows says whether nobody can do more when the rule goes: it only allows, its end leaves no key wider than before, and no
// model becomes one that no rule concerns where those are open.
func narrows(r rule.Rule, openByDefault bool) bool {
	if r.ReportOnly {
		return true
	}
	key := func(p rule.Principal) bool { return p.Kind == rule.KindKey }
	return r.Allow && !openByDefault && !slices.ContainsFunc(r.Principals, key)
}

// carryOut removes what an owner wants gone and may have removed. Where it fails, the decision stays as asked and somebody with
// acl.manage carries it out.
func (s *Service) carryOut(ctx context.Context, d deciding) {
	system := access.Server("reviews")
	system.Origin = d.p.Origin
	err := s.execute(context.WithoutCancel(ctx), system, d)
	if err != nil && fault.CodeOf(err) != fault.Conflict { // rules of a file are removed there
		s.d.Log.ErrorContext(ctx, "removing a rule that its owner wants gone", "review", d.review, "rule_id", d.rule, "request_id", d.p.Origin.RequestID, "err", err)
	}
}

func (s *Service) execute(ctx context.Context, system access.Principal, d deciding) (err error) {
	pass, err := s.d.Guard.Enter(ctx, system, access.Op{Action: access.ACLManage, Resource: target(d.review)})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	_, err = s.d.Guard.PutPolicy(ctx, pass, 0, func(tx *db.Tx, now access.Policy) (access.PolicyWrite, error) {
		i := slices.IndexFunc(now.Rules, func(r rule.Rule) bool { return r.ID == d.rule })
		safe := i >= 0 && narrows(now.Rules[i], s.d.Guard.DefaultAllow())
		w, err := d.remove(tx, now)
		if err == nil && !safe {
			err = changedMeanwhile()
		}
		if w.Details != nil {
			w.Details["for"] = d.p.UserID
		}
		return w, err
	})
	return err
}
