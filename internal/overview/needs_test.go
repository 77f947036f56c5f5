package overview

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/catalog"
	"guardhouse/internal/doctor"
)

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// calm is a server that needs nobody, seen by somebody who may do everything.
func calm() facts {
	now := noon()
	return facts{
		now: now, started: now.Add(-time.Hour), can: func(access.Action) bool { return true },
		chain:       Chain{State: ChainWhole, VerifiedAt: now.Add(-time.Minute), Seq: 12},
		models:      []Model{{Model: catalog.Model{ID: "guard-nano", State: catalog.StateReady, Default: true}}},
		certificate: Certificate{Ends: now.Add(20 * day), Own: true},
		disk:        Disk{FreeBytes: 200 << 30, FreeShare: 0.6}, diskKnown: true,
		standing: auth.Standing{Admins: 2}, first: now.Add(-100 * day), backup: now.Add(-day),
	}
}

func TestACalmServerNeedsNobody(t *testing.T) {
	require.Empty(t, calm().needs())
	require.Empty(t, facts{now: noon(), started: noon(), can: func(access.Action) bool { return true }, chain: Chain{State: ChainEmpty}}.needs(), "an empty database")
}

func TestNeedsByWhatIsKnown(t *testing.T) {
	now := noon()
	for name, c := range map[string]struct {
		change         func(f *facts)
		code, severity string
		params         map[string]any
		to             string
	}{
		"chain broken":          {func(f *facts) { f.chain = Chain{State: ChainBroken, Finding: "edited", FindingSeq: 7} }, "chain_broken", Urgent, map[string]any{"row": int64(7), "finding": "edited"}, "audit"},
		"never walked":          {func(f *facts) { f.chain = Chain{State: ChainUnverified} }, "chain_unchecked", Note, nil, "audit"},
		"walked long ago":       {func(f *facts) { f.chain.VerifiedAt = now.Add(-9 * day) }, "chain_stale", Note, map[string]any{"days": int64(9)}, "audit"},
		"no row can be written": {func(f *facts) { f.notReady = []string{"audit_unavailable"} }, "audit_unwritable", Urgent, nil, "system"},
		"disk low":              {func(f *facts) { f.disk = Disk{FreeBytes: 5 << 30, FreeShare: 0.05} }, "disk_low", Soon, map[string]any{"percent": int64(5), "bytes": int64(5 << 30)}, "system"},
		"disk full":             {func(f *facts) { f.disk = Disk{FreeBytes: 5 << 20, FreeShare: 0.001} }, "disk_full", Urgent, map[string]any{"percent": int64(0), "bytes": int64(5 << 20)}, "system"},
		"default failed":        {func(f *facts) { f.models[0].State, f.models[0].StateCode = catalog.StateFailed, catalog.FileChanged }, "model_failed", Urgent, map[string]any{"model": "guard-nano", "reason": "file_changed"}, "models"},
		"another failed": {func(f *facts) {
			f.models = append(f.models, Model{Model: catalog.Model{ID: "big", State: catalog.StateFailed, StateCode: catalog.NoMemory}})
		}, "model_failed", Soon, map[string]any{"model": "big", "reason": "no_memory"}, "models"},
		"loading":             {func(f *facts) { f.models[0].State = catalog.StateLoading }, "model_loading", Note, map[string]any{"model": "guard-nano"}, "models"},
		"certificate soon":    {func(f *facts) { f.certificate = Certificate{Ends: now.Add(12*day + time.Hour)} }, "certificate_ends", Soon, map[string]any{"ends": "2026-12-03T13:00:00Z", "days": int64(12)}, "system"},
		"certificate at once": {func(f *facts) { f.certificate = Certificate{Ends: now.Add(3 * day)} }, "certificate_ends", Urgent, map[string]any{"ends": "2026-11-24T12:00:00Z", "days": int64(3)}, "system"},
		"certificate ended":   {func(f *facts) { f.certificate = Certificate{Ends: now.Add(-day)} }, "certificate_ended", Urgent, map[string]any{"ends": "2026-11-20T12:00:00Z", "days": int64(0)}, "system"},
		"guessing":            {func(f *facts) { f.signIns = audit.Count{Attempts: burst, Addresses: 3} }, "sign_in_burst", Soon, map[string]any{"attempts": int64(burst), "addresses": int64(3)}, "audit"},
		"full":                {func(f *facts) { f.full = audit.Count{Attempts: 40} }, "queue_full", Soon, map[string]any{"requests": int64(40)}, "audit"},
		"key unused": {
			func(f *facts) {
				f.standing.Unused = auth.KeyGroup{Count: 2, ID: "key_1", Label: "old", At: now.Add(-31 * day)}
			}, "keys_unused", Note,
			map[string]any{"count": int64(2), "label": "old", "at": "2026-10-21T12:00:00Z", "days": int64(31)},
			"keys",
		},
		"key ending": {
			func(f *facts) {
				f.standing.Ending = auth.KeyGroup{Count: 1, ID: "key_1", Label: "ward", At: now.Add(2 * day)}
			}, "keys_ending", Note,
			map[string]any{"count": int64(1), "label": "ward", "at": "2026-11-23T12:00:00Z", "days": int64(2)},
			"keys",
		},
		"key off": {
			func(f *facts) {
				f.standing.Suspended = auth.KeyGroup{Count: 3, ID: "key_1", Label: "ward", At: now.Add(-day)}
			}, "keys_suspended", Soon,
			map[string]any{"count": int64(3), "label": "ward", "at": "2026-11-20T12:00:00Z", "days": int64(1)},
			"keys",
		},
		"exports fail":  {func(f *facts) { f.exports = FailedExports{Names: []string{"archive", "siem"}, Since: now.Add(-day)} }, "export_failing", Soon, map[string]any{"count": int64(2), "name": "archive, siem"}, "exports"},
		"requests open": {func(f *facts) { f.undecided = Undecided{Requests: 3, Oldest: now.Add(-50 * time.Hour)} }, "requests_open", Note, map[string]any{"count": int64(3), "days": int64(2)}, "requests"},
		"review due": {
			func(f *facts) { f.undecided = Undecided{Reviews: 1, Rules: 4, Due: now.Add(3 * day)} }, "review_due", Note,
			map[string]any{"reviews": int64(1), "rules": int64(4), "passed": int64(0), "at": "2026-11-24T12:00:00Z", "days": int64(3)},
			"reviews",
		},
		"review overdue": {
			func(f *facts) { f.undecided = Undecided{Reviews: 2, Rules: 5, Passed: 1, Due: now.Add(-2 * day)} }, "review_due", Soon,
			map[string]any{"reviews": int64(2), "rules": int64(5), "passed": int64(1), "at": "2026-11-19T12:00:00Z", "days": int64(2)},
			"reviews",
		},
		"key leaked": {
			func(f *facts) {
				f.alerts = []Alert{{Kind: "key_leaked", Subject: "key_1", Since: now, Details: map[string]any{"key": "key_1", "label": "ward", "prefix": "gh_ab", "owner": "rita"}}}
			}, "key_leaked", Urgent,
			map[string]any{"key": "key_1", "label": "ward", "prefix": "gh_ab", "owner": "rita"},
			"keys",
		},
		"key leaked, told of by an older release": {
			func(f *facts) { f.alerts = []Alert{{Kind: "key_leaked", Subject: "key_1", Since: now}} }, "key_leaked", Urgent, map[string]any{"key": "key_1"}, "keys",
		},
		"unsigned": {func(f *facts) { f.proofs = &Proofs{Unsigned: "no key", UnsignedWhy: "key", Outside: true} }, "checkpoint_failing", Soon, map[string]any{"problem": "no key", "why": "key"}, "proof"},
		"uncopied": {func(f *facts) {
			f.proofs = &Proofs{Uncopied: "away", UncopiedWhy: "folder_missing", Since: now, Outside: true}
		}, "anchor_failing", Soon, map[string]any{"problem": "away", "why": "folder_missing"}, "proof"},
		"another's copies": {func(f *facts) { f.proofs = &Proofs{Outside: true, Foreign: true} }, "anchor_foreign", Soon, nil, "proof"},
		"copies at home":   {func(f *facts) { f.proofs = &Proofs{} }, "anchor_none", Note, nil, "proof"},
		"rules file": {
			func(f *facts) { f.rulesFile = RulesFile{Problem: "it is empty", Since: now} }, "acl_file_invalid", Soon, map[string]any{"problem": "it is empty"}, "rules",
		},
		"default left":     {func(f *facts) { f.defaultLeft = true }, "acl_default_left", Note, nil, "rules"},
		"settings ignored": {func(f *facts) { f.ignored = []string{"engine.queue", "warp"} }, "settings_ignored", Soon, map[string]any{"count": int64(2), "key": "engine.queue"}, "settings"},
		"one admin":        {func(f *facts) { f.standing = auth.Standing{Admins: 1, Admin: "m.chen"} }, "last_admin", Note, map[string]any{"name": "m.chen"}, "people"},
		"no backup":        {func(f *facts) { f.backup = time.Time{} }, "backup_none", Note, map[string]any{"days": int64(100)}, "system"},
		"old backup":       {func(f *facts) { f.backup = now.Add(-9 * day) }, "backup_old", Soon, map[string]any{"days": int64(9)}, "system"},
		"doctor": {func(f *facts) {
			f.report = &Round{Report: doctor.Report{Checks: []doctor.Check{{Name: "files", Status: doctor.Fail}, {Name: "disk", Status: doctor.Fail}, {Name: "clock", Status: doctor.Warn}}}}
		}, "checks_failed", Soon, map[string]any{"count": int64(1)}, "system"},
	} {
		t.Run(name, func(t *testing.T) {
			f := calm()
			c.change(&f)
			got := f.needs()
			require.Len(t, got, 1)
			require.Equal(t, []any{c.code, c.severity, c.to}, []any{got[0].Code, got[0].Severity, got[0].To.Page})
			require.Equal(t, c.params, got[0].Params)
		})
	}
}

