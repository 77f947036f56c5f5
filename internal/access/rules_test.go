package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/rule"
)

// everything permits every action to one role, so that only the rules decide.
var everything = [][2]string{{"all", "moderation.run"}, {"all", "model.view"}} //nolint:gochecknoglobals // a constant in all but type

func r(id, effect string, principals, models, operations string) access.Rule {
	return access.Rule{
		ID: id, Effect: effect, Mode: "enforce", Principals: strings.Fields(principals), Models: strings.Fields(models),
		Operations: strings.Fields(operations), Conditions: "{}",
	}
}

func with(x access.Rule, change func(*access.Rule)) access.Rule {
	change(&x)
	return x
}

func ana(change ...func(*access.Principal)) access.Principal {
	p := access.Principal{Kind: access.KindUser, UserID: "usr_ana", Name: "ana", Role: "all"}
	for _, c := range change {
		c(&p)
	}
	return p
}

func op(o access.Operation, model string) access.Op {
	return access.Op{Action: access.ModerationRun, Operation: o, Model: model}
}

func TestOrderOfEvaluation(t *testing.T) {
	g := newGate(t, "")
	opened := newGate(t, "allow")
	asKey := func(p *access.Principal) { p.Kind, p.KeyID = access.KindKey, "key_1" }
	inGroup := func(p *access.Principal) { p.Groups = []string{"radiology"} }
	conditions := func(x *access.Rule) { x.Conditions = `{"ip_ranges":["10.0.0.0/8"]}` }
	report := func(x *access.Rule) { x.Mode = "report-only" }
	cases := map[string]struct {
		p       access.Principal
		rules   []access.Rule
		want    string // allow, deny (403) or hidden (404)
		rule    string
		byAllow string // the same under acl.default allow, "" if no different
	}{
		"no rule":                   {ana(), nil, "hidden", "", "allow"},
		"allow for all":             {ana(), []access.Rule{r("a", "allow", "*", "m", "view infer")}, "allow", "a", ""},
		"allow by role":             {ana(), []access.Rule{r("a", "allow", "role:all", "m", "view infer")}, "allow", "a", ""},
		"allow by user":             {ana(), []access.Rule{r("a", "allow", "user:usr_ana", "m", "view infer")}, "allow", "a", ""},
		"allow by group":            {ana(inGroup), []access.Rule{r("a", "allow", "group:radiology", "m", "view infer")}, "allow", "a", ""},
		"not in the group":          {ana(), []access.Rule{r("a", "allow", "group:radiology", "m", "view infer")}, "hidden", "", ""},
		"a user's name is no id":    {ana(), []access.Rule{r("a", "allow", "user:ana", "m", "view infer")}, "hidden", "", ""},
		"any operation":             {ana(), []access.Rule{r("a", "allow", "*", "m", "*")}, "allow", "a", ""},
		"by pattern":                {ana(), []access.Rule{r("a", "allow", "*", "*", "*")}, "allow", "a", ""},
		"pattern that does not fit": {ana(), []access.Rule{r("a", "allow", "*", "n*", "*")}, "hidden", "", "allow"},
		"infer without view":        {ana(), []access.Rule{r("a", "allow", "*", "m", "infer")}, "hidden", "", ""},
		"view without infer":        {ana(), []access.Rule{r("a", "allow", "*", "m", "view")}, "deny", "", ""},
		"rule for somebody else":    {ana(), []access.Rule{r("a", "allow", "user:usr_bo", "m", "*")}, "hidden", "", ""},
		"deny wins":                 {ana(), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "deny", "role:all", "m", "infer")}, "deny", "b", ""},
		"deny wins whatever its id": {ana(), []access.Rule{r("z", "allow", "*", "m", "*"), r("a", "deny", "*", "m", "infer")}, "deny", "a", ""},
		"deny of view hides":        {ana(), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "deny", "*", "m", "view")}, "hidden", "", ""},
		"deny of another operation": {ana(), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "deny", "*", "m", "download")}, "allow", "a", ""},
		"deny by pattern":           {ana(), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "deny", "*", "*", "infer")}, "deny", "b", ""},
		"allow with conditions":     {ana(), []access.Rule{with(r("a", "allow", "*", "m", "*"), conditions)}, "hidden", "", ""},
		"a second allow without":    {ana(), []access.Rule{with(r("a", "allow", "*", "m", "*"), conditions), r("b", "allow", "*", "m", "*")}, "allow", "b", ""},
		"deny with conditions": {
			ana(),
			[]access.Rule{r("a", "allow", "*", "m", "*"), with(r("b", "deny", "*", "m", "infer"), conditions)},
			"deny", "b", "",
		},
		"conditions that are null":   {ana(), []access.Rule{with(r("a", "allow", "*", "m", "*"), func(x *access.Rule) { x.Conditions = "null" })}, "hidden", "", ""},
		"conditions that are a list": {ana(), []access.Rule{with(r("a", "allow", "*", "m", "*"), func(x *access.Rule) { x.Conditions = "[]" })}, "hidden", "", ""},
		"report-only allow":          {ana(), []access.Rule{with(r("a", "allow", "*", "m", "*"), report)}, "hidden", "", "allow"},
		"report-only deny":           {ana(), []access.Rule{r("a", "allow", "*", "m", "*"), with(r("b", "deny", "*", "m", "*"), report)}, "allow", "a", ""},
		"key as its owner":           {ana(asKey), []access.Rule{r("a", "allow", "user:usr_ana", "m", "*")}, "allow", "a", ""},
		"key named alone":            {ana(asKey), []access.Rule{r("a", "allow", "key:key_1", "m", "*")}, "hidden", "", ""},
		"owner and key":              {ana(asKey), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "allow", "key:key_1", "m", "*")}, "allow", "b", ""},
		"key's rule does not cover":  {ana(asKey), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "allow", "key:key_1", "m", "view")}, "deny", "", ""},
		"key's rule is unusable": {
			ana(asKey),
			[]access.Rule{r("a", "allow", "*", "m", "*"), with(r("b", "allow", "key:key_1", "m", "*"), conditions)},
			"hidden", "", "",
		},
		"another key's rule":        {ana(asKey), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "allow", "key:key_2", "m", "view")}, "allow", "a", ""},
		"key's rule for a model":    {ana(asKey), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "allow", "key:key_1", "n", "*")}, "allow", "a", ""},
		"deny for the key":          {ana(asKey), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "deny", "key:key_1", "m", "infer")}, "deny", "b", ""},
		"deny for the key only":     {ana(), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "deny", "key:key_1", "m", "infer")}, "allow", "a", ""},
		"deny for the owner":        {ana(asKey), []access.Rule{r("a", "allow", "*", "m", "*"), r("b", "deny", "user:usr_ana", "m", "infer")}, "deny", "b", ""},
		"system by default":         {access.System("root"), nil, "allow", "", ""},
		"system past others' rules": {access.System("root"), []access.Rule{r("a", "allow", "role:all", "m", "view")}, "allow", "", ""},
		"system and a deny for all": {access.System("root"), []access.Rule{r("a", "deny", "*", "m", "infer")}, "deny", "a", ""},
		"system and a deny of some": {access.System("root"), []access.Rule{r("a", "deny", "role:all", "m", "infer")}, "allow", "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, run := range []struct {
				g    gate
				want string
			}{{g, c.want}, {opened, c.byAllow}} {
				want := run.want
				if want == "" {
					want = c.want
				}
				require.NoError(t, run.g.guard.Swap(7, everything, c.rules))
				d := run.g.guard.Decide(c.p, op(access.Infer, "m"))
				require.Equal(t, want, word(d), "%+v", d)
				if want == c.want {
					require.Equal(t, c.rule, d.RuleID)
				}
			}
		})
	}
}

