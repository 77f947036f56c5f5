package httpapi_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
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
		r.Header["User-Agent"], r.Header["Idempotency-Key"] = []string{agent}, []string{agent}
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
