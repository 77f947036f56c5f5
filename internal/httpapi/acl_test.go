package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
)

const acl = "/api/v1/models/guard-nano/acl"

// adminAsks is one call as an administrator, with If-Match where a tag is given.
func (b *bench) adminAsks(method, path, body string, tag ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	header := map[string]string{}
	if len(tag) > 0 {
		header["If-Match"] = tag[0]
	}
	return b.do(call{method: method, path: path, body: body, as: "alice", header: header})
}

func TestRulesOverHTTP(t *testing.T) {
	b := newBench(t)
	w := b.adminAsks("GET", acl, "")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	v := object(t, w.Body.Bytes())
	require.Equal(t, "database", v["source"])
	require.Equal(t, "deny", v["default"])
	require.Nil(t, v["change"])
	tag := w.Header().Get("ETag")

	// What was answered can be sent back, with one more.
	rules := []any{map[string]any{"id": "hers", "effect": "deny", "principals": []any{"user:rita"}, "operations": []any{"infer"}}}
	body, err := json.Marshal(map[string]any{"rules": append(v["rules"].([]any), rules...)})
	require.NoError(t, err)
	w = b.adminAsks("PUT", acl+"?note=asked+for", string(body), tag)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, []any{"hers"}, object(t, w.Body.Bytes())["change"].(map[string]any)["added"])
	require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: moderations, body: `{"input":"hello"}`, header: map[string]string{"Authorization": b.bearer}}).Code, "in force with the answer")
	stale := b.adminAsks("PUT", acl, string(body), tag)
	require.Equal(t, http.StatusPreconditionFailed, stale.Code, stale.Body)
	require.Equal(t, http.StatusOK, b.adminAsks("PUT", acl, string(body), w.Header().Get("ETag")).Code)

	w = b.adminAsks("GET", "/api/v1/acl/rules/hers", "")
	require.Equal(t, http.StatusOK, w.Code)
	one := strings.Replace(w.Body.String(), `"infer"`, `"view","infer"`, 1)
	require.Equal(t, http.StatusOK, b.adminAsks("PUT", "/api/v1/acl/rules/hers", one, w.Header().Get("ETag")).Code)
	require.Equal(t, http.StatusPreconditionFailed, b.adminAsks("DELETE", "/api/v1/acl/rules/hers", "", w.Header().Get("ETag")).Code)
	tried := b.adminAsks("POST", "/api/v1/acl/rules?dry_run=true", `{"effect":"allow","principals":["role:nurse"],"models":["qwen3guard-*"],"operations":["infer"]}`)
	require.Equal(t, http.StatusOK, tried.Code, tried.Body)
	require.Equal(t, []any{"qwen3guard-*"}, object(t, tried.Body.Bytes())["models"])

	w = b.adminAsks("GET", "/api/v1/acl/versions", "")
	version := fmt.Sprint(object(t, w.Body.Bytes())["items"].([]any)[1].(map[string]any)["version"])
	detail := object(t, b.adminAsks("GET", "/api/v1/acl/versions/"+version, "").Body.Bytes())
	require.Equal(t, "asked for", detail["note"])
	require.Contains(t, detail["after"], "user:rita")
	require.Equal(t, http.StatusConflict, b.adminAsks("POST", "/api/v1/acl/versions/"+version+"/undo", "").Code, "it was changed since")
	require.Equal(t, http.StatusNoContent, b.adminAsks("DELETE", "/api/v1/acl/rules/hers", "").Code)
	require.Equal(t, http.StatusNotFound, b.adminAsks("DELETE", "/api/v1/acl/rules/hers", "").Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: moderations, body: `{"input":"hello"}`, header: map[string]string{"Authorization": b.bearer}}).Code)
}

