package hygiene_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/hygiene"
)

// Static analysis finds planted rules that do nothing, and leaves those that do something.
func TestPlantedRulesAreFound(t *testing.T) {
	h := newHouse(t, "")
	for name, c := range map[string]struct {
		rules string
		want  []string
	}{
		"none":                         {"a allow role:reviewer m view,infer\nb deny * m infer {\"ip_ranges\":[\"10.9.0.0/16\"]}", nil},
		"the same twice":               {"a allow * m view,infer\nb allow * m view,infer", []string{"shadowed:b by a -> remove"}},
		"within everybody":             {"a allow role:reviewer m infer\nb allow * m,n *", []string{"shadowed:a by b -> remove"}},
		"within a pattern":             {"a allow * m infer\nb allow * m* infer", []string{"shadowed:a by b -> remove"}},
		"a pattern within a pattern":   {"a allow * gu*d-* infer\nb allow * g*-* infer", []string{"shadowed:a by b -> remove"}},
		"a pattern beyond one":         {"a allow * g*-* infer\nb allow * gu*d-* infer", []string{"shadowed:b by a -> remove"}},
		"narrower addresses":           {`a deny * m * {"ip_ranges":["10.1.0.0/16","192.0.2.1"]}` + "\n" + `b deny * m * {"ip_ranges":["10.0.0.0/8","192.0.2.0/24"]}`, []string{"shadowed:a by b -> remove"}},
		"one address beyond":           {`a deny * m * {"ip_ranges":["10.1.0.0/16","192.0.3.1"]}` + "\n" + `b deny * m * {"ip_ranges":["10.0.0.0/8","192.0.2.0/24"]}`, nil},
		"an allow that is denied":      {"a allow role:reviewer m infer\nb deny * m,n *", []string{"contradictory:a by b -> remove"}},
		"an allow that is denied once": {"a allow role:reviewer m infer\nb deny * m infer {\"purpose\":\"required\"}", nil},
		"a rate that does not count":   {`a allow role:reviewer m infer {"rate_limit":"5/min"}` + "\nb allow * m infer", []string{"shadowed:a by b -> remove"}},
		"a rate that gives more":       {`a allow * m infer {"rate_limit":"5/min"}` + "\n" + `b allow * m infer {"rate_limit":"5/min"}`, nil},
		"a rate beside none":           {"a allow * m infer\n" + `b allow user:usr_ana m view,infer {"rate_limit":"5/min"}`, nil},
		"a rule that narrows a key":    {"a allow key:key_1 m infer\nb allow * m *", nil},
		"a denied one that narrows":    {"a allow key:key_1 m infer\nb deny * m infer", nil},
		"a key narrowed all the same":  {"a allow key:key_1 m infer\nb allow *,key:key_1 m *", []string{"shadowed:a by b -> remove"}},
		"a key denied with all":        {"a deny key:key_1 m infer\nb deny * m *", []string{"shadowed:a by b -> remove"}},
		"one that only reports":        {"a allow/report * m *\nb allow * m infer", nil},
		"by one that only reports":     {"a allow * m infer\nb allow/report * m *", nil},
		"in other hours":               {`a allow * m infer {"hours":"Mon 08:00-09:00 UTC"}` + "\n" + `b allow * m infer {"hours":"Tue 08:00-09:00 UTC"}`, nil},
		"in the same hours":            {`a allow user:usr_ana m infer {"hours":"Mon 08:00-09:00 UTC"}` + "\n" + `b allow * m infer {"hours":"Mon 08:00-09:00 UTC"}`, []string{"shadowed:a by b -> remove"}},
		"for longer":                   {`a allow * m infer {"valid_until":"2028-01-01T00:00:00Z"}` + "\n" + `b allow * m infer {"valid_until":"2029-01-01T00:00:00Z"}`, []string{"shadowed:a by b -> remove"}},
		"a model that is not there":    {"a allow * m,lost,l* infer", []string{"unknown_model:a"}},
	} {
		t.Run(name, func(t *testing.T) {
			h.enforce(c.rules)
			require.ElementsMatch(t, c.want, h.found())
		})
	}
}

func TestRulesThatEnd(t *testing.T) {
	const ended = `{"valid_until":"2026-11-01T00:00:00Z"}`
	for name, c := range map[string]struct{ rules, byDefault, want string }{
		"soon":                      {`a allow * m infer {"valid_until":"2026-11-25T12:00:00Z"}`, "", "expiring:a -> extend"},
		"over":                      {"a allow * m infer " + ended, "", "expired:a -> remove"},
		"over, and the last one":    {"a allow * m infer " + ended, "allow", "expired:a"},
		"over, and not the last":    {"a allow * m infer " + ended + "\nb allow user:usr_ana m,n infer", "allow", "expired:a -> remove"},
		"over, narrowing a key":     {"a allow key:key_1 m infer " + ended + "\nb allow * m view,infer", "", "expired:a"},
		"over, only a report":       {"a allow/report key:key_1 m infer " + ended, "allow", "expired:a -> remove"},
		"over, a deny that is left": {"a deny * m infer " + ended + "\nb allow * m view,infer", "allow", "expired:a -> remove"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, c.byDefault)
			h.enforce(c.rules)
			require.Equal(t, []string{c.want}, h.found())
		})
	}
}