func word(d access.Decision) string {
	switch {
	case d.Allowed:
		return "allow"
	case d.Hidden:
		return "hidden"
	}
	return "deny"
}

func TestAdministratorsSeeEveryModelButPassTheRules(t *testing.T) {
	g := newGate(t, "")
	require.Equal(t, []string{"closed"}, g.guard.VisibleModels(user("admin"), []string{"closed"}))
	require.Empty(t, g.guard.VisibleModels(user("reviewer"), []string{"closed"}))
	d := g.guard.Decide(user("admin"), op(access.Infer, "closed"))
	require.False(t, d.Allowed)
	require.False(t, d.Hidden, "it is no secret to an administrator")
	require.True(t, g.guard.Decide(user("admin"), access.Op{Action: access.ModelView, Operation: access.View, Model: "closed"}).Allowed)
	require.Equal(t, []string{"guard-nano"}, g.guard.VisibleModels(user("reviewer"), []string{"x", "guard-nano", "y"}))
}

// oracle decides one operation as api.md's text says, rule by rule and without any index.
func oracle(rules []access.Rule, p access.Principal, o access.Operation, model string, byDefault bool) bool {
	named := func(x access.Rule, face string) bool { return slices.Contains(x.Principals, face) }
	concerns := func(x access.Rule) bool {
		return x.Mode == "enforce" && slices.ContainsFunc(x.Models, func(m string) bool { return rule.Match(m, model) })
	}
	covers := func(x access.Rule) bool {
		return slices.Contains(x.Operations, "*") || slices.Contains(x.Operations, string(o))
	}
	owner := func(x access.Rule) bool {
		return named(x, "*") || named(x, "role:"+p.Role) || named(x, "user:"+p.UserID)
	}
	asKey := func(x access.Rule) bool { return p.KeyID != "" && named(x, "key:"+p.KeyID) }
	anyRule, ownerAllowed, keyNamed, keyAllowed := false, false, false, false
	for _, x := range rules {
		if !concerns(x) {
			continue
		}
		anyRule = true
		usable := x.Conditions == "{}"
		if x.Effect == "deny" && usable && covers(x) && (owner(x) || asKey(x)) {
			return false
		}
		if x.Effect == "allow" {
			keyNamed = keyNamed || asKey(x)
			ownerAllowed = ownerAllowed || (usable && covers(x) && owner(x))
			keyAllowed = keyAllowed || (usable && covers(x) && asKey(x))
		}
	}
	return (ownerAllowed || (!anyRule && byDefault)) && (!keyNamed || keyAllowed)
}

