package hygiene

import (
	"context"
	"slices"

	"guardhouse/internal/rule"
)

// gone stands before the id of somebody who has no name any more, as where rules are shown.
const gone = "deleted:"

// name puts names for ids in what findings say of people.
func (l *look) name(ctx context.Context) error {
	var ask []rule.Principal
	for _, f := range l.report.Items {
		ask = append(ask, f.whom...)
		if f.Proposal != nil && f.Proposal.Rule != nil {
			ask = append(ask, f.Proposal.Rule.Principals...)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	names, err := l.Names.Shown(ctx, ask)
	if err != nil {
		return err
	}
	shown := func(p rule.Principal) rule.Principal {
		n, known := names[p]
		switch {
		case known:
			return n
		case p.Kind == rule.KindUser || p.Kind == rule.KindGroup:
			return rule.Principal{Kind: p.Kind, Ref: gone + p.Ref}
		}
		return p
	}
	for i := range l.report.Items {
		f := &l.report.Items[i]
		for _, p := range f.whom {
			f.Names = append(f.Names, shown(p).String())
		}
		if f.Proposal != nil && f.Proposal.Rule != nil {
			as := *f.Proposal.Rule
			as.Principals, as.Owner = slices.Clone(as.Principals), ""
			for j, p := range as.Principals {
				as.Principals[j] = shown(p)
			}
			f.Proposal.Shown = &as
		}
	}
	return nil
}
