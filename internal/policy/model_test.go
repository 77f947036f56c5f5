package policy_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

func TestRulesOfAModelAreReplaced(t *testing.T) {
	h := newHouse(t)
	alice, rita := h.person(t, "alice", "admin"), h.person(t, "rita", "reviewer")
	h.group(t, "radiology")
	h.put(t, ` [{id: wide, effect: allow, principals: ["*"], models: ["m*"], operations: [view]}]`)
	require.False(t, h.may(t, rita, "m1"))

	v, err := h.PutModel(t.Context(), alice, "m1", rules(t, `[
		{"id":"hers","effect":"allow","principals":["user:rita","group:radiology"],"operations":["infer"],"owner":"user:alice","note":"for her"},
		{"effect":"deny","principals":["role:guest"],"operations":["*"]}]`), policy.Write{Note: "asked for"})
	require.NoError(t, err)
	require.Len(t, v.Own, 2)
	require.Equal(t, []string{"wide"}, ids(v.Others))
	require.Len(t, v.Change.Added, 2)
	require.Equal(t, 3, v.Change.Total)
	require.True(t, h.may(t, rita, "m1"), "in force with the answer")
	require.False(t, h.may(t, rita, "m2"))

	got, err := h.Model(t.Context(), alice, "m1")
	require.NoError(t, err)
	require.Equal(t, v.Own, got.Own)
	require.Equal(t, v.Tag, got.Tag)
	require.Equal(t, v.Version, got.Version)
	require.Nil(t, got.Change)
	require.False(t, got.FromFile)
	hers := byID(t, got.Own, "hers")
	require.Equal(t, []rule.Principal{{Kind: "group", Ref: "radiology"}, {Kind: "user", Ref: "rita"}}, hers.Principals, "by name")
	require.Equal(t, "user:alice", hers.Owner)
	require.Equal(t, []string{"m1"}, hers.Models)
	require.Equal(t, v.Version, got.About["hers"].Version)
	require.Equal(t, "admin", got.About["hers"].Origin)

	stored := byID(t, h.guard.Rules(), "hers")
	require.Equal(t, []rule.Principal{{Kind: "group", Ref: "grp_radiology"}, {Kind: "user", Ref: "usr_rita"}}, stored.Principals, "by id")
	require.Equal(t, "user:usr_alice", stored.Owner)

	v, err = h.PutModel(t.Context(), alice, "m1", nil, policy.Write{})
	require.NoError(t, err)
	require.Empty(t, v.Own)
	require.Equal(t, []string{"wide"}, ids(v.Others), "only its own go")
	require.False(t, h.may(t, rita, "m1"), "without the last allow nothing opens") // threat Z6
	row := h.last(t)
	require.Equal(t, audit.Deny, row.Decision)
}

func byID(t testing.TB, list []rule.Rule, id string) rule.Rule {
	t.Helper()
	for i := range list {
		if list[i].ID == id {
			return list[i]
		}
	}
	require.Fail(t, "no such rule", id)
	return rule.Rule{}
}

