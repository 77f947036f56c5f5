package rule_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

const oneRule = "- {id: a, effect: allow, principals: ['*'], models: [m], operations: [view]}\n"

func TestParseFileRefusesWithTheLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":            {"", "empty"},
		"a comment":          {"# rules\n", "empty"},
		"null":               {"null\n", "must be an object"},
		"no version":         {"rules: []\n", "version: must be 1"},
		"version 2":          {"version: 2\nrules: []\n", "version: must be 1"},
		"version as text":    {"version: '1'\nrules: []\n", "version: must be 1"},
		"version 1.0":        {"version: 1.0\nrules: []\n", "version: must be 1"},
		"no rules":           {"version: 1\n", "rules: must be there"},
		"rules null":         {"version: 1\nrules:\n", "line 2: rules: must be a list"},
		"unknown field":      {"version: 1\nrules: []\nmode: enforce\n", `line 3: the field "mode" is unknown`},
		"default":            {"version: 1\ndefault: open\nrules: []\n", "line 2: default: must be deny or allow"},
		"no id":              {"version: 1\nrules:\n- {effect: allow, principals: ['*'], models: [m], operations: [view]}\n", "line 3: rules[0].id: must be there"},
		"no models":          {"version: 1\nrules:\n- {id: a, effect: allow, principals: ['*'], operations: [view]}\n", "line 3: rules[0].models: must be there"},
		"same id":            {"version: 1\nrules:\n" + oneRule + oneRule, "line 4: rules[1].id: the rule of line 3 has the same id"},
		"unknown in a rule":  {"version: 1\nrules:\n- id: a\n  efect: deny\n", `line 4: rules[0]: the field "efect" is unknown`},
		"twice":              {"version: 1\nrules:\n- id: a\n  id: b\n", `line 4: the field "id" stands there twice`},
		"number as id":       {"version: 1\nrules:\n" + strings.Replace(oneRule, "id: a", "id: 12", 1), "line 3: rules[0].id: must be a text"},
		"two documents":      {"version: 1\nrules: []\n---\nversion: 1\nrules: []\n", "more than one document"},
		"broken second":      {"version: 1\nrules: []\n---\n{", "more than one document"},
		"no YAML":            {"version: 1\nrules: [\n", "no valid YAML"},
		"a tab":              {"version: 1\nrules:\n\t- id: a\n", "line 3: this is no valid YAML"},
		"cut in a rule":      {contract[:len(contract)-150], ""},
		"tag":                {"version: 1\nrules:\n- {id: !!str a}\n", "line 3: tags are not read here"},
		"binary":             {"version: 1\nrules:\n- {id: !!binary YQ==}\n", "line 3: tags are not read here"},
		"own tag":            {"version: !x 1\nrules: []\n", "line 1: tags are not read here"},
		"anchor":             {"version: 1\nrules: &a []\n", "line 2: anchors and aliases are not read here"},
		"alias":              {"version: &v 1\nrules: [*v]\n", "line 1: anchors and aliases are not read here"},
		"merge":              {"version: 1\nrules:\n- {<<: {id: a}}\n", "line 3: a field's name must be a text"},
		"list as a key":      {"version: 1\n? [a]\n: b\n", "line 2: a field's name must be a text"},
		"NUL":                {"version: 1\x00\nrules: []\n", "no UTF-8"},
		"UTF-16":             {"\xff\xfev\x00", "no UTF-8"},
		"Latin-1":            {"version: 1\nrules: [] # \xe9\n", "no UTF-8"},
		"unquoted star":      {"version: 1\nrules:\n- {id: a, effect: allow, principals: [*], models: [m], operations: [view]}\n", "no valid YAML"},
		"deny with a rate":   {"version: 1\nrules:\n- {id: a, effect: deny, principals: ['*'], models: [m], operations: [view], conditions: {rate_limit: 1/s}}\n", "line 3: rules[0].conditions.rate_limit: a rule that denies has no rate"},
		"bad rate":           {"version: 1\nrules:\n- id: a\n  effect: allow\n  principals: ['*']\n  models: [m]\n  operations: [view]\n  conditions:\n    rate_limit: 10 per min\n", "line 9: rules[0].conditions.rate_limit: must be a rate"},
		"yes for a mode":     {"version: 1\nrules:\n- id: a\n  mode: true\n", ""},
		"sexagesimal number": {"version: 1\nrules:\n- {id: a, effect: allow, principals: ['*'], models: [m], operations: [view], conditions: {hours: 08:00}}\n", "hours"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := rule.ParseFile([]byte(c.text))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, rule.File{}, f, "nothing of a refused file is left")
			require.Less(t, len(fault.From(err).Message), 300)
		})
	}
}