func TestNothingIsSaidBeforeItsTime(t *testing.T) {
	now := noon()
	for name, change := range map[string]func(f *facts){
		"just started":          func(f *facts) { f.chain.State, f.started = ChainUnverified, now.Add(-time.Minute) },
		"own certificate":       func(f *facts) { f.certificate = Certificate{Ends: now.Add(day), Own: true} },
		"some wrong passwords":  func(f *facts) { f.signIns.Attempts = burst - 1 },
		"a moment too many":     func(f *facts) { f.full.Attempts = fullness - 1 },
		"large disk":            func(f *facts) { f.disk = Disk{FreeBytes: 500 << 30, FreeShare: 0.05} },
		"disk unknown":          func(f *facts) { f.disk, f.diskKnown = Disk{}, false },
		"young server":          func(f *facts) { f.backup, f.first = time.Time{}, now.Add(-day) },
		"another model loading": func(f *facts) { f.models[0].State, f.models[0].Default = catalog.StateLoading, false },
		"what the doctor repeats": func(f *facts) {
			f.report = &Round{Report: doctor.Report{Checks: []doctor.Check{{Name: "disk", Status: doctor.Fail}}}}
		},
	} {
		f := calm()
		change(&f)
		require.Empty(t, f.needs(), name)
	}
}