func TestRulesThatAreRefusedOverHTTP(t *testing.T) {
	b := newBench(t)
	before := b.adminAsks("GET", "/api/v1/acl/policy?format=yaml", "").Body.String()
	rule := func(more string) string {
		return `{"rules":[{"effect":"allow","principals":["role:nurse"],"operations":["infer"]` + more + `}]}`
	}
	for name, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"unknown member":     {rule(`,"colour":"red"`), 400, "rules[0].colour"},
		"unknown rate":       {rule(`,"conditions":{"rate_limit":"often"}`), 400, "rules[0].conditions.rate_limit"},
		"unknown zone":       {rule(`,"conditions":{"hours":"Mon-Fri 08:00-18:00 Moon/Base"}`), 400, "rules[0].conditions.hours"},
		"no range":           {rule(`,"conditions":{"ip_ranges":["10.1.2.3/8"]}`), 400, "rules[0].conditions.ip_ranges[0]"},
		"no ranges":          {rule(`,"conditions":{"ip_ranges":[]}`), 400, "rules[0].conditions.ip_ranges"},
		"many ranges":        {rule(`,"conditions":{"ip_ranges":[` + strings.Repeat(`"10.0.0.1",`, 1000) + `"10.0.0.1"]}`), 400, "rules[0].conditions.ip_ranges"},
		"over before it was": {rule(`,"conditions":{"valid_from":"2027-01-01T00:00:00Z","valid_until":"2026-01-01T00:00:00Z"}`), 400, ""},
		"another model":      {rule(`,"models":["other"]`), 400, "rules[0].models"},
		"null":               {rule(`,"conditions":null`), 400, "rules[0].conditions"},
		"twice":              {rule(`,"effect":"deny"`), 400, ""},
		"a pattern of users": {`{"rules":[{"effect":"allow","principals":["user:*"],"operations":["infer"]}]}`, 400, "rules[0].principals[0]"},     // threat Z7
		"a look-alike":       {`{"rules":[{"effect":"allow","principals":["user:аlice"],"operations":["infer"]}]}`, 422, "rules[0].principals[0]"}, // threat Z7
		"a rate on a deny":   {`{"rules":[{"effect":"deny","principals":["*"],"operations":["infer"],"conditions":{"rate_limit":"5/s"}}]}`, 400, "rules[0].conditions.rate_limit"},
		"no rules":           {`{}`, 400, "rules"},
	} {
		t.Run(name, func(t *testing.T) {
			w := b.adminAsks("PUT", acl, c.body)
			require.Equal(t, c.status, w.Code, w.Body)
			if c.field != "" {
				require.Equal(t, c.field, object(t, w.Body.Bytes())["field"], w.Body)
			}
			row := b.rows()[len(b.rows())-1]
			require.Equal(t, audit.Error, row.Decision)
			require.Equal(t, "acl.manage", row.Action)
		})
	}
	require.Equal(t, http.StatusNotFound, b.adminAsks("PUT", "/api/v1/models/no-such/acl", `{"rules":[]}`).Code)
	require.Equal(t, before, b.adminAsks("GET", "/api/v1/acl/policy?format=yaml", "").Body.String(), "nothing was changed")
}

func TestBothSpellingsOfAModelsRules(t *testing.T) {
	b := newBench(t)
	w := b.adminAsks("PUT", "/v1/acl/model", `{"model":"guard-nano","principal":{"type":"role","value":"nurse"},"operations":["infer"],"conditions":{"ip_range":["10.0.0.0/8"],"rate_limit":"100次/分钟"}}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `"ip_ranges":["10.0.0.0/8"]`, "in the canonical form")
	require.Len(t, object(t, w.Body.Bytes())["rules"], 2, "one is added")
	w = b.adminAsks("PUT", "/v1/acl/model", `{"model":"guard-nano","rules":[]}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Empty(t, object(t, w.Body.Bytes())["rules"])
	for _, body := range []string{
		`{"model":"guard-nano"}`, `{"model":"guard-nano","rules":[],"operations":["infer"]}`, `{"model":"guard-nano","principal":{"type":"role"},"operations":["infer"]}`,
		`{"model":"guard-nano","principal":{"type":"role","value":"nurse"}}`,
	} {
		require.Equal(t, http.StatusBadRequest, b.adminAsks("PUT", "/v1/acl/model", body).Code, body)
	}
}

func TestThePolicyAsOneFileOverHTTP(t *testing.T) {
	b := newBench(t)
	w := b.adminAsks("GET", "/api/v1/acl/policy?format=yaml", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/yaml", w.Header().Get("Content-Type"))
	text, tag := w.Body.String(), w.Header().Get("ETag")
	put := func(body, kind, tag string) *httptest.ResponseRecorder {
		header := map[string]string{"Content-Type": kind}
		if tag != "" {
			header["If-Match"] = tag
		}
		return b.do(call{method: "PUT", path: "/api/v1/acl/policy", body: body, as: "alice", header: header})
	}
	same := put(text, "application/yaml", tag)
	require.Equal(t, http.StatusOK, same.Code, same.Body)
	require.Empty(t, object(t, same.Body.Bytes())["change"].(map[string]any)["changed"])
	w = put(`{"version":1,"rules":[{"id":"a","effect":"deny","principals":["*"],"models":["*"],"operations":["infer"],"note":"\ud83d\ude00 \/ \u4e2d"}]}`, "application/json", tag)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Contains(t, b.adminAsks("GET", "/api/v1/acl/rules/a", "").Body.String(), `"note":"😀 / 中"`)
	require.Equal(t, http.StatusPreconditionFailed, put(text, "application/yaml", tag).Code)
	for body, kind := range map[string]string{
		"version: 1\n": "application/yaml", "a: &x [1]\nb: *x": "application/yaml", `{"version":2,"rules":[]}`: "application/json",
		`{"version":1,"rules":[{"id":"x"}]}`: "application/json",
	} {
		require.Equal(t, http.StatusBadRequest, put(body, kind, "").Code, body)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, put(text, "text/plain", "").Code)
	large := "version: 1\nrules: []\n#" + strings.Repeat("x", 2<<20)
	require.Equal(t, http.StatusOK, put(large, "application/yaml", "").Code, "larger than http.max_body")
	require.Equal(t, http.StatusRequestEntityTooLarge, put(large+strings.Repeat("x", 7<<20), "application/yaml", "").Code)
}