func TestPeopleWhoAreGone(t *testing.T) {
	h := newHouse(t, "")
	h.enforce("a allow user:usr_ana,user:usr_zoe m infer\nb allow key:key_1 m infer\nc allow user:usr_zoe n infer")
	require.Empty(t, h.found())
	h.exec(`UPDATE users SET status = 'deleted' WHERE id = 'usr_zoe'`)
	h.exec(`INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at, line) VALUES ('key_9', 'usr_ana', 'x', 'z', 'z', 'x', 1, 'key_1')`)
	h.exec(`UPDATE api_keys SET revoked_at = 1 WHERE id = 'key_1'`)
	require.ElementsMatch(t, []string{"unknown_principal:a -> change", "unknown_principal:c -> remove", "unused_key:key_9 -> revoke_key"}, h.found(), "the key was rotated: its line goes on")
	f := h.look().Items[0]
	require.Equal(t, []string{"user:deleted:usr_zoe"}, f.Names)
	require.Equal(t, "user:ana", f.Proposal.Shown.Principals[0].String())
	h.exec(`UPDATE api_keys SET revoked_at = 1 WHERE id = 'key_9'`)
	require.Contains(t, h.found(), "unknown_principal:b -> remove")
	_, err := h.Apply(t.Context(), cy(), hygiene.Order{Finding: "unknown_principal:a"})
	require.NoError(t, err)
	require.Len(t, h.guard.Rules()[0].Principals, 1)
}

func TestRulesThatDecideNothing(t *testing.T) {
	h := newHouse(t, "")
	ana := access.Principal{Kind: access.KindUser, UserID: "usr_ana", Name: "ana", Role: "reviewer"}
	h.enforce("a allow user:usr_ana m view,infer\nb allow user:usr_bo m view,infer\nc deny user:usr_bo n infer\nd allow * n view\ne deny/report * m infer")
	for range 40 {
		pass, err := h.guard.Enter(t.Context(), ana, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "m"})
		require.NoError(t, err)
		_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
		require.NoError(t, err)
		*h.clock = h.clock.Add(20 * time.Hour)
	}
	h.exec(`UPDATE api_keys SET last_used_at = ` + itoa(h.clock.UnixMilli()) + ` WHERE id = 'key_2'`)
	require.Equal(t, []string{"never_matched:b -> remove", "never_matched:c", "unused_key:key_1 -> revoke_key"}, h.found())
	items := h.look().Items
	require.Equal(t, 30, items[0].Days)
	require.Equal(t, []any{"of key_1", "ana", 33}, []any{items[2].Label, items[2].Owner, items[2].Days})
	seen := h.look().Version
	for _, c := range []struct {
		order hygiene.Order
		code  fault.Code
		field string
	}{
		{hygiene.Order{Expect: seen - 1}, fault.Stale, ""},
		{hygiene.Order{Expect: seen + 1}, fault.Stale, ""},
		{hygiene.Order{Until: h.clock.Add(time.Hour)}, fault.Invalid, "until"},
		{hygiene.Order{Note: "unused"}, fault.Invalid, "note"},
		{hygiene.Order{Days: 90}, fault.Stale, ""}, // it is used too recently for that
		{hygiene.Order{Days: 91}, fault.Invalid, "days"},
	} {
		c.order.Finding = "unused_key:key_1"
		apptest.RequireRows(t, h.db, 1, func() {
			_, err := h.Apply(t.Context(), cy(), c.order)
			require.Equal(t, c.code, fault.CodeOf(err), "%+v", c.order)
			require.Equal(t, c.field, fault.From(err).Field)
		})
	}
	require.Empty(t, h.revoked)
	_, err := h.Apply(t.Context(), cy(), hygiene.Order{Finding: "unused_key:key_1", Expect: seen})
	require.NoError(t, err)
	require.Equal(t, []string{"key_1"}, h.revoked)
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "never_matched:c"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err), "nobody removes a deny because nobody ran into it")
	h.enforce("a allow user:usr_ana m view,infer\nb allow user:usr_bo m view,infer {\"purpose\":\"required\"}")
	require.NotContains(t, h.found(), "never_matched:b -> remove", "it is new")
}

