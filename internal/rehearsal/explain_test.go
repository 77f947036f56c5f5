package rehearsal_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/rehearsal"
)

func (h *house) ask(caller access.Principal, q rehearsal.Query) rehearsal.Explanation {
	h.t.Helper()
	e, err := h.Explain(h.t.Context(), caller, q)
	require.NoError(h.t, err)
	return e
}

func outcomes(e rehearsal.Explanation) string {
	var out []string
	for _, s := range e.Steps {
		out = append(out, s.Name+"="+s.Outcome)
	}
	return strings.Join(out, " ")
}

// reading is the rule of the console's picture: reviewers from one network, in the hours, with a purpose.
const reading = `
no-remote deny * m * {"ip_ranges":["10.99.0.0/16"]}
reading allow role:reviewer m view,infer {"ip_ranges":["10.20.0.0/16"],"hours":"Mon-Fri 07:00-20:00 UTC","purpose":"required"}
on-call allow/report group:group_ward m view,infer`

func TestExplainNamesTheNearestConditionAndWhatWouldPass(t *testing.T) {
	h := newHouse(t)
	h.enforce(reading)
	saturday := time.Date(2026, 11, 21, 14, 2, 0, 0, time.UTC)
	q := rehearsal.Query{Principal: "user:ana", Model: "m", Operation: access.Infer, IP: netip.MustParseAddr("10.20.4.17"), At: saturday, Purpose: "x"}
	e := h.ask(person("cy"), q)
	require.False(t, e.Allowed)
	require.Equal(t, 404, e.Status, "the same rule gives the view")
	require.Equal(t, "hours", e.Failing.Condition)
	require.Equal(t, "reading", e.Failing.RuleID)
	monday := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	require.Equal(t, monday, e.Next["reading"]["hours"].UTC())
	require.Equal(t, "role=pass key_scope=skipped model=pass visible=fail matched=note deny=pass allow=fail key_rule=skipped default=skipped report_only=note", outcomes(e))
	require.Len(t, e.Ways, 2)
	require.Equal(t, rehearsal.ByConditions, e.Ways[0].Kind)
	require.Equal(t, monday, e.Ways[0].At)
	require.Equal(t, rehearsal.Way{Kind: rehearsal.IfEnforced, RuleID: "on-call", Text: "if on-call were enforced"}, e.Ways[1])
	q.At = monday
	require.True(t, h.ask(person("cy"), q).Allowed)

	q.IP, q.Purpose = netip.MustParseAddr("10.99.0.1"), ""
	e = h.ask(person("cy"), q)
	require.Equal(t, "no-remote", e.Explanation.Decision.RuleID)
	require.Contains(t, outcomes(e), "deny=fail")
	require.Len(t, e.Ways, 1, "without the deny it is refused for its address and purpose all the same: %+v", e.Ways)
	require.Equal(t, "10.20.0.1", e.Ways[0].IP.String())
	require.True(t, e.Ways[0].Purpose)
}

func TestExplainProposedRules(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow user:usr_bo m view,infer")
	q := rehearsal.Query{Principal: "user:ana", Model: "m", Operation: access.Infer}
	require.Equal(t, 404, h.ask(person("cy"), q).Status)
	q.Proposal = rehearsal.Proposal{Given: true, Model: "m", Rules: []byte(`[{"effect":"allow","principals":["group:ward"],"operations":["view","infer"]}]`)}
	e := h.ask(person("cy"), q)
	require.True(t, e.Allowed)
	require.True(t, e.Proposed)
	require.Equal(t, "new-1", e.RuleID)
	q.Proposal = rehearsal.Proposal{Given: true, Rules: []byte(`[]`), Default: "allow"}
	require.True(t, h.ask(person("cy"), q).Allowed)
	q.Proposal.Default = ""
	require.Contains(t, outcomes(h.ask(person("cy"), q)), "default=fail")
}

