package rehearsal_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rehearsal"
)

// policies are rules of every kind that a rehearsal has to tell apart.
func policies() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var lines []string
		for i := range rapid.IntRange(0, 6).Draw(t, "rules") {
			effect := rapid.SampledFrom([]string{"allow", "allow", "allow", "deny", "allow/report", "deny/report"}).Draw(t, "effect")
			who := rapid.SampledFrom([]string{"*", "role:reviewer", "user:usr_ana", "group:group_ward", "key:key_ana", "key:key_bo", "user:usr_bo"}).Draw(t, "who")
			model := rapid.SampledFrom([]string{"m", "n", "*", "m,n"}).Draw(t, "model")
			ops := rapid.SampledFrom([]string{"view,infer", "view", "infer", "*"}).Draw(t, "ops")
			conditions := []string{
				"", "", `{"ip_ranges":["10.0.0.0/8"]}`, `{"purpose":"required"}`, `{"hours":"Mon-Fri 12:00-12:05 UTC"}`,
				`{"valid_until":"2026-11-16T12:07:00Z"}`, `{"valid_from":"2026-11-16T12:03:00Z"}`,
			}
			if strings.HasPrefix(effect, "allow") {
				conditions = append(conditions, `{"rate_limit":"3/min"}`, `{"rate_limit":"6/h"}`)
			}
			lines = append(lines, fmt.Sprintf("r%d %s %s %s %s %s", i, effect, who, model, ops, rapid.SampledFrom(conditions).Draw(t, "conditions")))
		}
		return strings.Join(lines, "\n")
	})
}

type moment struct {
	after time.Duration
	try
}

func traffic() *rapid.Generator[[]moment] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) moment {
		return moment{
			time.Duration(rapid.IntRange(3, 40).Draw(t, "seconds")) * time.Second,
			try{
				who:     rapid.SampledFrom([]access.Principal{person("ana"), person("bo"), person("cy"), key("ana"), key("bo"), access.System("root")}).Draw(t, "who"),
				op:      rapid.SampledFrom([]access.Operation{access.Infer, access.Infer, access.View}).Draw(t, "op"),
				model:   rapid.SampledFrom([]string{"m", "n"}).Draw(t, "model"),
				ip:      rapid.SampledFrom([]string{"10.1.2.3", "192.0.2.7", ""}).Draw(t, "ip"),
				purpose: rapid.SampledFrom([]string{"", "ward round"}).Draw(t, "purpose"),
				items:   rapid.IntRange(0, 3).Draw(t, "items"),
			},
		}
	}), 1, 30)
}

// live is the traffic under a policy that is really in force, row by row.
func live(t testing.TB, policy string, list []moment) (*house, []audit.Use) {
	t.Helper()
	h := newHouse(t)
	h.enforce(policy)
	for _, m := range list {
		h.pass(m.after)
		h.use(m.try)
	}
	h.pass(time.Second)
	return h, h.uses()
}

// The counts of a rehearsal equal what enforcement then records on the same traffic (D1).
func TestRehearsalEqualsEnforcement(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before, after, list := policies().Draw(rt, "before"), policies().Draw(rt, "after"), traffic().Draw(rt, "traffic")
		h, was := live(t, before, list)
		_, is := live(t, after, list)
		require.Len(t, is, len(was))
		var want rehearsal.Count
		for i := range was {
			a, b := cell(was[i]), cell(is[i])
			switch {
			case !a.Allowed && b.Allowed:
				want.Gain++
			case a.Allowed && !b.Allowed:
				want.Lose++
			case a != b:
				want.Change++
			}
		}
		named := strings.NewReplacer("usr_", "", "group_", "").Replace(after)
		got, err := h.Rehearse(t.Context(), person("cy"), rehearsal.Proposal{Rules: []byte(written(named))}, 1)
		require.NoError(t, err)
		require.Equal(t, len(was), got.Rows)
		require.False(t, got.Cut)
		require.Equal(t, want, rehearsal.Count{Gain: got.Gain, Lose: got.Lose, Change: got.Change}, "%s\n-- then --\n%s", before, after)
	})
}

func cell(u audit.Use) rehearsal.Cell {
	return rehearsal.Cell{Allowed: u.Decision != audit.Deny, Reason: u.Reason, RuleID: u.RuleID}
}

