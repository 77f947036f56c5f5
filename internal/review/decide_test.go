package review_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/review"
	"guardhouse/internal/rule"
)

func TestKeep(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	before := h.guard.PolicyVersion()
	var it review.Item
	apptest.RequireRows(t, h.db, 1, func() {
		var err error
		it, err = h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{Note: " still used "})
		require.NoError(t, err)
	})
	require.Equal(t, review.Kept, it.Decision)
	require.Equal(t, "still used", it.Note)
	require.Equal(t, "rita", it.DecidedBy)
	require.Equal(t, review.Same, it.Now)
	require.Equal(t, before, h.guard.PolicyVersion(), "an attestation changes no rule")
	row := h.last(1)[0]
	require.Equal(t, it.Fingerprint, row.Details["rule_sha256"], "what was attested stands in the log")
	require.Equal(t, "a-rita", row.Details["rule"])
	require.NotContains(t, row.Details, "note")

	_, err := h.Decide(t.Context(), alice(), r.ID, "c-nobody", review.Verdict{})
	require.NoError(t, err, "what nobody owns is for whoever manages rules")
	for _, c := range []struct {
		p        access.Principal
		id, rule string
	}{{rita(), r.ID, "b-nora"}, {rita(), r.ID, "c-nobody"}, {rita(), r.ID, "zz"}, {rita(), "arv_unknown", "a-rita"}, {alice(), r.ID, "default-guard"}} {
		_, err := h.Decide(t.Context(), c.p, c.id, c.rule, review.Verdict{})
		refused(t, err, fault.NotFound)
	}
	_, err = h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{Note: "a\u202eb"})
	refused(t, err, fault.Invalid)
}

// Who keeps a rule says so of the text that he read, and of no other.
func TestOneKeepsWhatOneRead(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	d, err := h.Get(t.Context(), rita(), r.ID, review.ItemFilter{})
	require.NoError(t, err)
	read := d.Items[0].Fingerprint
	wider := h.ward("a-rita", "rita")
	wider.Principals = []rule.Principal{{Kind: rule.KindAny}}
	h.put(wider)
	_, err = h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{Fingerprint: read})
	refused(t, err, fault.Stale)
	_, err = h.Decide(t.Context(), alice(), r.ID, "a-rita", review.Verdict{Fingerprint: read, Remove: true})
	refused(t, err, fault.Stale)
	require.True(t, h.stands("a-rita"))
	d, err = h.Get(t.Context(), rita(), r.ID, review.ItemFilter{})
	require.NoError(t, err)
	require.Equal(t, review.Edited, d.Items[0].Now)
	require.Equal(t, wider.Principals, d.Items[0].Rule.Principals, "it shows the rule that stands")
	_, err = h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{Fingerprint: d.Items[0].Fingerprint})
	require.NoError(t, err)

	wider.Owner = "user:usr_nora"
	h.put(wider)
	for _, print := range []string{"", d.Items[0].Fingerprint} {
		_, err = h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{Fingerprint: print})
		refused(t, err, fault.Forbidden)
	}
}

// Whoever owned a rule when the review began reads nothing of what it became in other hands, not in a closed review either.
func TestARuleInOtherHandsIsNotRead(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	then := h.ward("a-rita", "rita")
	theirs := h.ward("a-rita", "nora")
	theirs.Models, theirs.Principals = []string{"secret-x"}, []rule.Principal{{Kind: rule.KindUser, Ref: "usr_nora"}}
	theirs.Note = "for the trial"
	h.put(theirs)
	seen := func(p access.Principal) review.Item {
		d, err := h.Get(t.Context(), p, r.ID, review.ItemFilter{})
		require.NoError(t, err)
		require.Equal(t, "a-rita", d.Items[0].RuleID)
		return d.Items[0]
	}
	for range 2 { // open, and closed
		it := seen(rita())
		require.Equal(t, then.Models, it.Rule.Models, "it stands as it was in her hands")
		require.Equal(t, then.Principals, it.Rule.Principals)
		require.Empty(t, it.Rule.Note)
		require.Equal(t, review.Edited, it.Now)
		require.Empty(t, it.Fingerprint, "nor does she learn whether she guesses its text")
		require.False(t, it.Mine)
		require.Equal(t, theirs.Models, seen(alice()).Rule.Models)
		require.NotEmpty(t, seen(alice()).Fingerprint)
		if _, err := h.Close(t.Context(), alice(), r.ID); err != nil {
			refused(t, err, fault.Conflict)
		}
	}
	h.put(h.ward("a-rita", "rita"))
	require.Equal(t, review.Same, seen(rita()).Now, "hers again")
}

