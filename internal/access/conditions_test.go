package access_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

func when(conditions string) func(*access.Rule) {
	return func(x *access.Rule) { x.Conditions = "{" + conditions + "}" }
}

// Conditions decide by the request's own address, purpose and time, and the row says which failed.
func TestConditionsDecideAtTheGate(t *testing.T) {
	w := newWatch() // a Sunday at noon, UTC
	g := gateOver(t, apptest.OpenDB(t), access.Options{Now: w.now})
	seen := r("a-view", "allow", "*", "guard-nano", "view")
	for name, c := range map[string]struct {
		conditions string
		reason     string // "" where it is allowed
	}{
		"address":         {`"ip_ranges":["192.0.2.0/24"]`, ""},
		"other address":   {`"ip_ranges":["198.51.100.0/24"]`, "condition_ip_ranges"},
		"purpose":         {`"purpose":"required"`, ""},
		"hours":           {`"hours":"Sun 12:00-13:00 UTC"`, ""},
		"other hours":     {`"hours":"Sun 12:00-13:00 Asia/Shanghai"`, "condition_hours"},
		"begins now":      {`"valid_from":"2026-11-22T12:00:00Z"`, ""},
		"begins later":    {`"valid_from":"2026-11-22T12:00:01Z"`, "condition_valid_from"},
		"ends now":        {`"valid_until":"2026-11-22T12:00:00Z"`, "condition_valid_until"},
		"ends later":      {`"valid_until":"2026-11-22T12:00:01Z"`, ""},
		"all of several":  {`"ip_ranges":["192.0.2.0/24"],"purpose":"required","hours":"Sun 12:00-13:00 UTC"`, ""},
		"one of several":  {`"ip_ranges":["192.0.2.0/24"],"purpose":"required","hours":"Mon 12:00-13:00 UTC"`, "condition_hours"},
		"newer than this": {`"moon":"full"`, "no_rule_allows"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := []access.Rule{seen, with(r("b", "allow", "*", "guard-nano", "infer"), when(c.conditions))}
			require.NoError(t, g.guard.Swap(3, [][2]string{{"reviewer", "moderation.run"}}, rules))
			_, err := g.try(t, user("reviewer"))
			rows := g.events(t)
			last := rows[len(rows)-1]
			require.Equal(t, c.reason, last.Reason)
			require.EqualValues(t, 3, last.PolicyVersion)
			if c.reason == "" {
				require.NoError(t, err)
				require.Equal(t, "b", last.RuleID)
				return
			}
			require.Equal(t, fault.Forbidden, fault.CodeOf(err))
			require.Equal(t, "You may not do this.", fault.From(err).Message, "the caller is told no rule, address or hour")
			if c.reason != "no_rule_allows" {
				require.Equal(t, "b", last.Details["nearest_rule"])
			}
		})
	}
	require.NoError(t, g.guard.Swap(3, [][2]string{{"reviewer", "moderation.run"}}, []access.Rule{seen, with(r("b", "allow", "*", "guard-nano", "infer"), when(`"purpose":"required"`))}))
	silent := user("reviewer")
	silent.Origin.Purpose = " \u200b"
	_, err := g.try(t, silent)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err), "what nobody can read is no purpose")
}

// Rules that decide nothing must not make a row too large to be kept: else they would refuse everybody.
func TestAThousandReportOnlyRules(t *testing.T) {
	g := newGate(t, "")
	rules := []access.Rule{r("open", "allow", "*", "guard-nano", "view infer")}
	for i := range 1000 {
		x := r(fmt.Sprintf("trial-%04d-with-a-rather-long-id-that-somebody-thought-of", i), "deny", "*", "*", "*")
		x.Mode = "report-only"
		rules = append(rules, x)
	}
	require.NoError(t, g.guard.Swap(1, [][2]string{{"reviewer", "moderation.run"}}, rules))
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	row := g.only(t)
	require.Len(t, row.Details["report_only"], 20)
	require.Equal(t, "980", fmt.Sprint(row.Details["report_only_more"]))
}

