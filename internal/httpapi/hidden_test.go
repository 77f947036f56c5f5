package httpapi_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
	"guardhouse/internal/catalog"
)

// Two names of one length: the first is a model, the second never was.
const (
	hiddenModel  = "closed-1"
	unknownModel = "closed-0"
)

// naming are bodies that name a model, by operation; MODEL stands for it, and SELF for the caller as rules name him. What has
// the model in its path or query needs none.
func naming() map[string]string {
	const one = `{"id":"r","effect":"allow","principals":["*"],"models":["MODEL"],"operations":["view"]}`
	return map[string]string{
		"createModeration":           `{"model":"MODEL","input":"hello"}`,
		"openaiCreateModeration":     `{"model":"MODEL","input":["hello","there"]}`,
		"createKey":                  `{"label":"x","models":["MODEL"]}`,
		"putModelACL":                `{"rules":[]}`,
		"putACLModel":                `{"model":"MODEL","rules":[]}`,
		"createRule":                 one,
		"putRule":                    one,
		"putPolicy":                  `{"version":1,"rules":[` + one + `]}`,
		"rehearseRules":              `{"model":"MODEL","rules":[],"days":1}`,
		"explainAccess":              `{"principal":"SELF","model":"MODEL","operation":"infer"}`,
		"openaiCreateChatCompletion": `{"model":"MODEL","messages":[{"role":"user","content":"hello"}]}`,
		"openaiInfer":                `{"model":"MODEL","messages":[{"role":"user","content":"hello"}]}`,
		"makeModelDefault":           `{}`,
		"createAccessRequest":        `{"model":"MODEL","operations":["infer"],"purpose":"ward round","until":"2030-01-01T00:00:00Z"}`,
	}
}

// namesModel says that a request to the operation can name a model.
func (s served) namesModel() bool {
	if strings.Contains(s.path, "/models/{") {
		return true
	}
	for _, p := range s.op.Parameters {
		if p.Value.Name == "model" {
			return true
		}
	}
	f := s.fields()
	return f["model"] || f["models"]
}

// naming is the request to the operation that names the model.
func (s served) naming(t testing.TB, model, self string) call {
	t.Helper()
	c := call{method: s.method, path: s.path, body: naming()[s.op.OperationID]}
	if s.fields()["model"] || s.fields()["models"] {
		require.Contains(t, c.body, "MODEL", "%s names a model in its body: say how in naming()", s.op.OperationID)
	}
	if strings.Contains(c.path, "/models/{") {
		c.path = regexp.MustCompile(`\{(id|model)\}`).ReplaceAllString(c.path, model)
	}
	c.path = concrete(c.path)
	for _, p := range s.op.Parameters {
		if p.Value.Name == "model" && p.Value.In == "query" {
			c.path += "?" + urlEncode("model", model)
		}
	}
	c.body = strings.NewReplacer("MODEL", model, "SELF", self).Replace(c.body)
	return c
}

// blind are callers who may not know of the hidden model, each for another reason.
type blindCaller struct {
	self   string
	header map[string]string
	peer   string
}

func (b *bench) blind() map[string]blindCaller {
	b.t.Helper()
	made := func(user string, models, operations []string) (id, secret string) {
		k, secret, err := b.auth.CreateKey(b.t.Context(), access.System("tester"), auth.NewKey{Label: "blind", UserName: user, Models: models, Operations: operations}, nil)
		require.NoError(b.t, err)
		return k.ID, secret
	}
	narrowID, narrow := made("alice", []string{"guard-nano"}, nil)
	inferID, infer := made("rob", nil, []string{"infer"})
	keyedID, keyed := made("ray", nil, nil)
	b.ruled(`
  - {id: inside, effect: allow, principals: ["role:reviewer"], models: [` + hiddenModel + `], operations: [view, infer], conditions: {ip_ranges: [10.0.0.0/8]}}
  - {id: late, effect: allow, principals: ["role:nurse"], models: ["closed-1*"], operations: ["*"], conditions: {valid_until: 2020-01-01T00:00:00Z}}
  - {id: radio, effect: allow, principals: ["role:radiologist"], models: [` + hiddenModel + `], operations: ["*"]}
  - {id: keyed, effect: allow, principals: ["key:` + keyedID + `"], models: [` + hiddenModel + `], operations: [infer]}
  - {id: not-rita, effect: deny, principals: ["user:rita"], models: ["*-1"], operations: [view]}
`)
	key := func(user string) string { return b.keys[user] }
	return map[string]blindCaller{
		"nurse, an allow that ended":             {"user:nora", bearing(key("nora")), ""},
		"reviewer, a deny on view":               {"user:rita", map[string]string{"Authorization": b.bearer}, "10.1.1.1"},
		"reviewer, from outside":                 {"user:rob", bearing(key("rob")), "203.0.113.9"},
		"admin, through a key for other models":  {"key:" + narrowID, bearing(narrow), ""},
		"reviewer, key for infer, from outside":  {"key:" + inferID, bearing(infer), "203.0.113.9"},
		"radiologist, a key rule without view":   {"key:" + keyedID, bearing(keyed), ""},
		"guest, whose role sees no model":        {"user:gus", bearing(key("gus")), ""},
		"nobody":                                 {"user:nobody", map[string]string{}, ""},
		"a bearer that never was, for any model": {"user:nobody", bearing("gh_nonsense"), ""},
	}
}

