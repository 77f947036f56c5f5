package overview

import (
	"cmp"
	"slices"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/catalog"
)

const (
	day = 24 * time.Hour
	// A key that nobody uses is one that nobody would miss if it were stolen.
	unusedAfter = auth.KeyUnused
	endsWithin  = auth.KeyEnding
	// renewWithin is when who has to ask somebody for a certificate should do so, as the doctor has it.
	renewWithin = 30 * day
	urgentDays  = 7 * day
	// A backup is made every night where somebody looks after one.
	backupEvery = 7 * day
	// A server that is tried out for an afternoon needs none.
	backupFirst = 3 * day
	// A review is told of while there is a week left to look at its rules.
	reviewWithin = 7 * day
	// The console walks the chain once in a session: a server that has just started is not told off.
	walkFirst = 15 * time.Minute
	walkEvery = 7 * day

	// What is left of the disk before it should be looked at, and before the server stops answering, as the doctor has it.
	lowShare  = 0.10
	lowBytes  = 10 << 30
	fullShare = 0.01
	fullBytes = 1 << 30

	// Fewer wrong passwords in an hour are people, fewer full queues a moment.
	burst    = 20
	fullness = 5
)

// facts are what needs are made of. can says what the person who looks may do.
type facts struct {
	now, started  time.Time
	can           func(access.Action) bool
	notReady      []string
	chain         Chain
	models        []Model
	certificate   Certificate
	disk          Disk
	diskKnown     bool
	standing      auth.Standing
	first, backup time.Time
	signIns, full audit.Count
	report        *Round
	ignored       []string // settings
	undecided     Undecided
	exports       FailedExports
	rulesFile     RulesFile
	proofs        *Proofs
	defaultLeft   bool
	alerts        []Alert
}