// A report-only deny of view would have hidden the model from whoever ran it, so its row says so.
func TestReportOnlyOfViewIsRecordedToo(t *testing.T) {
	g := newGate(t, "")
	trial := r("trial", "deny", "*", "guard-nano", "view")
	trial.Mode = "report-only"
	require.NoError(t, g.guard.Swap(1, [][2]string{{"reviewer", "moderation.run"}}, []access.Rule{r("open", "allow", "*", "guard-nano", "*"), trial}))
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	require.Equal(t, []any{"trial:deny"}, g.only(t).Details["report_only"])
}

// threat Z7: a group is its members of now; a deleted one has none, whatever rows are left.
func TestGroups(t *testing.T) {
	g := newGate(t, "")
	g.person(t, "ana", "reviewer")
	change(t, g.db, g.guard,
		`INSERT INTO groups (id, name, name_key, created_at) VALUES ('grp_1', 'radiology', 'radiology', 0), ('grp_2', 'away', 'away', 0)`,
		`INSERT INTO group_members (group_id, user_id, added_at) VALUES ('grp_1', 'usr_ana', 0), ('grp_2', 'usr_ana', 0)`,
		`DELETE FROM acl_rules`,
		`INSERT INTO acl_rules (id, effect, mode, origin, created_at, updated_at) VALUES ('ward', 'allow', 'enforce', 'admin', 0, 0)`,
		`INSERT INTO acl_rule_principals (rule_id, kind, ref) VALUES ('ward', 'group', 'grp_1')`,
		`INSERT INTO acl_rule_models (rule_id, model) VALUES ('ward', 'guard-nano')`,
		`INSERT INTO acl_rule_operations (rule_id, operation) VALUES ('ward', '*')`)
	ana := user("reviewer")
	ana.UserID, ana.Name = "usr_ana", "ana"
	key := ana
	key.Kind, key.KeyID = access.KindKey, "key_1"
	for _, p := range []access.Principal{ana, key} {
		_, err := g.try(t, p)
		require.NoError(t, err)
		rows := g.events(t)
		require.Equal(t, []string{"grp_1", "grp_2"}, rows[len(rows)-1].Groups)
		require.Equal(t, []string{"guard-nano"}, g.guard.VisibleModels(p, []string{"guard-nano"}))
	}
	liar := user("reviewer")
	liar.Groups = []string{"grp_1"}
	_, err := g.try(t, liar)
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "nobody brings his groups along")
	require.Empty(t, g.guard.VisibleModels(liar, []string{"guard-nano"}))

	change(t, g.db, g.guard, `UPDATE groups SET deleted_at = 1 WHERE id = 'grp_1'`)
	_, err = g.try(t, ana)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	change(t, g.db, g.guard, `INSERT INTO groups (id, name, name_key, created_at) VALUES ('grp_3', 'radiology', 'radiology2', 0)`,
		`INSERT INTO group_members (group_id, user_id, added_at) VALUES ('grp_3', 'usr_ana', 0)`)
	_, err = g.try(t, ana)
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "a new group of the name inherits nothing")
}

// threat Z5: a key is good from its addresses alone, for whatever it asks.
func TestAKeyIsUsedFromItsAddresses(t *testing.T) {
	g := newGate(t, "")
	k := byKey("key_1")
	k.Role = "admin"
	k.KeyIPRanges = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8::/32")}
	for address, fine := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "2001:db8:1::1": true, "fe80::1%eth0": false, "192.0.2.16": false, "2001:db9::1": false, "": false,
	} {
		p := k
		p.Origin.IP, _ = netip.ParseAddr(address)
		pass, err := g.guard.Enter(t.Context(), p, inferNano)
		_, administers := g.guard.Enter(t.Context(), p, access.Op{Action: access.UserManage})
		require.Equal(t, fine, g.guard.Can(p, access.UserManage), address)
		require.Equal(t, fine, len(g.guard.VisibleModels(p, []string{"guard-nano"})) == 1, address)
		require.Equal(t, fine, len(g.guard.Actions(p)) > 0, address)
		if fine {
			require.NoError(t, err)
			require.NoError(t, administers)
			pass.Close(&err)
			continue
		}
		require.Equal(t, fault.Forbidden, fault.CodeOf(err), address)
		require.Equal(t, fault.Forbidden, fault.CodeOf(administers), address)
		rows := g.events(t)
		require.Equal(t, []string{audit.Deny, "key_address"}, []string{rows[len(rows)-1].Decision, rows[len(rows)-1].Reason})
	}
}