func TestWhatAModelsRulesCanNotBe(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	h.put(t, ` [{id: theirs, effect: deny, principals: ["*"], models: [m2], operations: [infer]}]`)
	before := h.whole(t)
	for name, c := range map[string]struct {
		model, rules string
		code         fault.Code
		field        string
	}{
		"unknown model":       {"m9", `[]`, fault.NotFound, ""},
		"another model":       {"m1", `[{"effect":"allow","principals":["*"],"models":["m2"],"operations":["infer"]}]`, fault.Invalid, "rules[0].models"},
		"every model":         {"m1", `[{"effect":"allow","principals":["*"],"models":["*"],"operations":["infer"]}]`, fault.Invalid, "rules[0].models"},
		"a rule of another's": {"m1", `[{"id":"theirs","effect":"allow","principals":["*"],"operations":["infer"]}]`, fault.Conflict, "rules"},
		"unknown user":        {"m1", `[{"effect":"deny","principals":["*"],"operations":["infer"]},{"effect":"allow","principals":["role:nurse","user:nobody"],"operations":["infer"]}]`, fault.Unprocessable, "rules[1].principals[1]"},
		"capital":             {"m1", `[{"effect":"allow","principals":["user:Rita"],"operations":["infer"]}]`, fault.Unprocessable, "rules[0].principals[0]"}, // threat Z7
		"look-alike":          {"m1", `[{"effect":"allow","principals":["user:rіta"],"operations":["infer"]}]`, fault.Unprocessable, "rules[0].principals[0]"},
		"an id for a name":    {"m1", `[{"effect":"allow","principals":["user:usr_rita"],"operations":["infer"]}]`, fault.Unprocessable, "rules[0].principals[0]"},
		"unknown role":        {"m1", `[{"effect":"allow","principals":["role:nobody"],"operations":["infer"]}]`, fault.Unprocessable, "rules[0].principals[0]"},
		"unknown group":       {"m1", `[{"effect":"allow","principals":["group:nobody"],"operations":["infer"]}]`, fault.Unprocessable, "rules[0].principals[0]"},
		"unknown key":         {"m1", `[{"effect":"allow","principals":["key:nobody"],"operations":["infer"]}]`, fault.Unprocessable, "rules[0].principals[0]"},
		"unknown owner":       {"m1", `[{"effect":"allow","principals":["*"],"operations":["infer"],"owner":"user:nobody"}]`, fault.Unprocessable, "rules[0].owner"},
		"somebody gone":       {"m1", `[{"effect":"allow","principals":["user:deleted:usr_rita"],"operations":["infer"]}]`, fault.Unprocessable, "rules[0].principals[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			apptest.RequireRows(t, h.db, 1, func() {
				_, err := h.PutModel(t.Context(), cli, c.model, rules(t, c.rules), policy.Write{})
				refused(t, err, c.code, c.field)
			})
			require.Equal(t, audit.Error, h.last(t).Decision)
			require.Equal(t, string(c.code), h.last(t).Details["code"])
			require.Equal(t, before, h.whole(t), "nothing was changed")
		})
	}
}

func TestAnAnswerCanBeSentBack(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	v, err := h.PutModel(t.Context(), cli, "m1", rules(t, `[{"effect":"allow","principals":["user:rita"],"operations":["view","infer"],"conditions":{"rate_limit":"100次/分钟"}}]`), policy.Write{})
	require.NoError(t, err)
	again, err := h.PutModel(t.Context(), cli, "m1", v.Own, policy.Write{IfMatch: &v.Tag})
	require.NoError(t, err)
	require.Empty(t, append(again.Change.Added, append(again.Change.Changed, again.Change.Removed...)...))
	require.Equal(t, v.Version, again.Version)
	again, err = h.PutModel(t.Context(), cli, "m1", rules(t, `[{"effect":"allow","principals":["user:rita"],"operations":["infer","view"],"conditions":{"rate_limit":"100次/分钟"}}]`), policy.Write{})
	require.NoError(t, err)
	require.Equal(t, ids(v.Own), ids(again.Own), "without an id it is the rule that says the same")
	require.Equal(t, v.Version, again.Version)
}

