package access

import (
	"context"
	"maps"
	"slices"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Policy is the stored policy as one transaction sees it: ids for names, in the order of the rules' ids.
type Policy struct {
	Version int64
	Rules   []rule.Rule
	Default string // what a file says, "" where acl.default counts
}

// PolicyWrite is a policy that is to be, and what is to be said of the change.
type PolicyWrite struct {
	Rules   []rule.Rule // the whole set; a rule without an id gets one, one without an Origin is an administrator's
	Note    string      // why, for the history
	Default string      // deny or allow overrides acl.default, "" leaves that in force
	Details map[string]any
	// Source says that the rules come from a file from now on, or with FileSource{} that they no longer do. While they do,
	// whoever does not say so is refused (Conflict).
	Source *FileSource
	// Also writes what belongs to the change in the same transaction; version is 0 where no rule changed.
	Also func(tx *db.Tx, ev audit.Event, version int64) error
	// DryRun checks everything and leaves the audit row, but changes nothing, and Also is not called.
	DryRun bool
}

// PolicyChange is what a write came to: ids of rules, in their order.
type PolicyChange struct {
	Version                 int64 // of the policy from now on; of the one in force where nothing changed
	Rules                   []rule.Rule
	Added, Changed, Removed []string
}

// Nothing says whether the policy was that already.
func (c PolicyChange) Nothing() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) == 0 }

// PutRules is PutPolicy for whoever only changes rules. It answers the version that is in force from now on.
func (g *Guard) PutRules(ctx context.Context, pass *Pass, expect int64, change func(current []rule.Rule) ([]rule.Rule, error)) (version int64, err error) {
	c, err := g.PutPolicy(ctx, pass, expect, func(_ *db.Tx, now Policy) (PolicyWrite, error) {
		rules, err := change(now.Rules)
		return PolicyWrite{Rules: rules, Default: now.Default}, err
	})
	return c.Version, err
}

// PutPolicy commits the pass with a change of the stored policy: in one transaction it asks again whether the pass's principal
// may administer rules, reads the policy, has it changed, compiles all of it, and writes the rules that differ, a version, its
// history and the audit row. The policy is in force when it returns. change may run more than once.
//
// It refuses a caller who lost the right (Forbidden), one whose session did not confirm where the change lets somebody do more
// than before (ConfirmationRequired), a policy whose rules changed after version expect (Stale; 0 never is),
// what change refuses, rules that no set takes or too many (Invalid), and a principal or owner without a row (Unprocessable);
// then nothing has changed, and Close leaves the row.
func (g *Guard) PutPolicy(
	ctx context.Context, pass *Pass, expect int64, change func(tx *db.Tx, now Policy) (PolicyWrite, error),
) (PolicyChange, error) {
	if err := pass.Valid(); err != nil {
		return PolicyChange{}, err
	}
	if pass.op.Action != ACLManage {
		return PolicyChange{}, fault.Wrap(errPass, fault.Internal, "the operation's pass is for something else")
	}
	var plan policyPlan
	out := Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		if err := g.Administer(tx, pass.Principal(), ACLManage); err != nil {
			return nil, err
		}
		var err error
		plan, err = g.planPolicy(tx, expect, change)
		if err == nil && !plan.write.DryRun && plan.opens(g.allowByDef) {
			err = pass.Principal().Confirmed()
		}
		return plan.details(), err
	}}
	_, err := pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error { return g.storePolicy(tx, ev, &plan) })
	if err != nil {
		return PolicyChange{}, err
	}
	return plan.PolicyChange, nil
}

// policyPlan is a change that was found good.
type policyPlan struct {
	PolicyChange
	write  PolicyWrite
	before []stored
	moved  []*rule.Rule // that say what they said, and come from elsewhere now
	def    string       // the stored default so far
	source FileSource   // the file that the rules came from so far
}

// planPolicy decides inside the transaction what there is to write. Whatever it answers beside an error is what was asked for.
func (g *Guard) planPolicy(tx *db.Tx, expect int64, change func(*db.Tx, Policy) (PolicyWrite, error)) (policyPlan, error) {
	var plan policyPlan
	l := txLoader(tx)
	var err error
	if plan.Version, err = l.versionSince(expect); err != nil {
		return plan, err
	}
	if plan.before, err = l.rules(); err != nil {
		return plan, err
	}
	if plan.def, err = l.byDefault(); err != nil {
		return plan, err
	}
	if plan.source, err = l.fileSource(); err != nil {
		return plan, err
	}
	now := Policy{Version: plan.Version, Default: plan.def}
	for i := range plan.before {
		now.Rules = append(now.Rules, plan.before[i].clone())
	}
	if plan.write, err = change(tx, now); err != nil {
		return plan, err
	}
	if err := plan.mayWrite(); err != nil {
		return plan, err
	}
	if err := plan.complete(g.allowByDef); err != nil {
		return plan, err
	}
	if err := plan.writable(tx); err != nil {
		return plan, err
	}
	return plan, referred(tx, plan.differing(), plan.before)
}

// versionSince answers the policy's version. It is Stale where rules changed after expect, or expect has not been yet; 0 is
// never stale.
func (l loader) versionSince(expect int64) (version int64, err error) {
	if err := l.each(versionSQL, func(scan func(...any) error) error { return scan(&version) }); err != nil {
		return 0, db.Translate(err)
	}
	var rules int64
	err = l.each(`SELECT coalesce(max(version), 0) FROM policy_changes`, func(scan func(...any) error) error { return scan(&rules) })
	switch {
	case err != nil:
		return 0, db.Translate(err)
	case expect != 0 && (expect < rules || expect > version):
		return version, fault.New(fault.Stale, "The rules were changed meanwhile. Read them again and repeat what you meant to change.")
	}
	return version, nil
}

// complete checks the rules that are to be, and says what differs.
func (p *policyPlan) complete(allowByDef bool) error {
	w := &p.write
	if w.Default != "" && w.Default != defaultAllow && w.Default != defaultDeny {
		return fault.New(fault.Invalid, "default must be deny or allow").WithField("default")
	}
	if len(w.Rules) > rule.MaxRules {
		return fault.Newf(fault.Invalid, "there may be at most %d rules", rule.MaxRules).WithField("rules")
	}
	w.Rules = slices.Clone(w.Rules)
	for i := range w.Rules {
		r := &w.Rules[i]
		if r.ID == "" {
			r.ID = newRuleID()
		}
		if r.Origin == "" {
			r.Origin = originAdmin
		}
	}
	if err := p.compare(); err != nil {
		return err
	}
	_, err := rule.Compile(w.Rules, w.Default == defaultAllow || w.Default == "" && allowByDef)
	return err
}

// details are what the audit row says of the change.
func (p *policyPlan) details() map[string]any {
	d := maps.Clone(p.write.Details)
	if d == nil {
		d = map[string]any{}
	}
	for name, ids := range map[string][]string{"added": p.Added, "changed": p.Changed, "removed": p.Removed} {
		if len(ids) > 0 {
			d[name] = ids[:min(len(ids), maxNamed)]
		}
		if len(ids) > maxNamed {
			d[name+"_count"] = len(ids)
		}
	}
	if p.Rules != nil && p.write.Default != p.def {
		d["default"] = p.write.Default
	}
	if p.write.DryRun {
		d["dry_run"] = true
	}
	return d
}

// maxNamed is how many rules of a kind an audit row names.
const maxNamed = 50