// Who may not manage something is not told of it.
func TestNeedsAreThoseOfWhoLooks(t *testing.T) {
	f := calm()
	f.standing = auth.Standing{
		Unused: auth.KeyGroup{Count: 1}, Ending: auth.KeyGroup{Count: 1}, Suspended: auth.KeyGroup{Count: 1}, Admins: 1, Admin: "m.chen",
	}
	f.backup = time.Time{}
	f.report = &Round{Report: doctor.Report{Checks: []doctor.Check{{Name: "files", Status: doctor.Fail}}}}
	require.Len(t, f.needs(), 6)
	f.can = func(access.Action) bool { return false }
	require.Empty(t, f.needs())
}

func TestTheGravestComesFirst(t *testing.T) {
	f := calm()
	f.standing.Admins = 1
	f.backup = f.now.Add(-30 * day)
	f.chain = Chain{State: ChainBroken}
	var codes []string
	for _, n := range f.needs() {
		codes = append(codes, n.Code)
	}
	require.Equal(t, []string{"chain_broken", "backup_old", "last_admin"}, codes)
	require.Equal(t, Broken, stateOf(View{Chain: f.chain, Needs: f.needs()}, []string{"loading"}))
	require.Equal(t, NotReady, stateOf(View{}, []string{"loading"}))
	require.Equal(t, Needs, stateOf(View{Needs: f.needs()}, nil))
	require.Equal(t, Quiet, stateOf(View{}, nil))
}
