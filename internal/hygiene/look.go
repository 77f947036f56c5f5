package hygiene

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Look answers what there is to be seen to, the gravest first. It refuses a caller without acl.manage, with its row, and days
// outside 1 to 90; keys are shown to holders of key.manage. What takes too long is left out, and the report says so.
func (s *Service) Look(ctx context.Context, p access.Principal, days int) (Report, error) {
	if days == 0 {
		days = defaultDays
	}
	if err := checkDays(days); err != nil {
		return Report{}, err
	}
	if !s.Guard.Can(p, access.ACLManage) {
		if err := s.Guard.Reject(ctx, p, access.Op{Action: access.ACLManage}, audit.Deny, "role"); err != nil {
			return Report{}, err
		}
		return Report{}, fault.New(fault.Forbidden, "Your role or key does not allow this.")
	}
	done, err := s.Turn(ctx, p.Account())
	if err != nil {
		return Report{}, err
	}
	defer done()
	l := look{Service: s, now: s.Now(), policy: s.Guard.Stored(), report: Report{Days: days}}
	l.report.Version = l.policy.Version
	if err := l.known(ctx); err != nil {
		return Report{}, err
	}
	if err := l.bounded(ctx); err != nil {
		return Report{}, err
	}
	if s.Guard.Can(p, access.KeyManage) {
		if err := l.keys(ctx); err != nil {
			return Report{}, err
		}
	}
	return l.report, l.finish(ctx)
}

func checkDays(days int) error {
	if days < 1 || days > maxDays {
		return fault.Newf(fault.Invalid, "days must be between 1 and %d", maxDays).WithField("days")
	}
	return nil
}

// look is one look at one version of the rules.
type look struct {
	*Service
	now    time.Time
	policy access.Stored
	index  *index
	gone   map[rule.Principal]bool
	models map[string]bool
	report Report
}

// known finds out who is gone and which models there are.
func (l *look) known(ctx context.Context) error {
	all, err := l.Models(ctx)
	if err != nil {
		return err
	}
	l.models = map[string]bool{}
	for _, m := range all {
		l.models[m.ID] = true
	}
	l.gone, err = l.whoIsGone(ctx)
	return err
}

// bounded does what takes the longer the more rules and rows there are, as far as it comes in the time it has.
func (l *look) bounded(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, l.longest)
	defer cancel()
	err := l.analyse(within)
	if err == nil {
		err = l.used(within)
	}
	switch {
	case ctx.Err() != nil:
		return fault.From(ctx.Err())
	case within.Err() == nil && err != nil:
		return err
	}
	l.report.Cut = l.report.Cut || l.index.cut() || err != nil
	return nil
}

// analyse finds what the rules themselves tell.
func (l *look) analyse(ctx context.Context) error {
	l.index = newIndex(l.policy.Rules, l.compared)
	for i := range l.policy.Rules {
		if err := ctx.Err(); err != nil {
			return fault.From(err)
		}
		if !l.policy.Rules[i].Unreadable {
			l.one(&l.policy.Rules[i].Rule)
		}
	}
	return nil
}

// one looks at a rule.
func (l *look) one(r *rule.Rule) {
	l.people(r)
	l.unknownModels(r)
	until := r.Conditions.Until
	switch {
	case !until.IsZero() && !l.now.Before(until):
		f := Finding{Code: Expired, Until: until, Days: int(l.now.Sub(until) / day)}
		l.removal(r, f)
		return // nothing else matters of a rule that never holds again
	case !until.IsZero() && until.Sub(l.now) <= ExpiresWithin:
		l.add(r, Finding{
			Code: Expiring, Until: until, Days: int(until.Sub(l.now) / day), Proposal: &Proposal{Kind: Extend, Until: until.Add(extendBy)},
		})
	}
	if r.ReportOnly {
		return
	}
	if by, same := l.index.cover(r); by != nil {
		f := Finding{Code: Shadowed, OtherRuleID: by.ID, Proposal: &Proposal{Kind: Remove}}
		if !same {
			f.Code = Contradictory
		}
		l.add(r, f)
	}
}

