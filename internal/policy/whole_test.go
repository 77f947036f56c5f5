package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

func TestWhatIsExportedIsImportedAsItWas(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	h.group(t, "radiology")
	h.put(t, `
  - id: a
    effect: allow
    principals: ["role:nurse", "user:rita", "group:radiology"]
    models: [m1, "qwen3guard-*"]
    operations: [view, infer]
    conditions: {ip_ranges: [10.0.0.0/8, "fd00::/8"], rate_limit: 100req/min, valid_until: 2030-12-31T23:59:59Z, hours: "Mon-Fri 08:00-18:00 Asia/Shanghai", purpose: required}
    mode: report-only
    note: ward tablets
    owner: user:rita
`)
	text := h.whole(t)
	f, err := rule.ParseFile([]byte(text))
	require.NoError(t, err)
	c, err := h.PutPolicy(t.Context(), cli, f, policy.Write{})
	require.NoError(t, err)
	require.Empty(t, append(c.Added, append(c.Changed, c.Removed...)...))
	require.Equal(t, text, h.whole(t))
	w, err := h.Policy(t.Context(), cli)
	require.NoError(t, err)
	require.Equal(t, c.Tag, w.Tag)
	require.Empty(t, w.Default)
}

func TestAPolicyIsTakenWholeOrNotAtAll(t *testing.T) {
	h := newHouse(t)
	h.person(t, "rita", "reviewer")
	h.put(t, ruleA)
	before := h.whole(t)
	_, err := h.PutPolicy(t.Context(), cli, file(t, ruleB+"\n  - {id: x, effect: allow, principals: [\"user:nobody\"], models: [m1], operations: [infer]}"), policy.Write{})
	refused(t, err, fault.Unprocessable, "rules[1].principals[0]")
	f := file(t, ruleB)
	f.Default = "allow"
	_, err = h.PutPolicy(t.Context(), cli, f, policy.Write{})
	refused(t, err, fault.Conflict, "default")
	f.Rules = append(f.Rules, f.Rules[0])
	f.Default = "deny"
	_, err = h.PutPolicy(t.Context(), cli, f, policy.Write{})
	refused(t, err, fault.Invalid, "rules[1].id")
	tag := int64(7)
	_, err = h.PutPolicy(t.Context(), cli, file(t, ruleB), policy.Write{IfMatch: &tag})
	refused(t, err, fault.Stale, "")
	require.Equal(t, before, h.whole(t))
}

// More rules than a file takes are refused in one sentence, wherever they come from.
func TestTooManyRulesAreRefused(t *testing.T) {
	h := newHouse(t)
	before := h.whole(t)
	var many strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&many, "\n  - {id: r%d, effect: deny, principals: [\"*\"], models: [m1], operations: [infer]}", i)
	}
	_, err := rule.ParseFile([]byte("version: 1\nrules:" + many.String()))
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	f := rule.File{Rules: make([]rule.Rule, rule.MaxRules+1)}
	for i := range f.Rules {
		f.Rules[i] = rule.Rule{ID: fmt.Sprint("r", i), Principals: []rule.Principal{{Kind: rule.KindAny}}, Models: []string{"m1"}, Operations: []rule.Operation{rule.Infer}}
	}
	_, err = h.PutPolicy(t.Context(), cli, f, policy.Write{})
	refused(t, err, fault.Invalid, "rules")
	require.Equal(t, before, h.whole(t))

	f.Rules = f.Rules[1:]
	c, err := h.PutPolicy(t.Context(), cli, f, policy.Write{})
	require.NoError(t, err)
	require.Len(t, c.Added, rule.MaxRules)
	_, err = h.PutModel(t.Context(), cli, "m2", rules(t, `[{"effect":"deny","principals":["*"],"operations":["infer"]}]`), policy.Write{})
	refused(t, err, fault.Invalid, "rules")
}

func TestARuleThatCanNotBeReadIsShownAsWhatCounts(t *testing.T) {
	h := newHouse(t)
	h.exec(t, `INSERT INTO acl_rules (id, effect, mode, conditions, origin, created_at, updated_at) VALUES ('new', 'allow', 'enforce', '{"moon":"full"}', 'admin', 1, 1)`)
	h.exec(t, `INSERT INTO acl_rule_principals VALUES ('new', 'role', 'nurse')`)
	h.exec(t, `INSERT INTO acl_rule_models VALUES ('new', 'm1')`)
	h.exec(t, `INSERT INTO acl_rule_operations VALUES ('new', 'infer')`)
	require.NoError(t, h.guard.Reload(t.Context()))
	v, err := h.Model(t.Context(), cli, "m1")
	require.NoError(t, err)
	require.Equal(t, []string{"new"}, ids(v.Own))
	require.False(t, v.About["new"].Readable)
	text, err := policy.JSON(v.Own[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"new","effect":"allow","principals":["role:nurse"],"models":["m1"],"operations":[],"conditions":{},"mode":"enforce","note":"","owner":""}`, string(text))
	w, err := h.Policy(t.Context(), cli)
	require.NoError(t, err)
	require.Equal(t, []string{"new"}, w.Lost)
	_, _, err = h.Create(t.Context(), cli, one(t, `{"effect":"deny","principals":["*"],"models":["m2"],"operations":["infer"]}`), policy.Write{})
	require.NoError(t, err, "it stops no other change")
	require.NoError(t, h.Delete(t.Context(), cli, "new", policy.Write{}))
	list, _, err := h.Versions(t.Context(), cli, policy.VersionFilter{})
	require.NoError(t, err)
	_, err = h.Undo(t.Context(), cli, list[0].Version, policy.Write{})
	refused(t, err, fault.Conflict, "version")
}