func some(t *rapid.T, label string, from ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 3, rapid.ID[string]).Draw(t, label)
}

func drawRules(t *rapid.T) []access.Rule {
	n := rapid.IntRange(0, 8).Draw(t, "rules")
	out := make([]access.Rule, n)
	for i := range out {
		out[i] = access.Rule{
			ID: fmt.Sprintf("%02d", i), Effect: rapid.SampledFrom([]string{"allow", "allow", "deny"}).Draw(t, "effect"),
			Mode:       rapid.SampledFrom([]string{"enforce", "enforce", "enforce", "report-only"}).Draw(t, "mode"),
			Principals: some(t, "principals", "*", "role:all", "role:none", "user:usr_ana", "user:usr_bo", "key:key_1", "key:key_2"),
			Models:     some(t, "models", "m1", "m2", "m*", "*", "*2", "x"),
			Operations: some(t, "operations", "view", "infer", "train", "download", "*"),
			Conditions: rapid.SampledFrom([]string{"{}", "{}", "{}", `{"purpose":"required"}`}).Draw(t, "conditions"),
		}
	}
	return out
}

func drawPrincipal(t *rapid.T) access.Principal {
	p := access.Principal{
		Kind: access.KindUser, Role: "all",
		UserID: rapid.SampledFrom([]string{"usr_ana", "usr_bo", "usr_cy"}).Draw(t, "user"),
	}
	if k := rapid.SampledFrom([]string{"", "key_1", "key_3"}).Draw(t, "key"); k != "" {
		p.Kind, p.KeyID = access.KindKey, k
	}
	return p
}

func eachUse(fn func(o access.Operation, model string)) {
	for _, o := range []access.Operation{access.View, access.Infer, access.Train, access.Download} {
		for _, m := range []string{"m1", "m2", "x", "unknown"} {
			fn(o, m)
		}
	}
}

func TestEvaluatorAgreesWithTheText(t *testing.T) {
	for _, def := range []string{"deny", "allow"} {
		t.Run(def, func(t *testing.T) {
			g := newGate(t, def)
			allowed := 0
			rapid.Check(t, func(t *rapid.T) {
				rules, p := drawRules(t), drawPrincipal(t)
				if err := g.guard.Swap(1, everything, rules); err != nil {
					t.Fatal(err)
				}
				eachUse(func(o access.Operation, m string) {
					view := oracle(rules, p, access.View, m, def == "allow")
					want := view && oracle(rules, p, o, m, def == "allow")
					d := g.guard.Decide(p, op(o, m))
					if d.Allowed != want || d.Hidden == view {
						t.Fatalf("%s %s: %+v, the text says allowed %v, visible %v", o, m, d, want, view)
					}
					if visible := len(g.guard.VisibleModels(p, []string{m})) == 1; visible != view {
						t.Fatalf("%s listed %v, the text says %v", m, visible, view)
					}
					if d.Allowed {
						allowed++
					}
				})
			})
			require.Positive(t, allowed)
		})
	}
}