// removal proposes that the rule goes, unless it closes something by being there.
func (l *look) removal(r *rule.Rule, f Finding) { l.removalOf(r, r, f) }

// removalOf is removal of a rule that counts as another in what it closes.
func (l *look) removalOf(r, as *rule.Rule, f Finding) {
	if l.index.opens(as, l.policy.DefaultAllow) {
		f.Opens = l.index.spare >= 0 // else it is only not known
	} else {
		f.Proposal = &Proposal{Kind: Remove}
	}
	l.add(r, f)
}

// people looks for those who are gone. Without them the rule says the same of everybody who could come; without anybody left it
// goes, if that opens nothing.
func (l *look) people(r *rule.Rule) {
	kept, gone := []rule.Principal{}, []rule.Principal{}
	for _, p := range r.Principals {
		if l.gone[p] {
			gone = append(gone, p)
		} else {
			kept = append(kept, p)
		}
	}
	switch {
	case len(gone) == 0:
	case len(kept) > 0:
		changed := *r
		changed.Principals = kept
		l.add(r, Finding{Code: UnknownPrincipal, whom: gone, Proposal: &Proposal{Kind: Change, Rule: &changed}})
	default:
		nobody := *r
		nobody.Principals = nil // a key that is gone needs no narrowing
		l.removalOf(r, &nobody, Finding{Code: UnknownPrincipal, whom: gone})
	}
}

func (l *look) unknownModels(r *rule.Rule) {
	var names []string
	for _, m := range r.Models {
		if !strings.Contains(m, "*") && !l.models[m] {
			names = append(names, m)
		}
	}
	if len(names) > 0 {
		l.add(r, Finding{Code: UnknownModel, Names: names})
	}
}

// used finds the rules that decided nothing for as long as they were looked at. What is only seen leaves no row, so rules that
// are about nothing but the view are not among them; nor is anything where the log does not tell of the whole time.
func (l *look) used(ctx context.Context) error {
	from := l.now.Add(-time.Duration(l.report.Days) * day)
	by, rows, cut, err := l.Log.RuleUses(ctx, from, maxRows)
	if err != nil {
		return err
	}
	first, err := l.Log.First(ctx)
	if err != nil {
		return err
	}
	l.report.Rows, l.report.Cut = rows, l.report.Cut || cut
	if cut || first.IsZero() || first.After(from) {
		return nil
	}
	for i := range l.policy.Rules {
		if err := ctx.Err(); err != nil {
			return fault.From(err)
		}
		stored := &l.policy.Rules[i]
		r := &stored.Rule
		runs := slices.Contains(r.Operations, rule.Infer) || slices.Contains(r.Operations, rule.Every)
		over := !r.Conditions.Until.IsZero() && !l.now.Before(r.Conditions.Until)
		if stored.Unreadable || over || !runs || by[r.ID].Rows > 0 || stored.Updated.After(from) || r.Conditions.From.After(from) {
			continue
		}
		f := Finding{Code: NeverMatched, Days: l.report.Days}
		if r.Allow || r.ReportOnly {
			l.removal(r, f)
		} else { // a deny that nobody ran into may be why nobody tries
			l.add(r, f)
		}
	}
	return nil
}

func (l *look) add(r *rule.Rule, f Finding) {
	f.RuleID, f.rule = r.ID, r
	f.ID = f.Code + ":" + r.ID
	l.report.Items = append(l.report.Items, f)
}

// finish puts the gravest first and names for ids.
func (l *look) finish(ctx context.Context) error {
	rank := []string{UnknownPrincipal, Contradictory, Expiring, Expired, Shadowed, NeverMatched, UnknownModel, UnusedKey}
	slices.SortStableFunc(l.report.Items, func(a, b Finding) int {
		return cmp.Or(slices.Index(rank, a.Code)-slices.Index(rank, b.Code), strings.Compare(a.RuleID, b.RuleID))
	})
	return l.name(ctx)
}