// needs answers everything that waits for a person, the gravest first.
func (f facts) needs() []Need {
	var out []Need
	for _, look := range []func() []Need{
		f.chainNeeds, f.proofNeeds, f.writeNeeds, f.diskNeeds, f.modelNeeds, f.certificateNeeds, f.pressureNeeds, f.keyNeeds, f.peopleNeeds, f.decisionNeeds, f.ruleNeeds, f.settingNeeds, f.alertNeeds, f.backupNeeds, f.exportNeeds, f.reportNeeds,
	} {
		out = append(out, look()...)
	}
	rank := map[string]int{Urgent: 0, Soon: 1, Note: 2}
	slices.SortStableFunc(out, func(a, b Need) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	return out
}

func (f facts) chainNeeds() []Need {
	c, to := f.chain, Target{Page: "audit"}
	switch {
	case c.State == ChainBroken:
		return []Need{{"chain_broken", Urgent, c.VerifiedAt, map[string]any{"row": c.FindingSeq, "finding": c.Finding}, to}}
	case c.State == ChainUnverified && f.now.Sub(f.started) > walkFirst:
		return []Need{{"chain_unchecked", Note, f.started, nil, to}}
	case c.State == ChainWhole && f.now.Sub(c.VerifiedAt) > walkEvery:
		return []Need{{"chain_stale", Note, c.VerifiedAt, map[string]any{"days": days(f.now.Sub(c.VerifiedAt))}, to}}
	}
	return nil
}

// proofNeeds tells of checkpoints that are not written, or are in nobody else's hands.
func (f facts) proofNeeds() []Need {
	p, to := f.proofs, Target{Page: "proof"}
	switch {
	case p == nil || !f.can(access.SettingsManage):
		return nil
	case p.Unsigned != "":
		return []Need{{"checkpoint_failing", Soon, time.Time{}, map[string]any{"problem": p.Unsigned, "why": p.UnsignedWhy}, to}}
	case p.Uncopied != "":
		return []Need{{"anchor_failing", Soon, p.Since, map[string]any{"problem": p.Uncopied, "why": p.UncopiedWhy}, to}}
	case p.Foreign:
		return []Need{{"anchor_foreign", Soon, time.Time{}, nil, to}}
	case !p.Outside && f.now.Sub(f.started) > walkFirst:
		return []Need{{"anchor_none", Note, time.Time{}, nil, to}}
	}
	return nil
}

// ruleNeeds tells of what somebody set about rules and that is not in force.
func (f facts) ruleNeeds() []Need {
	r := f.rulesFile
	switch {
	case !f.can(access.ACLManage):
		return nil
	case f.defaultLeft:
		return []Need{{"acl_default_left", Note, time.Time{}, nil, Target{Page: "rules"}}}
	case r.Problem == "":
		return nil
	}
	return []Need{{"acl_file_invalid", Soon, r.Since, map[string]any{"problem": r.Problem}, Target{Page: "rules"}}}
}

func (f facts) settingNeeds() []Need {
	if len(f.ignored) == 0 || !f.can(access.SettingsManage) {
		return nil
	}
	params := map[string]any{"count": int64(len(f.ignored)), "key": f.ignored[0]}
	return []Need{{"settings_ignored", Soon, time.Time{}, params, Target{Page: "settings"}}}
}

// alertNeeds tells of alerts that nothing else here is about.
func (f facts) alertNeeds() (out []Need) {
	for _, a := range f.alerts {
		switch {
		case a.Kind == "key_leaked" && f.can(access.KeyManage):
			params := map[string]any{"key": a.Subject}
			for _, name := range []string{"prefix", "label", "owner"} {
				if text, ok := a.Details[name].(string); ok {
					params[name] = text
				}
			}
			out = append(out, Need{"key_leaked", Urgent, a.Since, params, Target{Page: "keys", ID: a.Subject}})
		case a.Kind == "forwarding_stuck" && f.can(access.SettingsManage):
			name, _ := a.Details["name"].(string)
			out = append(out, Need{"forwarding_stuck", Soon, a.Since, map[string]any{"name": name}, Target{Page: "forwarding"}})
		}
	}
	return out
}

func (f facts) writeNeeds() []Need {
	if !slices.Contains(f.notReady, "audit_unavailable") {
		return nil
	}
	return []Need{{"audit_unwritable", Urgent, time.Time{}, nil, Target{Page: "system"}}}
}

func (f facts) diskNeeds() []Need {
	d := f.disk
	params := map[string]any{"percent": int64(d.FreeShare * 100), "bytes": int64(min(d.FreeBytes, 1<<62))}
	switch to := (Target{Page: "system"}); {
	case !f.diskKnown:
		return nil
	case d.FreeShare < fullShare && d.FreeBytes < fullBytes:
		return []Need{{"disk_full", Urgent, time.Time{}, params, to}}
	case d.FreeShare < lowShare && d.FreeBytes < lowBytes:
		return []Need{{"disk_low", Soon, time.Time{}, params, to}}
	}
	return nil
}

func (f facts) modelNeeds() (out []Need) {
	for _, m := range f.models {
		n := Need{Since: m.StateSince, Params: map[string]any{"model": m.ID}, To: Target{Page: "models", ID: m.ID}}
		switch {
		case failed(m):
			n.Code, n.Severity = "model_failed", Soon
			if m.Default {
				n.Severity = Urgent
			}
			n.Params["reason"] = m.StateCode
		case m.State == catalog.StateLoading && m.Default:
			n.Code, n.Severity = "model_loading", Note
		default:
			continue
		}
		out = append(out, n)
	}
	return out
}

// certificateNeeds leaves the server's own certificate out: it renews that itself.
func (f facts) certificateNeeds() []Need {
	c := f.certificate
	if c.Ends.IsZero() || c.Own {
		return nil
	}
	left := c.Ends.Sub(f.now)
	params := map[string]any{"ends": c.Ends.UTC().Format(time.RFC3339), "days": days(left)}
	switch to := (Target{Page: "system"}); {
	case left <= 0:
		return []Need{{"certificate_ended", Urgent, c.Ends, params, to}}
	case left < urgentDays:
		return []Need{{"certificate_ends", Urgent, c.Ends.Add(-renewWithin), params, to}}
	case left < renewWithin:
		return []Need{{"certificate_ends", Soon, c.Ends.Add(-renewWithin), params, to}}
	}
	return nil
}

func (f facts) pressureNeeds() (out []Need) {
	if f.signIns.Attempts >= burst {
		out = append(out, Need{"sign_in_burst", Soon, f.signIns.First, map[string]any{"attempts": f.signIns.Attempts, "addresses": f.signIns.Addresses}, Target{
			Page: "audit", Query: map[string]string{"action": string(access.AuthLogin), "decision": audit.Deny, "range": "24h"},
		}})
	}
	if f.full.Attempts >= fullness {
		out = append(out, Need{"queue_full", Soon, f.full.First, map[string]any{"requests": f.full.Attempts}, Target{
			Page: "audit", Query: map[string]string{"decision": audit.Error, "range": "24h"},
		}})
	}
	return out
}

func (f facts) keyNeeds() (out []Need) {
	if !f.can(access.KeyManage) {
		return nil
	}
	add := func(code, severity string, g auth.KeyGroup, since time.Time) {
		if g.Count > 0 {
			params := map[string]any{"count": g.Count, "label": g.Label, "at": g.At.UTC().Format(time.RFC3339), "days": days(f.now.Sub(g.At).Abs())}
			out = append(out, Need{code, severity, since, params, Target{Page: "keys", ID: g.ID}})
		}
	}
	st := f.standing
	add("keys_suspended", Soon, st.Suspended, st.Suspended.At)
	add("keys_ending", Note, st.Ending, time.Time{})
	add("keys_unused", Note, st.Unused, st.Unused.At)
	return out
}

func (f facts) peopleNeeds() []Need {
	if !f.can(access.UserManage) || f.standing.Admins != 1 {
		return nil
	}
	return []Need{{"last_admin", Note, time.Time{}, map[string]any{"name": f.standing.Admin}, Target{Page: "people"}}}
}

// decisionNeeds tells of requests for access, and of reviews whose day is near or over.
func (f facts) decisionNeeds() (out []Need) {
	u := f.undecided
	if !f.can(access.ACLManage) {
		return nil
	}
	if u.Requests > 0 {
		params := map[string]any{"count": u.Requests, "days": days(f.now.Sub(u.Oldest))}
		out = append(out, Need{"requests_open", Note, u.Oldest, params, Target{Page: "requests"}})
	}
	if u.Rules == 0 {
		return out
	}
	n := Need{"review_due", Note, time.Time{}, map[string]any{
		"reviews": u.Reviews, "rules": u.Rules, "passed": u.Passed, "at": u.Due.UTC().Format(time.RFC3339), "days": days(u.Due.Sub(f.now).Abs()),
	}, Target{Page: "reviews"}}
	if u.Passed > 0 {
		n.Severity, n.Since = Soon, u.Due
	}
	return append(out, n)
}

func (f facts) backupNeeds() []Need {
	if !f.can(access.SettingsManage) || f.first.IsZero() {
		return nil
	}
	switch to := (Target{Page: "system"}); {
	case f.backup.IsZero() && f.now.Sub(f.first) > backupFirst:
		return []Need{{"backup_none", Note, f.first, map[string]any{"days": days(f.now.Sub(f.first))}, to}}
	case !f.backup.IsZero() && f.now.Sub(f.backup) > backupEvery:
		return []Need{{"backup_old", Soon, f.backup, map[string]any{"days": days(f.now.Sub(f.backup))}, to}}
	}
	return nil
}

// reportNeeds tells of the last round through the machine, as far as it found what stands nowhere else here.
func (f facts) reportNeeds() []Need {
	if f.report == nil || !f.can(access.SettingsManage) {
		return nil
	}
	failed := int64(0)
	for _, c := range f.report.Failed() {
		if !slices.Contains([]string{"certificate", "disk", "models", "audit log"}, c.Name) {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return []Need{{"checks_failed", Soon, f.report.At, map[string]any{"count": failed}, Target{Page: "system"}}}
}

func days(d time.Duration) int64 { return int64(max(d, 0) / day) }
