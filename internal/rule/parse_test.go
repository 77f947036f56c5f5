package rule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// contract is the example of the contract, word for word.
const contract = `version: 1
default: deny                       # optional, overrides acl.default
rules:
  - id: ward-nurses                 # optional in the API: made by the server
    effect: allow                   # allow | deny
    principals: [role:nurse, user:rita, key:01J, group:radiology]   # or ["*"]
    models: [guard-nano, "qwen3guard-*"]                               # implied by the route for one model
    operations: [view, infer]       # view | infer | train | download | "*"
    conditions: {ip_ranges: [10.0.0.0/8], rate_limit: 100req/min, valid_from: 2026-01-01T00:00:00Z, valid_until: 2026-12-31T23:59:59Z, hours: "Mon-Fri 08:00-18:00 Asia/Shanghai", purpose: required}
    mode: enforce                   # enforce | report-only
    note: ward tablets
    owner: user:admin
`

func TestTheContractsExample(t *testing.T) {
	f, err := rule.ParseFile([]byte(contract))
	require.NoError(t, err)
	require.Equal(t, "deny", f.Default)
	require.Len(t, f.Rules, 1)
	text, err := f.Rules[0].JSON()
	require.NoError(t, err)
	require.Equal(t, `{"id":"ward-nurses","effect":"allow","principals":["role:nurse","user:rita","key:01J","group:radiology"],`+
		`"models":["guard-nano","qwen3guard-*"],"operations":["view","infer"],"conditions":{"ip_ranges":["10.0.0.0/8"],`+
		`"rate_limit":"100req/min","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-12-31T23:59:59Z",`+
		`"hours":"Mon-Fri 08:00-18:00 Asia/Shanghai","purpose":"required"},"mode":"enforce","note":"ward tablets","owner":"user:admin"}`, string(text))
}

// base is a rule as short as the API takes it; a test changes one thing in it.
const base = `{"effect":"allow","principals":["*"],"operations":["view"]}`

func TestParseJSONAsksForLittle(t *testing.T) {
	r, err := rule.ParseJSON([]byte(base))
	require.NoError(t, err)
	require.Equal(t, rule.Rule{Allow: true, Principals: []rule.Principal{{Kind: "any"}}, Operations: []rule.Operation{"view"}}, r)
	r, err = rule.ParseJSON([]byte(`{"effect":"deny","principals":["role:a","*","role:a"],"operations":["*","*"],"models":["a","a*","a"],"conditions":{},"mode":"report-only","note":"","owner":""}`))
	require.NoError(t, err)
	require.Equal(t, rule.Rule{
		ReportOnly: true, Principals: []rule.Principal{{Kind: "role", Ref: "a"}, {Kind: "any"}},
		Models: []string{"a", "a*"}, Operations: []rule.Operation{"*"},
	}, r, "what stands there twice counts once")
}

