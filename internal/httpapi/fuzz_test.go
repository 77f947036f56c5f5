package httpapi_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRequest: whatever is sent to whichever route, the answer is no 500 and tells nothing of the inside (threats T5, K1).
func FuzzRequest(f *testing.F) {
	for _, body := range []string{`{"input":"x"}`, `{"input":[{"role":"user","content":"x"}]}`, `{"text":"x"}`, `{"username":"u","role":"reviewer","password":"x"}`, `{"label":"x","models":["*"]}`, `{}`, `null`} {
		for i := range uint8(5) {
			f.Add(i, "limit=1&cursor=x&q=%27", "Bearer x", []byte(body))
		}
	}
	b := newBench(f)
	type target struct{ method, path string }
	var targets []target
	for _, s := range operations(f) {
		targets = append(targets, target{s.method, concrete(s.path)})
	}
	f.Fuzz(func(t *testing.T, which uint8, query, agent string, body []byte) {
		at := targets[int(which)%len(targets)]
		r := httptest.NewRequest(at.method, "https://localhost"+at.path, bytes.NewReader(body))
		r.URL = &url.URL{Path: at.path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+b.keys["alice"])
		r.Header.Set("Content-Type", "application/json")
		for _, name := range []string{"User-Agent", "Idempotency-Key", "If-Match", "Last-Event-Id"} {
			r.Header[name] = []string{agent}
		}
		w := httptest.NewRecorder()
		b.server.ServeHTTP(w, r)
		require.NotEqual(t, http.StatusInternalServerError, w.Code, "%s %s?%s %q: %s", at.method, at.path, query, body, w.Body)
		if w.Code >= 400 {
			for _, never := range []string{"0xc0", "goroutine", ".go:", "SQL", "sqlite", "panic", "runtime error"} {
				require.NotContains(t, w.Body.String(), never)
			}
		}
	})
}

// FuzzParameters: whatever stands in the path, the query and the headers of whichever route, the answer is no 5xx, of a
// documented form, and tells nothing of the inside (threats K1, T5).
func FuzzParameters(f *testing.F) {
	b := newBench(f)
	all := operations(f)
	for i := range all {
		f.Add(uint8(i), "usr_01JD", "limit=1&cursor=eA&role=admin&status=active&kind=person&q=a&keep_current=true", `"v1"`)
		f.Add(uint8(i), "admin", "cursor=%00&limit=-1", `W/"v1", *`)
		f.Add(uint8(i), "' OR 1=1--", "q=%25&q=%27", "*")
	}
	f.Fuzz(func(t *testing.T, which uint8, id, query, tag string) {
		s := all[int(which)%len(all)]
		if s.op.OperationID == "verifyAudit" || s.op.OperationID == "logout" {
			return // long work, and the end of who asks
		}
		r := httptest.NewRequest(s.method, "https://localhost/", nil)
		r.Header.Set("Authorization", "Bearer "+b.keys["alice"])
		r.URL = &url.URL{Path: regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllLiteralString(s.path, id), RawQuery: query}
		for _, name := range []string{"If-Match", "Idempotency-Key", "Last-Event-Id"} {
			r.Header[name] = []string{tag}
		}
		w := httptest.NewRecorder()
		b.server.ServeHTTP(w, r)
		require.Less(t, w.Code, 500, "%s %s?%s %q: %s", s.method, r.URL.Path, query, tag, w.Body)
		if w.Code < 400 {
			return
		}
		body := object(t, w.Body.Bytes())
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			require.Contains(t, body, "error")
			return
		}
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.InDelta(t, w.Code, body["status"], 0)
	})
}