// A finding is done as it was listed: what fewer days tell is not what thirty do.
func TestApplyLooksBackAsFar(t *testing.T) {
	h := newHouse(t, "")
	h.enforce("a allow user:usr_ana m view,infer")
	*h.clock = h.clock.Add(20 * 24 * time.Hour)
	require.Empty(t, h.found())
	seen, err := h.Look(t.Context(), cy(), 7)
	require.NoError(t, err)
	require.Len(t, seen.Items, 3)
	require.Equal(t, "never_matched:a", seen.Items[0].ID)
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "never_matched:a", Expect: seen.Version})
	require.Equal(t, fault.Stale, fault.CodeOf(err), "thirty days do not tell")
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "never_matched:a", Days: 7, Expect: seen.Version})
	require.NoError(t, err)
	require.Empty(t, h.ids())
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "unused_key:key_2", Days: 7})
	require.NoError(t, err)
	require.Equal(t, []string{"key_2"}, h.revoked)
}

// A note stands in the history of rules, where it could make a line read as another.
func TestANoteIsOneThatARuleCouldHave(t *testing.T) {
	h := newHouse(t, "")
	h.enforce("a allow * m view,infer\nb allow * m infer")
	for _, note := range []string{"\u202egnihton", "a\x00b", "a\u2028b", "a\xff", strings.Repeat("字", 501)} {
		apptest.RequireRows(t, h.db, 1, func() {
			_, err := h.Apply(t.Context(), cy(), hygiene.Order{Finding: "shadowed:b", Note: note})
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", note)
			require.Equal(t, "note", fault.From(err).Field)
		})
		bo := access.Principal{Kind: access.KindUser, UserID: "usr_bo", Name: "bo", Role: "reviewer"}
		_, err := h.Apply(t.Context(), bo, hygiene.Order{Finding: "shadowed:b", Note: note})
		require.Equal(t, fault.Forbidden, fault.CodeOf(err), "the right is asked first")
	}
	_, err := h.Apply(t.Context(), cy(), hygiene.Order{Finding: "shadowed:b", Note: strings.Repeat("字", 500)})
	require.NoError(t, err)
}

func TestApply(t *testing.T) {
	h := newHouse(t, "")
	h.enforce("a allow * m view,infer\nb allow * m infer\nc allow user:usr_ana n infer {\"valid_until\":\"2026-11-25T12:00:00Z\"}")
	seen := h.look().Version
	_, err := h.Apply(t.Context(), cy(), hygiene.Order{Finding: "shadowed:a"})
	require.Equal(t, fault.Stale, fault.CodeOf(err), "it is not one")
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "shadowed:b", Until: h.clock.Add(time.Hour)})
	require.Equal(t, "until", fault.From(err).Field)
	done, err := h.Apply(t.Context(), cy(), hygiene.Order{Finding: "shadowed:b", Expect: seen})
	require.NoError(t, err)
	require.Equal(t, hygiene.Applied{Finding: "shadowed:b", Kind: "remove", Version: seen + 1}, done)
	require.Equal(t, []string{"a", "c"}, h.ids())
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "expiring:c", Expect: seen})
	require.Equal(t, fault.Stale, fault.CodeOf(err), "somebody, namely she, changed the rules since she looked")
	require.Equal(t, []string{"a", "c"}, h.ids())
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "expiring:c", Until: noon()})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = h.Apply(t.Context(), cy(), hygiene.Order{Finding: "expiring:c", Note: "the ward goes on"})
	require.NoError(t, err)
	require.Equal(t, time.Date(2027, 2, 23, 12, 0, 0, 0, time.UTC), h.guard.Rules()[1].Conditions.Until)
	page, err := h.log.List(t.Context(), audit.Filter{Actor: "cy", Decision: audit.Allow})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.Equal(t, "expiring", page.Items[0].Details["finding"])
	require.Equal(t, "rule:c", page.Items[0].Resource)
	errors, err := h.log.List(t.Context(), audit.Filter{Actor: "cy", Decision: audit.Error})
	require.NoError(t, err)
	require.Len(t, errors.Items, 4, "whatever was refused has its row")
}

func TestWhoMayLook(t *testing.T) {
	h := newHouse(t, "")
	bo := access.Principal{Kind: access.KindUser, UserID: "usr_bo", Name: "bo", Role: "reviewer"}
	_, err := h.Look(t.Context(), bo, 0)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = h.Apply(t.Context(), bo, hygiene.Order{Finding: "shadowed:a"})
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = h.Look(t.Context(), cy(), 91)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	*h.clock = h.clock.Add(40 * 24 * time.Hour)
	require.Len(t, h.found(), 2, "the two keys")
	_, _, err = h.guard.PutRole(t.Context(), access.System("t"), "ruler", access.RoleChange{Actions: []access.Action{access.ACLManage}})
	require.NoError(t, err)
	bo.Role = "ruler"
	seen, err := h.Look(t.Context(), bo, 0)
	require.NoError(t, err)
	require.Empty(t, seen.Items, "keys are for holders of key.manage")
}