func TestRemove(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	apptest.RequireRows(t, h.db, 1, func() {
		it, err := h.Decide(t.Context(), alice(), r.ID, "c-nobody", review.Verdict{Remove: true, Note: "nobody knows it"})
		require.NoError(t, err)
		require.Equal(t, review.Removed, it.Decision)
		require.Equal(t, review.Gone, it.Now)
		require.Equal(t, "c-nobody", it.Rule.ID, "it shows the rule as it was")
		require.Empty(t, it.Fingerprint)
	})
	require.False(t, h.stands("c-nobody"))
	require.Equal(t, []any{"c-nobody"}, h.last(1)[0].Details["removed"])
	for _, remove := range []bool{true, false} {
		_, err := h.Decide(t.Context(), alice(), r.ID, "c-nobody", review.Verdict{Remove: remove})
		refused(t, err, fault.Conflict)
		require.Equal(t, audit.Error, h.last(1)[0].Decision)
	}
}

// An owner without acl.manage has a rule removed that only opened something: the server does it, in his name.
func TestAnOwnersRemoval(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	apptest.RequireRows(t, h.db, 2, func() {
		it, err := h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{Remove: true})
		require.NoError(t, err)
		require.Equal(t, review.Removed, it.Decision)
		require.Equal(t, "rita", it.DecidedBy)
	})
	require.False(t, h.stands("a-rita"))
	rows := h.last(2)
	require.Equal(t, "server:reviews", rows[0].Actor.Name)
	require.Equal(t, "usr_rita", rows[0].Details["for"])
	require.Equal(t, "usr_rita", rows[1].Actor.ID)
}

// threat Z4: what could open something when it goes, an owner without acl.manage can only ask for.
func TestAnOwnerOpensNothing(t *testing.T) {
	deny := func(r *rule.Rule) { r.Allow = false }
	key := func(r *rule.Rule) {
		r.Principals = append(r.Principals, rule.Principal{Kind: rule.KindKey, Ref: "key_1"})
	}
	same := func(*rule.Rule) {}
	report := func(r *rule.Rule) { r.Allow, r.ReportOnly = false, true }
	for name, c := range map[string]struct {
		change func(*rule.Rule)
		def    string
		gone   bool
	}{
		"a deny":            {deny, "deny", false},
		"narrows a key":     {key, "deny", false},
		"an open default":   {same, "allow", false},
		"an allow":          {same, "deny", true},
		"a report-only one": {report, "allow", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, access.Options{Default: c.def})
			x := h.ward("d-rule", "rita")
			c.change(&x)
			h.put(x)
			r := h.begun()
			it, err := h.Decide(t.Context(), rita(), r.ID, "d-rule", review.Verdict{Remove: true, Note: "not mine any more"})
			require.NoError(t, err)
			require.Equal(t, !c.gone, h.stands("d-rule"))
			if c.gone {
				require.Equal(t, review.Removed, it.Decision)
				return
			}
			require.Equal(t, review.Asked, it.Decision)
			it, err = h.Decide(t.Context(), alice(), r.ID, "d-rule", review.Verdict{Remove: true})
			require.NoError(t, err)
			require.Equal(t, review.Removed, it.Decision)
			require.False(t, h.stands("d-rule"))
		})
	}
}

// What is decided counts by the rights of the moment: an owner who is disabled decides nothing.
func TestTheRightIsAskedForWhereItIsWritten(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	h.exec(`UPDATE users SET status = 'disabled' WHERE id = 'usr_rita'`)
	_, err := h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{})
	refused(t, err, fault.Unauthenticated)
	h.exec(`UPDATE users SET role = 'nurse' WHERE id = 'usr_alice'`)
	for _, act := range []func() error{
		func() error {
			_, err := h.Decide(t.Context(), alice(), r.ID, "a-rita", review.Verdict{Remove: true})
			return err
		},
		func() error { _, err := h.Close(t.Context(), alice(), r.ID); return err },
		func() error {
			_, err := h.Begin(t.Context(), alice(), review.Draft{Title: "a", DueAt: began.Add(time.Hour)})
			return err
		},
	} {
		refused(t, act(), fault.Forbidden)
	}
	require.True(t, h.stands("a-rita"))
}

func TestClose(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	_, err := h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{})
	require.NoError(t, err)
	_, err = h.Decide(t.Context(), rita(), r.ID, "a-rita", review.Verdict{Note: "on second thoughts"})
	require.NoError(t, err, "until the end one may decide anew")
	_, err = h.Close(t.Context(), rita(), r.ID)
	refused(t, err, fault.Forbidden)
	done, err := h.Close(t.Context(), alice(), r.ID)
	require.NoError(t, err)
	require.Equal(t, review.Closed, done.Status)
	require.Equal(t, "alice", done.ClosedBy)
	require.Equal(t, map[review.Decision]int{review.Undecided: 2, review.Kept: 1}, done.Counts)
	row := h.last(1)[0]
	require.Equal(t, "close", row.Details["change"])
	_, err = h.Close(t.Context(), alice(), r.ID)
	refused(t, err, fault.Conflict)
	_, err = h.Close(t.Context(), alice(), "arv_unknown")
	refused(t, err, fault.NotFound)
	for _, remove := range []bool{true, false} {
		_, err = h.Decide(t.Context(), alice(), r.ID, "b-nora", review.Verdict{Remove: remove})
		refused(t, err, fault.Conflict)
	}
	require.True(t, h.stands("b-nora"))
}