func TestSomebodyWhoIsGoneStopsNoChange(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	_, err := h.PutModel(t.Context(), cli, "m1", rules(t, `[{"id":"r","effect":"allow","principals":["user:rita","role:nurse"],"operations":["infer"],"owner":"user:rita"}]`), policy.Write{})
	require.NoError(t, err)
	h.exec(t, `UPDATE users SET status = 'deleted', deleted_at = 1 WHERE id = 'usr_rita'`)
	v, err := h.Model(t.Context(), cli, "m1")
	require.NoError(t, err)
	require.Equal(t, "user:deleted:usr_rita", v.Own[0].Principals[1].String())
	require.Equal(t, "user:deleted:usr_rita", v.Own[0].Owner)

	v.Own[0].Note = "her rule"
	v, err = h.PutModel(t.Context(), cli, "m1", v.Own, policy.Write{})
	require.NoError(t, err)
	require.Equal(t, []string{"r"}, v.Change.Changed)
	require.Equal(t, "usr_rita", byID(t, h.guard.Rules(), "r").Principals[1].Ref, "her id, and nobody else's")
	v.Own[0].ID = "other"
	_, err = h.PutModel(t.Context(), cli, "m1", v.Own, policy.Write{})
	refused(t, err, fault.Unprocessable, "rules[0].principals[1]")
}

func TestOlderSpelling(t *testing.T) {
	h := newHouse(t)
	older := func(text string) (policy.ModelView, error) {
		r, err := rule.ParseOlderJSON([]byte(text))
		require.NoError(t, err)
		return h.AddOlder(t.Context(), cli, r, policy.Write{})
	}
	text := `{"model":"m1","principal":{"type":"role","value":"nurse"},"operations":["infer"],"conditions":{"ip_range":["10.0.0.0/8"],"rate_limit":"100次/分钟"}}`
	v, err := older(text)
	require.NoError(t, err)
	require.Len(t, v.Own, 1)
	require.True(t, v.Own[0].Allow)
	again, err := older(text)
	require.NoError(t, err)
	require.Equal(t, ids(v.Own), ids(again.Own), "said twice is said once")
	require.Equal(t, v.Version, again.Version)
	v, err = older(`{"model":"m1","principal":{"type":"any"},"operations":["download"],"effect":"deny"}`)
	require.NoError(t, err)
	require.Len(t, v.Own, 2, "one is added, none replaced")
	_, err = older(`{"model":"m1","principal":{"type":"user","value":"nobody"},"operations":["infer"]}`)
	refused(t, err, fault.Unprocessable, "principal")
	_, err = older(`{"model":"m*","principal":{"type":"any"},"operations":["infer"]}`)
	refused(t, err, fault.NotFound, "")
}

func TestOfTwoWritersExactlyOneWins(t *testing.T) {
	h := newHouse(t)
	v, err := h.Model(t.Context(), cli, "m1")
	require.NoError(t, err)
	other, err := h.Model(t.Context(), cli, "m2")
	require.NoError(t, err)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		list := rules(t, `[{"id":"r`+string(rune('a'+i))+`","effect":"deny","principals":["*"],"operations":["infer"]}]`)
		all.Go(func() {
			_, errs[i] = h.PutModel(context.Background(), cli, "m1", list, policy.Write{IfMatch: &v.Tag})
		})
	}
	all.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
			continue
		}
		require.Equal(t, fault.Stale, fault.CodeOf(err))
	}
	require.Equal(t, 1, good)
	require.Len(t, h.guard.Rules(), 2, "and the shipped one")
	_, err = h.PutModel(t.Context(), cli, "m2", nil, policy.Write{IfMatch: &other.Tag})
	require.NoError(t, err, "another model's rules are as they were")
}

func TestATryChangesNothing(t *testing.T) {
	h := newHouse(t)
	list := rules(t, `[{"effect":"deny","principals":["*"],"operations":["infer"]}]`)
	before := h.guard.PolicyVersion()
	apptest.RequireRows(t, h.db, 1, func() {
		v, err := h.PutModel(t.Context(), cli, "m1", list, policy.Write{DryRun: true})
		require.NoError(t, err)
		require.True(t, v.Change.DryRun)
		require.Len(t, v.Change.Added, 1)
		require.Len(t, v.Own, 1, "what would stand there")
	})
	require.Equal(t, true, h.last(t).Details["dry_run"])
	require.Equal(t, before, h.guard.PolicyVersion())
	require.Len(t, h.guard.Rules(), 1, "the shipped one")
}