func TestRehearsalSaysWhoAndWhat(t *testing.T) {
	h := newHouse(t)
	h.enforce("open allow * m view,infer")
	for _, name := range []string{"ana", "ana", "bo"} {
		h.use(try{who: person(name), op: access.Infer, model: "m", ip: "10.0.0.1"})
		h.pass(time.Minute)
	}
	h.use(try{who: person("bo"), op: access.Infer, model: "n", ip: "10.0.0.1"})
	h.pass(time.Minute)
	proposed := rehearsal.Proposal{Rules: []byte(written("ward allow group:ward m view,infer\nbo allow user:bo n view,infer"))}
	got, err := h.Rehearse(t.Context(), person("cy"), proposed, 2)
	require.NoError(t, err)
	require.Equal(t, []int{4, 1, 1, 2}, []int{got.Rows, got.Gain, got.Lose, got.Change})
	require.Equal(t, []rehearsal.Count{{ID: "usr_bo", Name: "bo", Gain: 1, Lose: 1}, {ID: "usr_ana", Name: "ana", Change: 2}}, got.People)
	require.Equal(t, []rehearsal.Count{{ID: "m", Name: "m", Lose: 1, Change: 2}, {ID: "n", Name: "n", Gain: 1}}, got.Models)
	require.Len(t, got.Samples, 4)
	require.Equal(t, rehearsal.Lose, got.Samples[0].Effect)
	require.Equal(t, "bo", got.Samples[0].Use.Actor.Name)
	require.Equal(t, rehearsal.Cell{Allowed: true, RuleID: "open"}, got.Samples[0].Before)
	require.False(t, got.Samples[0].After.Allowed)
	require.Equal(t, "10.0.0.1", got.Samples[0].Use.IP, "she holds audit.read")
	require.Equal(t, rehearsal.Day{Day: "2026-11-16", Gain: 1, Lose: 1}, got.Days[len(got.Days)-1])
	require.Len(t, got.Days, 3)
}

// Whoever writes the rules and may not read the log learns how many and how often, and not who; of a rule about one person or one
// key not with which model and when either.
func TestRehearsalTellsNobodyOfOthersWhoMayNotReadTheLog(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		for _, s := range []string{
			`INSERT INTO roles (name, builtin, created_at) VALUES ('keeper', 0, 0)`,
			`INSERT INTO casbin_rules (ptype, v0, v1) VALUES ('p', 'keeper', 'acl.manage')`,
			`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
				VALUES ('usr_dee', 'person', 'dee', 'dee', 'keeper', 'active', 0, 0)`,
		} {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, h.guard.Reload(t.Context()))
	h.enforce("open allow * m view,infer")
	h.use(try{who: key("ana"), op: access.Infer, model: "m", ip: "10.0.0.1"})
	h.use(try{who: person("bo"), op: access.Infer, model: "m", ip: "10.0.0.1"})
	h.pass(time.Minute)
	dee := access.Principal{Kind: access.KindUser, UserID: "usr_dee", Name: "dee", Role: "keeper"}
	for list, want := range map[string]struct{ lose, people int }{
		"": {2, 2},
		"one deny user:ana * view,infer\nopen allow * m view,infer":    {1, 1},
		"one deny key:key_ana * view,infer\nopen allow * m view,infer": {1, 1},
	} {
		got, err := h.Rehearse(t.Context(), dee, rehearsal.Proposal{Rules: []byte(written(list))}, 1)
		require.NoError(t, err)
		require.Equal(t, []int{2, want.lose, want.people}, []int{got.Rows, got.Lose, got.PeopleTotal})
		require.Equal(t, slices.Repeat([]rehearsal.Count{{Lose: 1}}, want.people), got.People)
		require.Equal(t, []int{0, 0, 0}, []int{len(got.Samples), len(got.Models), len(got.Days)}, list)
	}
	h.enforce("ana allow user:usr_ana m view,infer\nopen allow user:usr_bo m view,infer")
	h.use(try{who: person("ana"), op: access.Infer, model: "m", ip: "10.0.0.1"})
	h.pass(time.Minute)
	hits, err := h.Hits(t.Context(), dee, "ana", 1)
	require.NoError(t, err)
	require.Equal(t, rehearsal.Sides{Allow: 1}, hits.Decided)
	require.Equal(t, []any{0, 0, 0, time.Time{}}, []any{len(hits.Samples), len(hits.Models), len(hits.Days), hits.Last})
	hits, err = h.Hits(t.Context(), person("cy"), "ana", 1)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 2}, []int{len(hits.Samples), len(hits.Models), len(hits.Days)}, "she may read the log")
}

func TestRehearsalOfOneModelKeepsTheOthers(t *testing.T) {
	h := newHouse(t)
	h.enforce("both allow * m,n view,infer\nown deny user:usr_ana m infer")
	h.use(try{who: person("ana"), op: access.Infer, model: "m"})
	h.use(try{who: person("ana"), op: access.Infer, model: "n"})
	h.pass(time.Minute)
	got, err := h.Rehearse(t.Context(), person("cy"), rehearsal.Proposal{Model: "m", Rules: []byte(`[]`)}, 1)
	require.NoError(t, err)
	require.Equal(t, []int{1, 0, 0}, []int{got.Gain, got.Lose, got.Change}, "the rule on m alone is gone, the one on both stays")
	_, err = h.Rehearse(t.Context(), person("cy"), rehearsal.Proposal{Model: "m", Rules: []byte(written("x allow * n infer"))}, 1)
	require.Equal(t, "rules[0].models", fault.From(err).Field)
}