func TestExplainStepsNameTheRuleThatDecided(t *testing.T) {
	h := newHouse(t)
	step := func(e rehearsal.Explanation, name string) string {
		for _, s := range e.Steps {
			if s.Name == name {
				return s.RuleID
			}
		}
		return ""
	}
	// An allow without a rate decides before one that counts, whatever their ids.
	h.enforce(`
a-rated allow role:reviewer m view,infer {"rate_limit":"30req/min"}
b-free allow user:usr_ana m view,infer`)
	e := h.ask(person("cy"), rehearsal.Query{Principal: "user:ana", Model: "m", Operation: access.Infer})
	require.True(t, e.Allowed)
	require.Equal(t, "b-free", e.RuleID)
	require.Equal(t, "b-free", step(e, rehearsal.StepAllow))
	// Where the key's own rule decides, the owner's stays the one that let the owner in.
	h.enforce(`
a-rated allow role:reviewer m view,infer {"rate_limit":"30req/min"}
b-free allow user:usr_ana m view,infer
c-rated allow key:key_ana m view,infer {"rate_limit":"30req/min"}
d-free allow key:key_ana m view,infer`)
	e = h.ask(person("cy"), rehearsal.Query{Principal: "key:key_ana", Model: "m", Operation: access.Infer})
	require.True(t, e.Allowed)
	require.Equal(t, "d-free", e.RuleID)
	require.Equal(t, "b-free", step(e, rehearsal.StepAllow))
	require.Equal(t, "d-free", step(e, rehearsal.StepKeyRule))
}

func TestExplainKeysAndGroups(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow * m,n view,infer\nb allow key:key_ana m view,infer {\"ip_ranges\":[\"10.0.0.0/8\"]}")
	e := h.ask(person("cy"), rehearsal.Query{Principal: "key:key_ana", Model: "m", Operation: access.Infer})
	require.Equal(t, "condition_ip_ranges", e.Explanation.Decision.Reason)
	require.Contains(t, outcomes(e), "allow=pass key_rule=fail")
	require.Equal(t, "10.0.0.1", e.Ways[0].IP.String())
	e = h.ask(person("cy"), rehearsal.Query{Principal: "key:key_bo", Model: "n", Operation: access.Infer})
	require.Equal(t, 404, e.Status)
	require.Contains(t, outcomes(e), "key_scope=fail")
	require.Empty(t, e.Ways, "no rule helps a key beyond its scopes")
	e = h.ask(person("cy"), rehearsal.Query{Principal: "group:ward", Model: "m", Operation: access.Infer})
	require.True(t, e.Allowed)
	require.Contains(t, outcomes(e), "role=skipped")
	e = h.ask(person("cy"), rehearsal.Query{Principal: "role:nurse", Model: "m", Operation: access.Infer})
	require.Equal(t, []any{403, "role"}, []any{e.Status, e.Reason})
	require.Empty(t, e.Ways)
}

// Whoever asks about himself learns the decision and the plain reason, and of a hidden model nothing at all (D1).
func TestExplainForOneself(t *testing.T) {
	h := newHouse(t)
	h.enforce(reading + "\nopen allow * n view\nhidden deny user:usr_ana guard-nano *")
	rows := apptestRows(h)
	e := h.ask(person("ana"), rehearsal.Query{Model: "n", Operation: access.Infer})
	require.True(t, e.Safe)
	require.Equal(t, []any{false, 403, "", "no_rule_allows"}, []any{e.Allowed, e.Status, e.RuleID, e.Reason})
	require.Empty(t, e.Steps)
	require.Empty(t, e.Explanation.Considered)
	require.Nil(t, e.Failing)
	for _, op := range rehearsal.Operations() {
		answers := map[string]rehearsal.Explanation{}
		for _, model := range []string{"guard-nano", "never-was", "alias-of-guard-nano"} {
			e := h.ask(person("ana"), rehearsal.Query{Model: model, Operation: op})
			require.Equal(t, model, e.Model)
			e.Model = ""
			answers[model] = e
		}
		require.Equal(t, answers["never-was"], answers["guard-nano"])
		require.Equal(t, answers["never-was"], answers["alias-of-guard-nano"])
		require.Equal(t, "unknown_model", answers["never-was"].Reason)
	}
	require.Equal(t, rows, apptestRows(h), "asking about oneself leaves no row")
	e = h.ask(key("ana"), rehearsal.Query{Principal: "key:key_ana", Model: "n", Operation: access.View})
	require.True(t, e.Allowed)
	require.True(t, h.ask(person("ana"), rehearsal.Query{Principal: "key:key_ana", Model: "n", Operation: access.View}).Allowed, "a key of her own")

	for name, q := range map[string]rehearsal.Query{
		"another person":      {Principal: "user:bo"},
		"nobody":              {Principal: "user:nobody"},
		"another's key":       {Principal: "key:key_bo"},
		"no key":              {Principal: "key:none"},
		"a role":              {Principal: "role:reviewer"},
		"another address":     {IP: netip.MustParseAddr("10.20.0.1")},
		"rules of her making": {Proposal: rehearsal.Proposal{Given: true, Rules: []byte("[]")}},
	} {
		q.Model, q.Operation = "n", access.View
		_, err := h.Explain(t.Context(), person("ana"), q)
		require.Equal(t, fault.Forbidden, fault.CodeOf(err), name)
		require.Equal(t, "Your role or key does not allow this.", fault.From(err).Message, name)
	}
	page, err := h.log.List(t.Context(), audit.Filter{Decision: audit.Deny})
	require.NoError(t, err)
	require.Len(t, page.Items, 7)
}