// thorough are the callers who try everything; the others ask as one does.
func thorough() []string {
	return []string{"nurse, an allow that ended", "reviewer, a deny on view", "radiologist, a key rule without view", "admin, through a key for other models"}
}

// spoilt are ways to send a request wrongly, or otherwise than others do. Each error answer must tell as little as the good one.
func spoilt() map[string]func(*call) {
	with := func(name, value string) func(*call) {
		return func(c *call) { c.header = merge(c.header, map[string]string{name: value}) }
	}
	return map[string]func(*call){
		"as it is":          func(*call) {},
		"unknown parameter": func(c *call) { c.path += map[bool]string{true: "&", false: "?"}[strings.Contains(c.path, "?")] + "x=1" },
		"a body too much":   func(c *call) { c.body += "{}" },
		"half a body":       func(c *call) { c.body = c.body[:len(c.body)/2] },
		"unknown field":     func(c *call) { c.body = strings.Replace(c.body, "{", `{"zzz":1,`, 1) },
		"long ago":          func(c *call) { c.body = strings.Replace(c.body, `"infer"}`, `"infer","at":"2019-01-01T00:00:00Z"}`, 1) },
		"another method":    func(c *call) { c.method = http.MethodTrace },
		"HEAD":              func(c *call) { c.method = http.MethodHead },
		"If-Match":          with("If-Match", `"v1"`),
		"wait":              with("Prefer", "wait=0"),
		"purpose":           with(purposeHeader, "ward round"),
		"bad purpose":       with(purposeHeader, "a\xffb"),
		"encoding":          with("Content-Encoding", "gzip"),
		"media type":        with("Content-Type", "text/plain"),
		"idempotent": func(c *call) {
			c.header = merge(c.header, map[string]string{"Idempotency-Key": "once-" + regexp.MustCompile(`closed-\d|$`).FindString(c.path+c.body)})
		},
		"cookie too":       with("Cookie", "__Host-gh=x"),
		"upper case":       func(c *call) { c.path = strings.ReplaceAll(c.path, "closed-", "Closed-") },
		"escaped":          func(c *call) { c.path = strings.ReplaceAll(c.path, "closed-", "%63losed-") },
		"slash at the end": func(c *call) { c.path = strings.SplitN(c.path, "?", 2)[0] + "/" },
	}
}

// told is all that an answer says, with ids and the model's name taken out.
func told(w *httptest.ResponseRecorder, model string) string {
	var text strings.Builder
	h := w.Header().Clone()
	h.Del("X-Request-Id")
	for _, name := range slices.Sorted(maps.Keys(h)) {
		text.WriteString(name + ": " + strings.Join(h[name], "|") + "\n")
	}
	body := regexp.MustCompile(`"at":"[^"]+"`).ReplaceAll(w.Body.Bytes(), []byte(`"at":""`))
	body = neutral(regexp.MustCompile(`"request_id":"[^"]*"`).ReplaceAll(body, []byte(`"request_id":""`)))
	out := http.StatusText(w.Code) + "\n" + text.String() + string(body)
	for _, name := range []string{model, strings.ToUpper(model[:1]) + model[1:]} {
		out = strings.ReplaceAll(out, name, "MODEL")
	}
	return regexp.MustCompile(`(req|key|usr|evt|mod)_[0-9A-Za-z]+`).ReplaceAllString(out, "${1}_X")
}