// threat Z6
func TestRulesNeverFailOpen(t *testing.T) {
	g := newGate(t, "")
	uses := func(rules []access.Rule, p access.Principal) map[string]bool {
		require.NoError(t, g.guard.Swap(1, everything, rules))
		out := map[string]bool{}
		eachUse(func(o access.Operation, m string) { out[string(o)+" "+m] = g.guard.Decide(p, op(o, m)).Allowed })
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		rules, p := drawRules(t), drawPrincipal(t)
		before := uses(rules, p)

		deny := r("deny", "deny", "*", "*", "infer")
		deny.Principals = some(t, "denied", "*", "role:all", "user:usr_ana", "key:key_1")
		deny.Models = some(t, "denied models", "m1", "m*", "*")
		deny.Operations = some(t, "denied operations", "view", "infer", "*")
		for use, allowed := range uses(append(slices.Clone(rules), deny), p) {
			if allowed && !before[use] {
				t.Fatalf("a deny opened %s", use)
			}
		}

		o := rapid.SampledFrom([]string{"view", "infer", "train", "download"}).Draw(t, "allowed operation")
		for use, allowed := range uses(append(slices.Clone(rules), r("allow", "allow", "*", "m1", o)), p) {
			// `view` is what makes answers about its model other than 404: it lets the model's other rules show, no other model's.
			other := !strings.HasSuffix(use, " m1") || (o != "view" && !strings.HasPrefix(use, o+" "))
			if allowed && !before[use] && other {
				t.Fatalf("an allow of %s on m1 opened %s", o, use)
			}
		}

		for i := range rules {
			left := append(slices.Clone(rules[:i]), rules[i+1:]...)
			if rules[i].Effect == "deny" || slices.ContainsFunc(rules[i].Principals, func(s string) bool { return strings.HasPrefix(s, "key:") }) {
				continue // taking those away is meant to open
			}
			for use, allowed := range uses(left, p) {
				if allowed && !before[use] {
					t.Fatalf("deleting an allow opened %s", use)
				}
			}
		}
		for use, allowed := range uses(nil, p) {
			if allowed {
				t.Fatalf("deleting the last rule opened %s", use)
			}
		}
	})
}

// threat Z6
func TestTheOrderOfRulesSaysNothing(t *testing.T) {
	g := newGate(t, "")
	rapid.Check(t, func(t *rapid.T) {
		rules, p := drawRules(t), drawPrincipal(t)
		if err := g.guard.Swap(1, everything, rules); err != nil {
			t.Fatal(err)
		}
		before := map[string]access.Decision{}
		eachUse(func(o access.Operation, m string) { before[string(o)+" "+m] = g.guard.Decide(p, op(o, m)) })
		if err := g.guard.Swap(1, everything, rapid.Permutation(rules).Draw(t, "order")); err != nil {
			t.Fatal(err)
		}
		eachUse(func(o access.Operation, m string) {
			if d := g.guard.Decide(p, op(o, m)); fmt.Sprint(d) != fmt.Sprint(before[string(o)+" "+m]) {
				t.Fatalf("%s %s: %+v in one order, %+v in another", o, m, before[string(o)+" "+m], d)
			}
		})
	})
}

// threat K1: a key never may what its owner may not, whatever its scopes and whatever rules name it.
func TestAKeyNeverExceedsItsOwner(t *testing.T) {
	g := newGate(t, "")
	rapid.Check(t, func(t *rapid.T) {
		rules, p := drawRules(t), drawPrincipal(t)
		owner := p
		owner.Kind, owner.KeyID = access.KindUser, ""
		p.Kind, p.KeyID = access.KindKey, "key_1"
		p.KeyModels = rapid.SampledFrom([][]string{nil, {"m1"}, {"m*", "x"}, {"*"}}).Draw(t, "models")
		p.KeyOperations = rapid.SampledFrom([][]string{nil, {"infer"}, {"view", "infer"}, {"*"}}).Draw(t, "operations")
		if err := g.guard.Swap(1, everything, rules); err != nil {
			t.Fatal(err)
		}
		eachUse(func(o access.Operation, m string) {
			if g.guard.Decide(p, op(o, m)).Allowed && !g.guard.Decide(owner, op(o, m)).Allowed {
				t.Fatalf("the key may %s %s and its owner may not", o, m)
			}
			if len(g.guard.VisibleModels(p, []string{m})) > len(g.guard.VisibleModels(owner, []string{m})) {
				t.Fatalf("the key sees %s and its owner does not", m)
			}
		})
		for _, a := range access.AllActions() {
			if g.guard.Can(p, a) && !g.guard.Can(owner, a) {
				t.Fatalf("the key may %s and its owner may not", a)
			}
		}
	})
}