func TestParseJSONRefuses(t *testing.T) {
	with := func(members string) string { return strings.TrimSuffix(base, "}") + "," + members + "}" }
	long := strings.Repeat("a", 200)
	for name, c := range map[string]struct{ text, field string }{
		"nothing":                    {"", ""},
		"null":                       {"null", ""},
		"a list":                     {"[]", ""},
		"no object":                  {`"allow"`, ""},
		"cut off":                    {base[:20], ""},
		"more behind it":             {base + base, ""},
		"a mark before it":           {"\ufeff" + base, ""},
		"no UTF-8":                   {with(`"note":"` + "\xff" + `"`), ""},
		"a lone surrogate":           {with(`"note":"\ud800"`), ""},
		"unknown field":              {with(`"priority":1`), ""},
		"other case":                 {with(`"Note":"x"`), ""},
		"twice":                      {with(`"effect":"deny"`), ""},
		"twice in conditions":        {with(`"conditions":{"purpose":"required","purpose":"required"}`), ""},
		"origin":                     {with(`"origin":"shipped"`), ""},
		"no effect":                  {`{"principals":["*"],"operations":["view"]}`, "effect"},
		"no principals":              {`{"effect":"allow","operations":["view"]}`, "principals"},
		"empty principals":           {`{"effect":"allow","principals":[],"operations":["view"]}`, "principals"},
		"null principals":            {`{"effect":"allow","principals":null,"operations":["view"]}`, "principals"},
		"principals as text":         {`{"effect":"allow","principals":"*","operations":["view"]}`, "principals"},
		"no operations":              {`{"effect":"allow","principals":["*"]}`, "operations"},
		"unknown operation":          {`{"effect":"allow","principals":["*"],"operations":["read"]}`, "operations[0]"},
		"operation in other case":    {`{"effect":"allow","principals":["*"],"operations":["view","Infer"]}`, "operations[1]"},
		"unknown effect":             {`{"effect":"permit","principals":["*"],"operations":["view"]}`, "effect"},
		"effect in other case":       {`{"effect":"Allow","principals":["*"],"operations":["view"]}`, "effect"},
		"effect true":                {`{"effect":true,"principals":["*"],"operations":["view"]}`, "effect"},
		"unknown mode":               {with(`"mode":"report"`), "mode"},
		"empty models":               {with(`"models":[]`), "models"},
		"empty model":                {with(`"models":[""]`), "models[0]"},
		"model in upper case":        {with(`"models":["Guard-Nano"]`), "models[0]"},
		"model with a look-alike":    {with(`"models":["guard-n\u0430no"]`), "models[0]"},
		"model in full width":        {with(`"models":["ｇuard"]`), "models[0]"},
		"model with invisible":       {with(`"models":["guard\u200b"]`), "models[0]"},
		"model with a question mark": {with(`"models":["guard-?"]`), "models[0]"},
		"model too long":             {with(`"models":["` + long + `"]`), "models[0]"},
		"id with a look-alike":       {with(`"id":"w\u0430rd"`), "id"},
		"id with a quote":            {with(`"id":"a\"b"`), "id"},
		"id with a line end":         {with(`"id":"a\nb"`), "id"},
		"id with a path":             {with(`"id":"../x"`), "id"},
		"id of dots":                 {with(`"id":".."`), "id"},
		"empty id":                   {with(`"id":""`), "id"},
		"id as number":               {with(`"id":7`), "id"},
		"long id":                    {with(`"id":"` + long + `"`), "id"},
		"owner is a role":            {with(`"owner":"role:admin"`), "owner"},
		"owner is all":               {with(`"owner":"*"`), "owner"},
		"note turns direction":       {with(`"note":"a\u202eb"`), "note"},
		"note with a control":        {with(`"note":"a\u0007"`), "note"},
		"long note":                  {with(`"note":"` + strings.Repeat("长", 1001) + `"`), "note"},
		"conditions null":            {with(`"conditions":null`), "conditions"},
		"conditions as list":         {with(`"conditions":[]`), "conditions"},
		"unknown condition":          {with(`"conditions":{"ip_range":["10.0.0.0/8"]}`), "conditions"},
		"condition null":             {with(`"conditions":{"hours":null}`), "conditions.hours"},
		"no ranges":                  {with(`"conditions":{"ip_ranges":[]}`), "conditions.ip_ranges"},
		"range as text":              {with(`"conditions":{"ip_ranges":"10.0.0.0/8"}`), "conditions.ip_ranges"},
		"purpose true":               {with(`"conditions":{"purpose":true}`), "conditions.purpose"},
		"purpose optional":           {with(`"conditions":{"purpose":"optional"}`), "conditions.purpose"},
		"rate as number":             {with(`"conditions":{"rate_limit":100}`), "conditions.rate_limit"},
		"time without offset":        {with(`"conditions":{"valid_until":"2026-12-31T23:59:59"}`), "conditions.valid_until"},
		"time without a clock":       {with(`"conditions":{"valid_until":"2026-12-31"}`), "conditions.valid_until"},
		"no such day":                {with(`"conditions":{"valid_until":"2026-02-30T00:00:00Z"}`), "conditions.valid_until"},
		"leap second":                {with(`"conditions":{"valid_until":"2026-12-31T23:59:60Z"}`), "conditions.valid_until"},
		"comma in seconds":           {with(`"conditions":{"valid_until":"2026-12-31T23:59:59,5Z"}`), "conditions.valid_until"},
		"one digit":                  {with(`"conditions":{"valid_until":"2026-12-31T3:59:59Z"}`), "conditions.valid_until"},
		"a fraction of nothing":      {with(`"conditions":{"valid_until":"2026-12-31T23:59:59.Z"}`), "conditions.valid_until"},
		"an offset of a day":         {with(`"conditions":{"valid_until":"2026-12-31T23:59:59+24:00"}`), "conditions.valid_until"},
		"small letters":              {with(`"conditions":{"valid_until":"2026-12-31t23:59:59z"}`), "conditions.valid_until"},
		"the zero time":              {with(`"conditions":{"valid_until":"0001-01-01T00:00:00Z"}`), "conditions.valid_until"},
		"seconds since 1970":         {with(`"conditions":{"valid_until":1798761599}`), "conditions.valid_until"},
		"ends before it begins":      {with(`"conditions":{"valid_from":"2026-02-01T00:00:00Z","valid_until":"2026-02-01T00:00:00+01:00"}`), "conditions.valid_until"},
		"ends when it begins":        {with(`"conditions":{"valid_from":"2026-02-01T00:00:00Z","valid_until":"2026-02-01T01:00:00+01:00"}`), "conditions.valid_until"},
		"deny with a rate":           {`{"effect":"deny","principals":["*"],"operations":["view"],"conditions":{"rate_limit":"1/s"}}`, "conditions.rate_limit"},
		"deep":                       {strings.Repeat("[", 9000) + strings.Repeat("]", 9000), ""},
		"deep in a field":            {with(`"conditions":{"ip_ranges":[[[[[1]]]]]}`), ""},
		"large":                      {with(`"note":"` + strings.Repeat("a", 1<<20) + `"`), ""},
		"too many models":            {with(`"models":["a"` + strings.Repeat(`,"a"`, 256) + `]`), "models"},
		"too many fields":            {"{" + strings.Repeat(`"a":1,`, 40) + `"b":1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rule.ParseJSON([]byte(c.text))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.Equal(t, c.field, fault.From(err).Field, "%v", err)
			require.Equal(t, rule.Rule{}, r)
			require.Less(t, len(err.Error()), 300)
		})
	}
}

// Names are kept byte for byte: a look-alike is another name, and what nobody can see is refused. Threat Z7: no name is a pattern.
func TestPrincipals(t *testing.T) {
	for text, want := range map[string]rule.Principal{
		"*":              {Kind: "any"},
		"user:alice":     {Kind: "user", Ref: "alice"},
		"user:аlice":     {Kind: "user", Ref: "аlice"}, // a Cyrillic first letter
		"user:Alice":     {Kind: "user", Ref: "Alice"},
		"user:a:b":       {Kind: "user", Ref: "a:b"},
		"group:放射科 二病区":  {Kind: "group", Ref: "放射科 二病区"},
		"role:ｎurse":     {Kind: "role", Ref: "ｎurse"},
		"key:01JABCDEFG": {Kind: "key", Ref: "01JABCDEFG"},
	} {
		p, err := rule.ParsePrincipal(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p)
		require.Equal(t, text, p.String())
	}
	cyrillic, err := rule.ParsePrincipal("user:аlice")
	require.NoError(t, err)
	s := set(t, false, rule.Rule{ID: "a", Allow: true, Principals: []rule.Principal{cyrillic}, Models: []string{"m"}, Operations: []rule.Operation{"*"}})
	require.False(t, s.Decide(rule.Request{Faces: []rule.Principal{{Kind: "user", Ref: "alice"}}, Model: "m", Op: rule.View, At: time.Unix(1, 0)}).Allowed)
	for _, text := range []string{
		"", "**", "any", "any:", "*:x", "user", "user:", ":x", "User:x", "users:x", "user:*", "user:a*", " user:x", "user: x", "user:x ",
		"user:a\u200bb", "user:a\u202eb", "user:a\x00", "user:a\nb", "user:a\u00a0b", "user:\xff", "user:" + strings.Repeat("a", 257), "system:x",
	} {
		_, err := rule.ParsePrincipal(text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", text)
	}
}

func TestRates(t *testing.T) {
	for text, want := range map[string]string{
		"100req/min": "100/min", "100/min": "100/min", "10/分钟": "10/min", "10次/分钟": "10/min", "10req/分钟": "10/min", "1/s": "1/s",
		"1/sec": "1/s", "1次/秒": "1/s", "5/h": "5/h", "5/hour": "5/h", "5/小时": "5/h", "7/d": "7/day", "7/day": "7/day", "7次/天": "7/day",
		"1000000000/s": "1000000000/s",
	} {
		r, err := rule.ParseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, r.String())
		require.Equal(t, text, r.Spelling)
		again, err := rule.ParseRate(r.String())
		require.NoError(t, err)
		require.Equal(t, []any{r.N, r.Per}, []any{again.N, again.Per})
	}
	for _, text := range []string{
		"", "100", "/min", "100/", "100/minute", "100/mins", "100/m", "100/M", "100/Min", "100/MIN", "100 /min", "100/ min", " 100/min", "100/min ",
		"100 req/min", "100reqs/min", "100requests/min", "100Req/min", "100req次/min", "100次req/min", "0/min", "-1/min", "+1/min", "0100/min",
		"1.5/min", "1e3/min", "1_000/min", "1,000/min", "１００/min", "٣/min", "0x10/min", "1000000001/s", "99999999999999999999/min", "1/week", "1/周",
		"1/年", "100req/min/s", "100/60s", "100r/m", "100 per min", "每分钟10次", "10次每分钟", "10次／分钟", "10/分", "10/ｍｉｎ", "100/min\n", "100\x00/min",
	} {
		_, err := rule.ParseRate(text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", text)
	}
}

func TestAddressRanges(t *testing.T) {
	parse := func(text string) (rule.Rule, error) {
		return rule.ParseJSON([]byte(fmt.Sprintf(`{"effect":"allow","principals":["*"],"operations":["view"],"conditions":{"ip_ranges":[%q]}}`, text)))
	}
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.1.2.3": "10.1.2.3/32", "10.1.2.3/32": "10.1.2.3/32", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0",
		"fd00::/8": "fd00::/8", "::1": "::1/128", "::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:10.1.2.3": "10.1.2.3/32",
		"::ffff:0:0/96": "0.0.0.0/0", "FD00:0:0:0::/64": "fd00::/64", "2001:db8::10.0.0.0/128": "2001:db8::a00:0/128",
	} {
		r, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, r.Conditions.IPRanges[0].String())
	}
	for _, text := range []string{
		"", "10.1.2.3/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "/8", "10.0.0/8", "10/8", "010.0.0.0/8", "0x0a.0.0.0/8", "167772160",
		"10.0.0.0/255.0.0.0", "10.0.0.0-10.0.0.9", "10.0.0.*", "fe80::1%eth0", "fe80::%eth0/10", "fe80::1/10", "::ffff:10.0.0.0/90", "::ffff:10.1.2.3/104",
		"::1/129", "[::1]", "10.0.0.1:80", "localhost", " 10.0.0.0/8", "10.0.0.0/8 ", "１0.0.0.0/8", "*", "any",
	} {
		_, err := parse(text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", text)
		require.Equal(t, "conditions.ip_ranges[0]", fault.From(err).Field)
	}
	_, err := parse("10.1.2.3/8")
	require.ErrorContains(t, err, "write 10.0.0.0/8 for the range or 10.1.2.3 for the address")

	list := strings.Repeat(`"10.0.0.0/8",`, 1000)
	r, err := rule.ParseJSON([]byte(`{"effect":"allow","principals":["*"],"operations":["view"],"conditions":{"ip_ranges":[` + strings.TrimSuffix(list, ",") + `]}}`))
	require.NoError(t, err)
	require.Len(t, r.Conditions.IPRanges, 1, "the same range counts once")
	_, err = rule.ParseJSON([]byte(`{"effect":"allow","principals":["*"],"operations":["view"],"conditions":{"ip_ranges":[` + list + `"::1"]}}`))
	require.ErrorContains(t, err, "at most 1000 entries")
}

func TestTheOlderSpelling(t *testing.T) {
	r, err := rule.ParseOlderJSON([]byte(`{"model":"guard-nano","principal":{"type":"api_key","value":"01J"},"operations":["infer"],
		"conditions":{"ip_range":["10.0.0.0/8"],"rate_limit":"100req/min","valid_until":"2026-12-31T23:59:59+08:00"}}`))
	require.NoError(t, err)
	text, err := r.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"effect":"allow","principals":["key:01J"],"models":["guard-nano"],"operations":["infer"],"conditions":{"ip_ranges":["10.0.0.0/8"],`+
		`"rate_limit":"100req/min","valid_until":"2026-12-31T15:59:59Z"},"mode":"enforce","note":"","owner":""}`, string(text))
	for _, text := range []string{
		`{}`, base, `{"model":"m","operations":["view"]}`, `{"model":"m","principal":{"type":"user"},"operations":["view"]}`,
		`{"model":"m","principal":{"type":"user","value":"*"},"operations":["view"]}`, `{"model":"m","principal":{"type":"all","value":"*"},"operations":["view"]}`,
		`{"model":"m","principal":{"type":"any","value":"ana"},"operations":["view"]}`, `{"model":"m","principal":"*","operations":["view"]}`,
		`{"model":["m"],"principal":{"type":"any"},"operations":["view"]}`, `{"model":"m","principal":{"type":"any"}}`,
		`{"model":"m","principal":{"type":"any"},"operations":["view"],"conditions":{"ip_ranges":["10.0.0.0/8"]}}`,
		`{"model":"m","principal":{"type":"any"},"operations":["view"],"effect":"deny","conditions":{"rate_limit":"1/s"}}`,
		`{"model":"m","principal":{"value":"x"},"operations":["view"]}`, `{"model":"m","principal":{"type":"user","value":7},"operations":["view"]}`,
	} {
		_, err := rule.ParseOlderJSON([]byte(text))
		require.Equal(t, fault.Invalid, fault.CodeOf(err), text)
	}
	for text, want := range map[string]string{
		`{"model":"M","principal":{"type":"any"},"operations":["view"]}`:                                              "model",
		`{"model":"m","principal":{"type":"user","value":" x"},"operations":["view"]}`:                                "principal.value",
		`{"model":"m","principal":{"type":"any"},"operations":["view"],"conditions":{"ip_range":["10.1.2.3/8"]}}`:     "conditions.ip_range[0]",
		`{"model":"m","principal":{"type":"any"},"operations":["view"],"conditions":{"valid_until":"tomorrow"}}`:      "conditions.valid_until",
		`{"model":"m","principal":{"type":"any"},"operations":["view"],"conditions":{"hours":"Mon 08:00-09:00 UTC"}}`: "conditions",
	} {
		_, err := rule.ParseOlderJSON([]byte(text))
		require.Equal(t, want, fault.From(err).Field, text)
		require.True(t, strings.HasPrefix(fault.From(err).Message, want+": "), "%v", err)
	}
	require.True(t, rule.IsOlder([]byte(`{"model":"m","principal":{}}`)))
	for _, text := range []string{`{"model":"m","rules":[]}`, `{"principal":{},"rules":[]}`, `[]`, `{`} {
		require.False(t, rule.IsOlder([]byte(text)), text)
	}
}