func TestParseFileTakesWhatPeopleWrite(t *testing.T) {
	for name, text := range map[string]string{
		"no rules":     "version: 1\nrules: []\n",
		"JSON":         `{"version":1,"rules":[{"id":"a","effect":"allow","principals":["*"],"models":["m"],"operations":["view"]}]}`,
		"a mark first": "\ufeffversion: 1\nrules: []\n",
		"Windows":      "version: 1\r\nrules:\r\n" + strings.ReplaceAll(oneRule, "\n", "\r\n"),
		"a begin":      "%YAML 1.1\n---\nversion: 1\nrules: []\n...\n",
	} {
		_, err := rule.ParseFile([]byte(text))
		require.NoError(t, err, name)
	}
}

// None of them may take long or much: each is refused before or while it is read.
func TestYAMLBombs(t *testing.T) {
	laughs := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	for name, text := range map[string]string{
		"billion laughs":   laughs,
		"recursive alias":  "version: 1\nrules: &r [*r]\n",
		"merges":           "a: &a {b: 1}\nc: {<<: [*a,*a,*a]}\n",
		"deep flow":        strings.Repeat("[", 200_000),
		"deep flow shut":   strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"deep maps":        strings.Repeat("{a: ", 5000),
		"deep block":       strings.Repeat("- ", 100_000) + "a",
		"deep keys":        strings.Repeat("? ", 100_000) + "a",
		"many commas":      "[" + strings.Repeat(",", 4<<20) + "]",
		"many values":      "[" + strings.Repeat("a,", 2<<20) + "]",
		"many lines":       strings.Repeat("- a\n", 1<<20),
		"strange lines":    strings.Repeat("- a\u2028", 1<<20),
		"many documents":   strings.Repeat("---\n", 1<<20),
		"large":            "version: 1 #" + strings.Repeat("a", 8<<20),
		"one long scalar":  "version: 1\nrules: [" + strings.Repeat("a", 7<<20) + "]\n",
		"one long comment": "version: 1 # " + strings.Repeat("#", 7<<20),
		"many keys":        keys(100_000),
		"many pairs":       "[" + strings.Repeat("{a,a},", 200_000) + "]",
		"quoted keys":      "[" + strings.Repeat(`"a":1,`, 250_000) + "]",
		"empty pairs":      strings.Repeat("a:\n", 400_000),
		"too many rules":   "version: 1\nrules:\n" + strings.Repeat(oneRule, 10_001),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := rule.ParseFile([]byte(text))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	return b.String()
}

func drawRule(t *rapid.T, id string) rule.Rule {
	principal := rapid.Custom(func(t *rapid.T) rule.Principal {
		return rapid.SampledFrom([]rule.Principal{
			{Kind: "any"}, {Kind: "role", Ref: "nurse"}, {Kind: "user", Ref: "yes"}, {Kind: "key", Ref: "01"}, {Kind: "group", Ref: "放射科 #2: 'x'"},
		}).Draw(t, "principal")
	})
	r := rule.Rule{
		ID: id, Allow: rapid.Bool().Draw(t, "allow"), ReportOnly: rapid.Bool().Draw(t, "report"),
		Principals: rapid.SliceOfNDistinct(principal, 1, 4, rapid.ID[rule.Principal]).Draw(t, "principals"),
		Models:     rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9*][a-z0-9._*-]{0,9}`), 1, 4, rapid.ID[string]).Draw(t, "models"),
		Operations: rapid.SliceOfNDistinct(rapid.SampledFrom([]rule.Operation{"view", "infer", "train", "download", "*"}), 1, 3, rapid.ID[rule.Operation]).Draw(t, "operations"),
		Note:       rapid.SampledFrom([]string{"", "no", "a: b # c", "zwei\nZeilen", "<b>&", "'\"", "- x", "病区 平板", " spaced ", "2026-01-01T00:00:00Z"}).Draw(t, "note"),
		Owner:      rapid.SampledFrom([]string{"", "user:admin"}).Draw(t, "owner"),
	}
	c := &r.Conditions
	if rapid.Bool().Draw(t, "ranges") {
		c.IPRanges = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	}
	if r.Allow && rapid.Bool().Draw(t, "rated") {
		rate, err := rule.ParseRate(rapid.SampledFrom([]string{"1/s", "10次/分钟", "5req/day"}).Draw(t, "rate"))
		require.NoError(t, err)
		c.Rate = &rate
	}
	if rapid.Bool().Draw(t, "from") {
		c.From = time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")).UTC()
	}
	if rapid.Bool().Draw(t, "until") {
		c.Until = time.Unix(rapid.Int64Range(4e9+1, 5e9).Draw(t, "end"), 0).UTC()
	}
	if rapid.Bool().Draw(t, "hours") {
		h, err := rule.ParseHours(rapid.SampledFrom([]string{"Mon-Fri 08:00-18:00 Asia/Shanghai", "Sun-Mon 22:00-06:00; Wed,Sat 00:00-24:00 UTC"}).Draw(t, "week"))
		require.NoError(t, err)
		c.Hours = &h
	}
	c.Purpose = rapid.Bool().Draw(t, "purpose")
	return r
}

func TestTextsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rule.File{Default: rapid.SampledFrom([]string{"", "deny", "allow"}).Draw(t, "default"), Rules: []rule.Rule{}}
		for i := range rapid.IntRange(0, 4).Draw(t, "rules") {
			f.Rules = append(f.Rules, drawRule(t, rapid.SampledFrom([]string{"a", "null", "12", "1e3", "yes", "0x1f"}).Draw(t, "id")+fmt.Sprint(i)))
		}
		text, err := f.YAML()
		require.NoError(t, err)
		again, err := rule.ParseFile(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, f, again, "%s", text)
		for _, r := range f.Rules {
			text, err := r.JSON()
			require.NoError(t, err)
			again, err := rule.ParseJSON(text)
			require.NoError(t, err, "%s", text)
			require.Equal(t, r, again)
		}
	})
}

func TestWritersRefuseWhatNoReaderTakes(t *testing.T) {
	whole := rule.Rule{ID: "a", Allow: true, Principals: []rule.Principal{{Kind: "any"}}, Models: []string{"m"}, Operations: []rule.Operation{"view"}}
	rate := rule.Rate{N: 1, Per: time.Second}
	for name, change := range map[string]func(*rule.Rule){
		"id":         func(r *rule.Rule) { r.ID = "" },
		"principals": func(r *rule.Rule) { r.Principals = nil },
		"kind":       func(r *rule.Rule) { r.Principals = []rule.Principal{{Kind: "system", Ref: "x"}} },
		"models":     func(r *rule.Rule) { r.Models = nil },
		"operations": func(r *rule.Rule) { r.Operations = nil },
		"operation":  func(r *rule.Rule) { r.Operations = []rule.Operation{"read"} },
		"deny, rate": func(r *rule.Rule) { r.Allow, r.Conditions.Rate = false, &rate },
		"no rate":    func(r *rule.Rule) { r.Conditions.Rate = &rule.Rate{N: 1, Per: 7} },
		"no range":   func(r *rule.Rule) { r.Conditions.IPRanges = make([]netip.Prefix, 1) },
		"ranges":     func(r *rule.Rule) { r.Conditions.IPRanges = []netip.Prefix{} },
		"hours":      func(r *rule.Rule) { r.Conditions.Hours = &rule.Hours{} },
		"times":      func(r *rule.Rule) { r.Conditions.From, r.Conditions.Until = time.Unix(2, 0), time.Unix(1, 0) },
		"an id":      func(r *rule.Rule) { r.ID = "a b" },
		"a model":    func(r *rule.Rule) { r.Models = []string{"M"} },
		"a name":     func(r *rule.Rule) { r.Principals = []rule.Principal{{Kind: "user", Ref: " x"}} },
		"any":        func(r *rule.Rule) { r.Principals = []rule.Principal{{Kind: "user", Ref: "*"}} },
		"many":       func(r *rule.Rule) { r.Models = slices.Repeat([]string{"m"}, 257) },
		"note":       func(r *rule.Rule) { r.Note = "a\u202eb" },
		"long note":  func(r *rule.Rule) { r.Note = strings.Repeat("长", 1001) },
		"owner":      func(r *rule.Rule) { r.Owner = "role:x" },
	} {
		r := whole
		change(&r)
		_, err := rule.File{Rules: []rule.Rule{r}}.YAML()
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		if r.ID != "" && r.Models != nil { // which the server makes and the route implies
			require.Equal(t, fault.Invalid, fault.CodeOf(r.Check()), name)
			_, err = r.JSON()
			require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		}
	}
	require.NoError(t, whole.Check())
	_, err := rule.File{Rules: []rule.Rule{whole, whole}}.YAML()
	require.ErrorContains(t, err, "an id of its own")
	_, err = rule.File{Rules: make([]rule.Rule, rule.MaxRules+1)}.YAML()
	require.ErrorContains(t, err, "at most 10000 rules")
	_, err = rule.File{Default: "open"}.YAML()
	require.Error(t, err)
	forged := whole
	forged.Conditions.Rate = &rule.Rate{N: 1, Per: time.Second, Spelling: "100/s"}
	text, err := forged.JSON()
	require.NoError(t, err)
	require.Contains(t, string(text), `"rate_limit":"1/s"`, "a spelling of another rate is not shown")
}