func TestExplainUnknowns(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow * * view,infer")
	e := h.ask(person("cy"), rehearsal.Query{Principal: "user:ana", Model: "never-was", Operation: access.Infer})
	require.Equal(t, []any{404, "unknown_model", true}, []any{e.Status, e.Reason, e.Unknown})
	require.Contains(t, outcomes(e), "model=fail")
	for _, named := range []string{"user:nobody", "key:none", "*"} {
		_, err := h.Explain(t.Context(), person("cy"), rehearsal.Query{Principal: named, Model: "m", Operation: access.Infer})
		require.Equal(t, fault.Unprocessable, fault.CodeOf(err), named)
		require.Equal(t, "principal", fault.From(err).Field, named)
	}
	_, err := h.Explain(t.Context(), person("cy"), rehearsal.Query{Principal: "ana", Model: "m", Operation: access.Infer})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

// Every way that an explanation names is one: the use passes when it is taken. And what it says is what the gate does.
func TestWaysPass(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		policy := policies().Draw(rt, "policy")
		h.enforce(policy)
		q := rehearsal.Query{
			Principal: rapid.SampledFrom([]string{"user:ana", "user:bo", "key:key_ana", "key:key_bo", "role:reviewer", "group:ward"}).Draw(rt, "who"),
			Model:     rapid.SampledFrom([]string{"m", "n"}).Draw(rt, "model"), Operation: rapid.SampledFrom([]access.Operation{access.Infer, access.View}).Draw(rt, "op"),
			At: noon().Add(time.Duration(rapid.IntRange(-60, 600).Draw(rt, "minutes")) * time.Minute),
		}
		if rapid.Bool().Draw(rt, "inside") {
			q.IP = netip.MustParseAddr("10.3.2.1")
		}
		e := h.ask(person("cy"), q)
		require.Equal(t, e.Allowed, e.Status == 200)
		for _, w := range e.Ways {
			with, rules := q, policy
			if !w.At.IsZero() {
				with.At = w.At
			}
			if w.IP.IsValid() {
				with.IP = w.IP
			}
			if w.Purpose {
				with.Purpose = "because"
			}
			switch w.Kind {
			case rehearsal.IfEnforced:
				rules = strings.Replace(policy, w.RuleID+" allow/report", w.RuleID+" allow", 1)
			case rehearsal.WithoutDeny:
				var kept []string
				for line := range strings.SplitSeq(policy, "\n") {
					if !strings.HasPrefix(line, w.RuleID+" ") {
						kept = append(kept, line)
					}
				}
				rules = strings.Join(kept, "\n")
			}
			h.enforce(rules)
			require.True(t, h.ask(person("cy"), with).Allowed, "%+v of %s under\n%s", w, q.Principal, policy)
			h.enforce(policy)
		}
	})
}

func TestWhatSomebodyCan(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow role:reviewer m view,infer\nb allow * n view\nc deny user:usr_bo m infer")
	got, err := h.Can(t.Context(), person("cy"), rehearsal.Query{Principal: "user:bo"})
	require.NoError(t, err)
	require.Equal(t, []string{"m", "n", "guard-nano"}, []string{got.Models[0].ID, got.Models[1].ID, got.Models[2].ID})
	require.Equal(t, rehearsal.Cell{Allowed: true, RuleID: "a"}, got.Models[0].Cells[0])
	require.Equal(t, rehearsal.Cell{Reason: "rule_denies", RuleID: "c"}, got.Models[0].Cells[1])
	require.Equal(t, rehearsal.Cell{Reason: "not_visible"}, got.Models[2].Cells[1])
	own, err := h.Can(t.Context(), person("bo"), rehearsal.Query{})
	require.NoError(t, err)
	require.Len(t, own.Models, 2, "she is told of no model that she may not see")
	require.Equal(t, rehearsal.Cell{Reason: "rule_denies"}, own.Models[0].Cells[1], "and of no rule")
	_, err = h.Can(t.Context(), person("bo"), rehearsal.Query{Principal: "user:ana"})
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
}

func apptestRows(h *house) int64 {
	seq, _, _, err := h.log.Head(h.t.Context())
	require.NoError(h.t, err)
	return seq
}
