package request_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/request"
	"guardhouse/internal/rule"
)

// made is the rule that an approval made.
func (h *house) made(r request.Request) rule.Rule {
	h.t.Helper()
	list := h.guard.Rules()
	i := slices.IndexFunc(list, func(x rule.Rule) bool { return x.ID == r.RuleID })
	require.GreaterOrEqual(h.t, i, 0, "the rule of %s", r.ID)
	return list[i]
}

func TestApprovalIsARuleThatEnds(t *testing.T) {
	h := newHouse(t)
	r := h.asked(rita(), "qwen-4b")
	require.False(t, h.may(rita(), "qwen-4b", rule.Infer))
	version := h.guard.PolicyVersion()
	var done request.Request
	apptest.RequireRows(t, h.db, 1, func() {
		var err error
		done, err = h.Approve(t.Context(), alice(), r.ID, request.Approval{Reason: "agreed with the ward"})
		require.NoError(t, err)
	})
	require.Equal(t, request.Approved, done.Status)
	require.Equal(t, "alice", done.DecidedBy)
	require.Equal(t, "agreed with the ward", done.Reason)
	require.Equal(t, version+1, h.guard.PolicyVersion())
	made := h.made(done)
	require.Equal(t, rule.Rule{
		ID: done.RuleID, Allow: true, Principals: []rule.Principal{{Kind: rule.KindUser, Ref: "usr_rita"}}, Models: []string{"qwen-4b"},
		Operations: []rule.Operation{rule.View, rule.Infer}, Conditions: rule.Conditions{Until: r.Until}, Owner: "user:usr_alice",
		Note: "triage of letters", Origin: "admin",
	}, made)
	require.Regexp(t, `^rita-qwen-4b-[0-9a-z]{6}$`, made.ID, "it says whom it is for")
	row := h.last()
	require.Equal(t, audit.Allow, row.Decision)
	require.Equal(t, string(access.ACLManage), row.Action)
	require.Equal(t, "request:"+r.ID, row.Resource)
	require.Equal(t, "usr_rita", row.Details["user"])
	require.Contains(t, row.Details["added"], done.RuleID)

	require.True(t, h.may(rita(), "qwen-4b", rule.Infer))
	require.False(t, h.may(rita(), "qwen-4b", rule.Download), "it was not asked for")
	require.False(t, h.may(nora(), "qwen-4b", rule.View), "for one person")
	h.pass(72*time.Hour - time.Millisecond)
	require.True(t, h.may(rita(), "qwen-4b", rule.Infer))
	h.pass(time.Millisecond)
	require.False(t, h.may(rita(), "qwen-4b", rule.Infer), "the end is not in it")
	ended, err := h.Get(t.Context(), rita(), r.ID)
	require.NoError(t, err)
	require.Equal(t, request.Expired, ended.Status)
	require.NotNil(t, ended.DecidedAt)
}

// A rule opens a model to those whose role may do such things at all: what the role lacks no approval gives, so none says it did.
func TestNoApprovalGivesWhatTheRoleLacks(t *testing.T) {
	h := newHouse(t)
	r := h.asked(nora(), "guard-nano")
	before := len(h.guard.Rules())
	_, err := h.Approve(t.Context(), alice(), r.ID, request.Approval{})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Contains(t, fault.From(err).Message, "The role nurse, which the account that asked has, does not have moderation.run.")
	require.Len(t, h.guard.Rules(), before)
	still, err := h.Get(t.Context(), nora(), r.ID)
	require.NoError(t, err)
	require.Equal(t, request.Open, still.Status)

	h.exec(`UPDATE users SET role = 'reviewer' WHERE id = 'usr_nora'`)
	done, err := h.Approve(t.Context(), alice(), r.ID, request.Approval{})
	require.NoError(t, err)
	require.Equal(t, request.Approved, done.Status)
	require.True(t, h.may(who("nora", "reviewer"), "guard-nano", rule.Infer))
}

// What has to be had is what a model of its kind is used by.
func TestAChatModelTakesAnotherAction(t *testing.T) {
	h := newHouse(t)
	_, _, err := h.guard.PutRole(t.Context(), access.System("tester"), "talker", access.RoleChange{Actions: []access.Action{access.ModelView, access.ChatRun, access.SessionOwn}})
	require.NoError(t, err)
	h.exec(`UPDATE users SET role = 'talker' WHERE id = 'usr_nora'`)
	talker := who("nora", "talker")
	_, err = h.Approve(t.Context(), alice(), h.asked(talker, "guard-nano").ID, request.Approval{})
	require.Contains(t, fault.From(err).Message, "does not have moderation.run.")
	_, err = h.Approve(t.Context(), alice(), h.asked(talker, "small-talk").ID, request.Approval{})
	require.NoError(t, err)

	_, _, err = h.guard.PutRole(t.Context(), access.System("tester"), "judge", access.RoleChange{Actions: []access.Action{access.ModelView, access.ModerationRun, access.SessionOwn}})
	require.NoError(t, err)
	h.exec(`UPDATE users SET role = 'judge' WHERE id = 'usr_rita'`)
	_, err = h.Approve(t.Context(), alice(), h.asked(who("rita", "judge"), "small-talk").ID, request.Approval{})
	refused(t, err, fault.Conflict, "role")
	require.Contains(t, fault.From(err).Message, "does not have chat.run.")
	_, err = h.Approve(t.Context(), alice(), h.asked(who("rita", "judge"), "never-was").ID, request.Approval{})
	refused(t, err, fault.Unprocessable, "model")
}