// One row that nobody can read closes what it is about, and keeps no other rule from counting nor the server from starting.
func TestUnreadableRowsClose(t *testing.T) {
	g := newGate(t, "")
	change(t, g.db, g.guard,
		`INSERT INTO acl_rules (id, effect, mode, conditions, origin, created_at, updated_at) VALUES
			('newer', 'deny', 'enforce', '{"moon":"full"}', 'admin', 0, 0), ('never', 'allow', 'enforce', '{"ip_ranges":[]}', 'admin', 0, 0),
			('rated', 'deny', 'enforce', '{"rate_limit":"1/s"}', 'admin', 0, 0)`,
		`INSERT INTO acl_rule_principals (rule_id, kind, ref) VALUES ('newer', 'role', 'nurse'), ('never', 'any', ''), ('rated', 'role', 'guest')`,
		`INSERT INTO acl_rule_models (rule_id, model) VALUES ('newer', 'guard-nano'), ('never', 'closed'), ('rated', 'guard-nano')`,
		`INSERT INTO acl_rule_operations (rule_id, operation) VALUES ('newer', 'infer'), ('never', '*'), ('rated', 'infer')`)
	require.Len(t, g.guard.Rules(), 4)
	require.NoError(t, g.guard.Swap(1, [][2]string{{"nurse", "moderation.run"}, {"reviewer", "moderation.run"}}, nil))
	require.NoError(t, g.guard.Reload(t.Context()))
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	closed := inferNano
	closed.Model = "closed"
	require.True(t, g.guard.Decide(user("reviewer"), closed).Hidden)
	_, err = access.New(t.Context(), g.db, g.log, access.Options{})
	require.NoError(t, err)
	nurse := user("nurse")
	change(t, g.db, g.guard, `INSERT OR IGNORE INTO casbin_rules (ptype, v0, v1) VALUES ('p', 'nurse', 'moderation.run')`)
	d := g.guard.Decide(nurse, inferNano)
	require.False(t, d.Allowed)
	require.Equal(t, "newer", d.RuleID, "a deny that cannot be read holds")
}

// acl.default of a file counts before the setting, at once and after a restart.
func TestAStoredDefaultOverridesTheSetting(t *testing.T) {
	g := newGate(t, "")
	other := inferNano
	other.Model = "other"
	require.False(t, g.guard.Decide(user("reviewer"), other).Allowed)
	change(t, g.db, g.guard, `INSERT INTO meta (key, value) VALUES ('acl.default', 'allow')`)
	require.True(t, g.guard.DefaultAllow())
	require.True(t, g.guard.Decide(user("reviewer"), other).Allowed)
	change(t, g.db, g.guard, `UPDATE meta SET value = 'deny' WHERE key = 'acl.default'`)
	again := gateOver(t, g.db, access.Options{Default: "allow"})
	require.False(t, again.guard.DefaultAllow())
	require.False(t, again.guard.Decide(user("reviewer"), other).Allowed)
}

// What is decided at the same instant by the same policy is the same, so a rule's last moment is one moment for everybody.
func TestARuleEndsOnItsMoment(t *testing.T) {
	w := newWatch()
	g := gateOver(t, apptest.OpenDB(t), access.Options{Now: w.now})
	until := with(r("a", "allow", "*", "guard-nano", "view infer"), when(`"valid_until":"2026-11-22T12:00:10Z"`))
	require.NoError(t, g.guard.Swap(1, [][2]string{{"reviewer", "moderation.run"}}, []access.Rule{until}))
	w.wait(10*time.Second - time.Nanosecond)
	_, err := g.try(t, user("reviewer"))
	require.NoError(t, err)
	w.wait(time.Nanosecond)
	_, err = g.try(t, user("reviewer"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "its view has ended as well")
	require.Empty(t, g.guard.VisibleModels(user("reviewer"), []string{"guard-nano"}))
}