// What a key was kept to is read as it is now. Where its owner is deleted nobody can say, and its uses are left out: to the
// rules alone it would seem to do what its scopes refused.
func TestRehearsalLeavesOutKeysOfTheDeleted(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow * m view,infer")
	for _, u := range []try{{who: key("bo"), op: access.Infer, model: "m"}, {who: key("bo"), op: access.Infer, model: "n"}, {who: person("bo"), op: access.Infer, model: "n"}} {
		h.use(u)
	}
	h.pass(time.Minute)
	proposed := rehearsal.Proposal{Rules: []byte(written("a allow * m,n view,infer"))}
	got, err := h.Rehearse(t.Context(), person("cy"), proposed, 1)
	require.NoError(t, err)
	require.Equal(t, []int{3, 0, 1}, []int{got.Rows, got.Skipped, got.Gain})
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE users SET status = 'deleted' WHERE id = 'usr_bo'`)
		return err
	}))
	require.NoError(t, h.guard.Reload(t.Context()))
	got, err = h.Rehearse(t.Context(), person("cy"), proposed, 1)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 1}, []int{got.Rows, got.Skipped, got.Gain}, "of him as a person the rows tell all")
}

func TestRehearsalRefuses(t *testing.T) {
	h := newHouse(t)
	refused := func(p rehearsal.Proposal, days int) *fault.Error {
		_, err := h.Rehearse(t.Context(), person("cy"), p, days)
		require.Error(t, err)
		return fault.From(err)
	}
	require.Equal(t, fault.Invalid, refused(rehearsal.Proposal{Rules: []byte(`[]`)}, 91).Code)
	require.Equal(t, "rules[0].effect", refused(rehearsal.Proposal{Rules: []byte(`[{"id":"a","effect":"maybe","principals":["*"],"models":["m"],"operations":["view"]}]`)}, 1).Field)
	unknown := refused(rehearsal.Proposal{Rules: []byte(written("a allow user:nobody m view"))}, 1)
	require.Equal(t, fault.Unprocessable, unknown.Code)
	require.Equal(t, "rules[0].principals[0]", unknown.Field)
	_, err := h.Rehearse(t.Context(), person("ana"), rehearsal.Proposal{Rules: []byte(`[]`)}, 1)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	page, err := h.log.List(t.Context(), audit.Filter{Action: string(access.ACLManage), Decision: audit.Deny})
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "a refusal leaves its row; what cy asked leaves none")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	h.use(try{who: person("ana"), op: access.Infer, model: "m"})
	h.pass(time.Minute)
	_, err = h.Rehearse(gone, person("cy"), rehearsal.Proposal{Rules: []byte(`[]`)}, 1)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	_, err = h.Rehearse(t.Context(), person("cy"), rehearsal.Proposal{Rules: []byte(`[]`)}, 1)
	require.NoError(t, err, "the one that was left is over")
}

// What the server asks for its own examples is in the log, and in no figure of what people do.
func TestTheServersOwnUsesAreNobodys(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow * m view,infer")
	for _, who := range []access.Principal{access.Server("examples"), person("ana"), access.System("op")} {
		h.use(try{who: who, op: access.Infer, model: "m"})
	}
	require.Len(t, h.uses(), 3)
	h.pass(time.Minute)
	hits, err := h.Hits(t.Context(), person("cy"), "a", 14)
	require.NoError(t, err)
	for _, s := range hits.Samples {
		require.NotEqual(t, "server:examples", s.Use.Actor.Name)
	}
	r, err := h.Rehearse(t.Context(), person("cy"), rehearsal.Proposal{Rules: []byte(written("b deny * m view,infer"))}, 2)
	require.NoError(t, err)
	require.Equal(t, []int{2, 0}, []int{r.Rows, r.Skipped})
	for _, c := range r.People {
		require.NotContains(t, c.Name, "server:")
	}
}

func TestHitsOfReportOnlyRules(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow * m view,infer\nb deny/report group:group_ward m infer\nc allow/report user:usr_bo n view,infer")
	h.use(try{who: person("ana"), op: access.Infer, model: "m", ip: "10.0.0.1"})
	h.pass(time.Hour)
	h.use(try{who: person("bo"), op: access.Infer, model: "m"})
	h.use(try{who: person("bo"), op: access.Infer, model: "n"})
	h.pass(time.Hour)
	hits := func(id string) rehearsal.Hits {
		got, err := h.Hits(t.Context(), person("cy"), id, 1)
		require.NoError(t, err)
		return got
	}
	b := hits("b")
	require.Equal(t, rehearsal.Sides{Deny: 1}, b.WouldHave)
	require.Zero(t, b.Decided)
	require.Equal(t, noon(), b.Last)
	require.Equal(t, "ana", b.Samples[0].Use.Actor.Name)
	require.Equal(t, audit.Allow, b.Samples[0].Use.Decision)
	require.Equal(t, []rehearsal.HitCount{{Of: "m", Hits: 1}}, b.Models)
	require.Equal(t, rehearsal.Sides{Allow: 1}, hits("c").WouldHave)
	require.Equal(t, rehearsal.Sides{Allow: 2}, hits("a").Decided)
	require.Zero(t, hits("a' OR 1=1--").Decided)
	require.Empty(t, hits("none").Samples)
	_, err := h.Hits(t.Context(), person("bo"), "b", 1)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
}