func TestASightNeedsNoMore(t *testing.T) {
	h := newHouse(t)
	wish := h.wish("guard-nano")
	wish.Operations = []rule.Operation{rule.View}
	r, err := h.Submit(t.Context(), nora(), wish)
	require.NoError(t, err)
	_, err = h.Approve(t.Context(), alice(), r.ID, request.Approval{})
	require.NoError(t, err, "a nurse may see models")
}

func TestAnEarlierEnd(t *testing.T) {
	h := newHouse(t)
	r := h.asked(rita(), "qwen-4b")
	for _, until := range []time.Time{r.Until.Add(time.Millisecond), began, began.Add(-time.Hour)} {
		_, err := h.Approve(t.Context(), alice(), r.ID, request.Approval{Until: until})
		refused(t, err, fault.Invalid, "until")
	}
	done, err := h.Approve(t.Context(), alice(), r.ID, request.Approval{Until: began.Add(2 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, began.Add(2*time.Hour), done.Until)
	require.Equal(t, began.Add(2*time.Hour), h.made(done).Conditions.Until)
}

// Nobody decides for himself: not with another session, not with a key of his own, and not by declining.
func TestNobodyDecidesHisOwn(t *testing.T) {
	h := newHouse(t)
	r := h.asked(alice(), "qwen-4b")
	h.exec(`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at) VALUES ('key_1', 'usr_alice', 'mine', 'gh_1', 'x', 'usr_alice', 1)`)
	key := access.Principal{Kind: access.KindKey, UserID: "usr_alice", Name: "alice", Role: "admin", KeyID: "key_1"}
	rules := len(h.guard.Rules())
	for _, p := range []access.Principal{alice(), key} {
		_, err := h.Approve(t.Context(), p, r.ID, request.Approval{})
		refused(t, err, fault.Forbidden, "")
		require.Equal(t, audit.Deny, h.last().Decision)
		_, err = h.Decline(t.Context(), p, r.ID, "no")
		refused(t, err, fault.Forbidden, "")
	}
	require.Len(t, h.guard.Rules(), rules)
	_, err := h.Approve(t.Context(), adam(), r.ID, request.Approval{})
	require.NoError(t, err)
}

func TestApproveRefuses(t *testing.T) {
	h := newHouse(t)
	approve := func(p access.Principal, id string, code fault.Code, field string) {
		t.Helper()
		before := h.guard.PolicyVersion()
		apptest.RequireRows(t, h.db, 1, func() {
			_, err := h.Approve(t.Context(), p, id, request.Approval{})
			refused(t, err, code, field)
		})
		require.Equal(t, before, h.guard.PolicyVersion(), "nothing was changed")
	}
	r := h.asked(rita(), "qwen-4b")
	approve(nora(), r.ID, fault.Forbidden, "")
	approve(rita(), r.ID, fault.Forbidden, "")
	approve(alice(), "arq_unknown", fault.NotFound, "")
	approve(alice(), h.asked(rita(), "qwen-9b").ID, fault.Unprocessable, "model")
	h.exec(`UPDATE users SET status = 'disabled' WHERE id = 'usr_rita'`)
	approve(alice(), r.ID, fault.Conflict, "")
	h.exec(`UPDATE users SET status = 'active' WHERE id = 'usr_rita'`)
	h.exec(`UPDATE users SET role = 'nurse' WHERE id = 'usr_alice'`)
	approve(alice(), r.ID, fault.Forbidden, "") // she lost the right after she entered
	h.exec(`UPDATE users SET role = 'admin' WHERE id = 'usr_alice'`)
	h.pass(73 * time.Hour)
	approve(alice(), r.ID, fault.Conflict, "")
	_, err := h.Approve(t.Context(), alice(), r.ID, request.Approval{Reason: "a\u202eb"})
	refused(t, err, fault.Invalid, "reason")
}

// Where the default allows, the first rule on a model closes it for all whom it does not name: nobody takes a model from
// everybody by asking for it.
func TestAnApprovalClosesNoModel(t *testing.T) {
	about := func(models string, reportOnly bool) rule.Rule {
		return rule.Rule{
			ID: "there", Allow: true, ReportOnly: reportOnly, Principals: []rule.Principal{{Kind: rule.KindRole, Ref: "nurse"}},
			Models: []string{models}, Operations: []rule.Operation{rule.View},
		}
	}
	for name, c := range map[string]struct {
		setting, file string
		rules         []rule.Rule
		refused       bool
	}{
		"open by the settings":         {"allow", "", nil, true},
		"open by a file":               {"deny", "allow", nil, true},
		"closed by the settings":       {"deny", "", nil, false},
		"closed by a file":             {"allow", "deny", nil, false},
		"a rule on another":            {"allow", "", []rule.Rule{about("guard-*", false)}, true},
		"a rule that decides nothing":  {"allow", "", []rule.Rule{about("qwen-4b", true)}, true},
		"a rule on it":                 {"allow", "", []rule.Rule{about("qwen-4b", false)}, false},
		"a rule on models of its name": {"allow", "", []rule.Rule{about("qwen-*", false)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseWith(t, access.Options{Default: c.setting})
			h.put(c.file, c.rules...)
			before := h.may(adam(), "qwen-4b", rule.Infer)
			_, err := h.Approve(t.Context(), alice(), h.asked(rita(), "qwen-4b").ID, request.Approval{})
			row := h.last()
			require.Equal(t, before, h.may(adam(), "qwen-4b", rule.Infer), "of others nothing has changed")
			if !c.refused {
				require.NoError(t, err)
				return
			}
			refused(t, err, fault.Conflict, "model")
			require.True(t, before)
			require.Equal(t, audit.Error, row.Decision)
			require.Len(t, h.guard.Rules(), len(c.rules))
		})
	}
}

func TestDeclineAndWithdraw(t *testing.T) {
	h := newHouse(t)
	r := h.asked(rita(), "qwen-4b")
	_, err := h.Decline(t.Context(), alice(), r.ID, "  ")
	refused(t, err, fault.Invalid, "reason")
	_, err = h.Withdraw(t.Context(), nora(), r.ID, "")
	refused(t, err, fault.NotFound, "")
	_, err = h.Withdraw(t.Context(), alice(), r.ID, "")
	refused(t, err, fault.NotFound, "")
	var done request.Request
	apptest.RequireRows(t, h.db, 1, func() { done, err = h.Decline(t.Context(), alice(), r.ID, "the smaller one does this") })
	require.NoError(t, err)
	require.Equal(t, request.Declined, done.Status)
	require.Equal(t, "the smaller one does this", done.Reason)
	require.Empty(t, done.RuleID)
	for _, end := range []func() error{
		func() error { _, err := h.Withdraw(t.Context(), rita(), r.ID, ""); return err },
		func() error { _, err := h.Decline(t.Context(), adam(), r.ID, "no"); return err },
		func() error { _, err := h.Approve(t.Context(), adam(), r.ID, request.Approval{}); return err },
	} {
		refused(t, end(), fault.Conflict, "")
		require.Equal(t, audit.Error, h.last().Decision)
	}
	again := h.asked(rita(), "qwen-4b")
	done, err = h.Withdraw(t.Context(), rita(), again.ID, "not needed")
	require.NoError(t, err)
	require.Equal(t, request.Withdrawn, done.Status)
	require.Equal(t, "withdraw", h.last().Details["change"])
}

// Of all who decide at once exactly one does, and there is a rule if and only if he approved.
func TestOneDecisionWins(t *testing.T) {
	for range 5 {
		h := newHouse(t)
		r := h.asked(rita(), "qwen-4b")
		rules := len(h.guard.Rules())
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := []string{}
		try := func(name string, decide func() error) {
			wg.Go(func() {
				err := decide()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, name)
				} else if fault.CodeOf(err) != fault.Conflict {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		for range 4 {
			try("approve", func() error { _, err := h.Approve(t.Context(), alice(), r.ID, request.Approval{}); return err })
			try("decline", func() error { _, err := h.Decline(t.Context(), adam(), r.ID, "no"); return err })
			try("withdraw", func() error { _, err := h.Withdraw(t.Context(), rita(), r.ID, ""); return err })
		}
		wg.Wait()
		require.Len(t, won, 1)
		after := len(h.guard.Rules())
		if won[0] == "approve" {
			require.Equal(t, rules+1, after)
		} else {
			require.Equal(t, rules, after)
		}
	}
}

// The command line decides under its own name and is nobody's rule owner.
func TestTheCommandLineDecides(t *testing.T) {
	h := newHouse(t)
	r := h.asked(rita(), "qwen-4b")
	done, err := h.Approve(context.Background(), access.System("root"), r.ID, request.Approval{})
	require.NoError(t, err)
	require.Equal(t, "cli:root", done.DecidedBy)
	require.Empty(t, h.made(done).Owner)
}