// TestHiddenModels: on every route that can name a model, however it is asked and whatever state the model is in, somebody who
// may not know of it is answered byte for byte like somebody who asks for a model that never was (threats Z1, Z3).
func TestHiddenModels(t *testing.T) {
	b := newExplaining(t, access.Options{})
	b.imports(hiddenModel)
	callers := b.blind()
	states := map[string]func(){
		"ready":   func() {},
		"loading": func() { b.catalog.SetState(hiddenModel, catalog.StateLoading, "") },
		"failed":  func() { b.catalog.SetFailed(hiddenModel, catalog.FileChanged, "the reason") },
	}
	walked, explained := map[string]bool{}, 0
	for _, state := range []string{"ready", "loading", "failed"} {
		states[state]()
		for who, caller := range callers {
			for _, s := range operations(t) {
				if !s.namesModel() {
					continue
				}
				for way, spoil := range spoilt() {
					if way != "as it is" && (testing.Short() || state != "ready" || !slices.Contains(thorough(), who)) {
						continue
					}
					ask := func(model string) *httptest.ResponseRecorder {
						c := s.naming(t, model, caller.self)
						c.header, c.peer = maps.Clone(caller.header), caller.peer
						spoil(&c)
						return b.ask(c)
					}
					hides, never := ask(hiddenModel), ask(unknownModel)
					at := s.method + " " + s.path + ", " + way + ", " + state + ", " + who
					require.Equal(t, told(never, unknownModel), told(hides, hiddenModel), at)
					require.Less(t, hides.Code, 500, at)
					if s.op.OperationID == "explainAccess" && hides.Code == http.StatusOK {
						explained++
					}
					if hides.Code == http.StatusNotFound {
						walked[s.op.OperationID] = true
					}
				}
			}
		}
	}
	require.Greater(t, explained, 20)
	for _, id := range []string{"getModel", "getModelQueue", "openaiGetModel", "createModeration", "openaiCreateModeration"} {
		require.True(t, walked[id], "%s was never answered as hidden", id)
	}
}

// ask is do for requests that may be spoilt in ways that a URL parser would mend.
func (b *bench) ask(c call) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), c.method, "https://localhost"+c.path, strings.NewReader(c.body))
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.peer != "" {
		r.RemoteAddr = c.peer + ":4321"
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	return w
}

// TestAHiddenModelChangesNoList: what somebody is told of models is the same before and after one comes that he may not see.
func TestAHiddenModelChangesNoList(t *testing.T) {
	b := newExplaining(t, access.Options{})
	lists := func(who blindCaller) string {
		var all strings.Builder
		for _, s := range operations(t) {
			action, _ := s.op.Extensions["x-action"].(string)
			if s.changes() || strings.Contains(s.path, "{") || !slices.Contains([]string{"model.view", "example.read", "signed-in"}, action) {
				continue
			}
			w := b.ask(call{method: s.method, path: s.path, header: who.header})
			all.WriteString(s.path + "\n" + told(w, hiddenModel) + "\n")
		}
		return regexp.MustCompile(`policy_version":\d+`).ReplaceAllString(all.String(), "")
	}
	nora := blindCaller{"user:nora", bearing(b.keys["nora"]), ""}
	before := lists(nora)
	require.Contains(t, before, "guard-nano")
	b.imports(hiddenModel)
	require.Equal(t, before, lists(nora))
	require.NotContains(t, before, hiddenModel)
}

// TestHiddenModelsTakeAsLong: whoever measures learns no more than whoever reads. Asked in turns, the medians of both lie within
// the middle of each other's times.
func TestHiddenModelsTakeAsLong(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	b := newBench(t)
	b.imports(hiddenModel)
	callers := b.blind()
	for who, c := range map[string]call{
		"nurse, an allow that ended":           {method: "GET", path: "/api/v1/models/MODEL"},
		"reviewer, a deny on view":             {method: "POST", path: moderations, body: `{"model":"MODEL","input":"hello"}`},
		"reviewer, from outside":               {method: "POST", path: "/v1/moderations", body: `{"model":"MODEL","input":["hello","there"]}`},
		"radiologist, a key rule without view": {method: "GET", path: "/v1/models/MODEL"},
	} {
		caller := callers[who]
		c.header, c.peer = caller.header, caller.peer
		took := func(model string) time.Duration {
			n := c
			n.path, n.body = strings.ReplaceAll(c.path, "MODEL", model), strings.ReplaceAll(c.body, "MODEL", model)
			start := time.Now()
			w := b.ask(n)
			d := time.Since(start)
			require.Equal(t, http.StatusNotFound, w.Code, w.Body)
			return d
		}
		require.True(t, alike(took), "%s: %s", who, c.path)
	}
}

// alike asks for both models in turns, three times over at most, as a machine may stumble.
func alike(took func(model string) time.Duration) bool {
	const each = 101
	for range 3 {
		var hides, never []time.Duration
		for range each {
			hides, never = append(hides, took(hiddenModel)), append(never, took(unknownModel))
		}
		slices.Sort(hides)
		slices.Sort(never)
		within := func(d time.Duration, all []time.Duration) bool { return d >= all[each/10] && d <= all[each*9/10] }
		if within(hides[each/2], never) && within(never[each/2], hides) {
			return true
		}
	}
	return false
}
