package rule

// Admits says whether the request is allowed, be it at once or if there is room.
func (d Decision) Admits() bool { return d.Allowed || d.IfRoom }

// Groups lists what has to be charged besides the limits that hold in any case: of each group one rule, the first with room;
// where a rule is taken of both, it is charged once. It is nil where no rule has to be charged, and no group is empty.
func (d Decision) Groups() [][]RatedRule {
	var out [][]RatedRule
	for _, g := range [][]RatedRule{d.Rated, d.KeyRated} {
		if len(g) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// Charged answers the rule that decided after chosen, the place in each of Groups, was charged: the key's own where one had to
// hold, else the owner's.
func (d Decision) Charged(chosen []int) string {
	groups := d.Groups()
	last := len(groups) - 1
	if last < 0 || len(chosen) != len(groups) || chosen[last] < 0 || chosen[last] >= len(groups[last]) {
		return d.RuleID
	}
	if d.RuleID != groups[last][0].RuleID { // a rule of the key that does not count
		return d.RuleID
	}
	return groups[last][chosen[last]].RuleID
}

// NoRoom answers the refusal that the decision becomes where a group has no room, with the first rule that counts.
func (d Decision) NoRoom() Decision {
	out := Decision{Reason: ReasonRate, Report: d.Report}
	if g := d.Groups(); len(g) > 0 {
		out.RuleID = g[0][0].RuleID
	}
	return out
}

// String is the rule's id and what it would have done, as audit rows write it.
func (r Reported) String() string {
	if r.Allow {
		return r.RuleID + ":" + effectAllow
	}
	return r.RuleID + ":" + effectDeny
}
