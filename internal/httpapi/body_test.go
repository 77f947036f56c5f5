package httpapi_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// post sends raw bytes as rita.
func (b *bench) post(path string, body []byte, header map[string]string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://localhost"+path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+b.keys["rita"])
	r.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	return w
}

const moderations = "/api/v1/moderations"

func TestBodies(t *testing.T) {
	b := newBench(t, func(o *httpapi.Options, _ *httpapi.Deps) { o.MaxBody = 4096 })
	many := strings.Repeat(`{"role":"user","content":"x"},`, 4096) + `{"role":"user","content":"x"}`
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		status int
		has    string
	}{
		"fine":                {`{"input":"hello"}`, nil, 200, "Safe"},
		"charset":             {`{"input":"hello"}`, map[string]string{"Content-Type": "application/json; charset=UTF-8"}, 200, "Safe"},
		"other charset":       {`{"input":"hello"}`, map[string]string{"Content-Type": "application/json; charset=utf-16"}, 415, "application/json"},
		"form":                {`input=hello`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"},
		"plain text":          {`{"input":"hello"}`, map[string]string{"Content-Type": "text/plain"}, 415, "application/json"},
		"no type":             {`{"input":"hello"}`, map[string]string{"Content-Type": ""}, 415, "application/json"},
		"nearly json":         {`{"input":"hello"}`, map[string]string{"Content-Type": "application/json-patch+json"}, 415, "application/json"},
		"gzip":                {"\x1f\x8b\x08", map[string]string{"Content-Encoding": "gzip"}, 415, "Content-Encoding"}, // threat R1
		"identity":            {`{"input":"hello"}`, map[string]string{"Content-Encoding": "identity"}, 415, "Content-Encoding"},
		"over the limit":      {`{"input":"` + strings.Repeat("a", 4096) + `"}`, nil, 413, "http.max_body, 4096 bytes"},
		"empty":               {``, nil, 400, "empty"},
		"null":                {`null`, nil, 400, "must not be null"},
		"array":               {`[]`, nil, 400, "type object"},
		"no input":            {`{}`, nil, 400, "input is missing"},
		"null input":          {`{"input":null}`, nil, 400, "must not be null"},
		"number input":        {`{"input":1}`, nil, 400, "none of the types"},
		"empty conversation":  {`{"input":[]}`, nil, 400, "at least 1"},
		"wrong case":          {`{"Input":"hello"}`, nil, 400, "no field Input"},
		"wrong case beside":   {`{"input":"hello","INPUT":"zzviolent"}`, nil, 400, "no field INPUT"},
		"unknown":             {`{"input":"hello","max_tokens":-1}`, nil, 400, "no field max_tokens"}, // threat M7
		"unknown, hostile":    {`{"input":"hello","<script>":1}`, nil, 400, "unknown member"},
		"unknown in message":  {`{"input":[{"role":"user","content":"x","name":"y"}]}`, nil, 400, "input[0].name"},
		"role":                {`{"input":[{"role":"root","content":"x"}]}`, nil, 400, "input[0].role"},
		"content parts":       {`{"input":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`, nil, 400, "input[0].content"},
		"policy":              {`{"input":"x","policy":"none"}`, nil, 400, "policy"},
		"policy by prototype": {`{"input":"x","__proto__":{"policy":"loose"}}`, nil, 400, "no field __proto__"},
		"twice":               {`{"input":"hello","input":"zzviolent"}`, nil, 400, "twice"},
		"trailing":            {`{"input":"hello"}{}`, nil, 400, "more after"},
		"two surrogates":      {`{"input":"\ud83d\ude00"}`, nil, 200, "Safe"},
		"half a surrogate":    {`{"input":"\ud83d"}`, nil, 400, "surrogate"},
		"NUL in text":         {`{"input":"a\u0000b"}`, nil, 200, "Safe"},
		"many messages":       {`{"input":[` + many + `]}`, nil, 413, "max_body"},
		"model too long":      {`{"input":"x","model":"` + strings.Repeat("m", 129) + `"}`, nil, 400, "at most 128"},
	} {
		t.Run(name, func(t *testing.T) {
			var w *httptest.ResponseRecorder
			rows := b.newRows(func() { w = b.post(moderations, []byte(c.body), c.header) })
			require.Equal(t, c.status, w.Code, w.Body)
			require.Contains(t, w.Body.String(), c.has)
			require.NotContains(t, w.Body.String(), "script")
			require.Len(t, rows, 1, "a model route leaves one row, whatever the body was")
			if c.status != 200 {
				require.Equal(t, "error", rows[0].Decision)
			}
		})
	}
}

// TestAnnouncedLength: a length over the limit is refused before a byte is read; one that lies costs no memory.
func TestAnnouncedLength(t *testing.T) { // threat R1
	b := newBench(t)
	r := httptest.NewRequest(http.MethodPost, "https://localhost"+moderations, unreadable{t})
	r.ContentLength = 4 << 30
	r.Header.Set("Authorization", "Bearer "+b.keys["rita"])
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)

	w = b.post(moderations, []byte(`{"input":"`+strings.Repeat("a", 1<<20)+`"}`), nil)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Contains(t, w.Body.String(), "1048576")
}

// TestBodiesOfStrangers: who has shown no credential makes the server read little, and nothing where one is needed.
func TestBodiesOfStrangers(t *testing.T) {
	b := newBench(t)
	big := `{"username":"` + strings.Repeat("a", 20<<10) + `","password":"x"}`
	require.Equal(t, http.StatusRequestEntityTooLarge, b.do(call{method: "POST", path: "/login", body: big}).Code)
	r := httptest.NewRequest(http.MethodPost, "https://localhost"+moderations, unreadable{t})
	r.ContentLength = 10
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// TestNoBodyWhereNoneBelongs: what an address does not take is refused, not ignored.
func TestNoBodyWhereNoneBelongs(t *testing.T) {
	b := newBench(t)
	require.Equal(t, http.StatusBadRequest, b.do(call{method: "GET", path: "/api/v1/models", as: "rita", body: `{"a":1}`}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: "/api/v1/audit/verify", as: "alice", body: `{}`}).Code)
}

type crashCase struct {
	ID     string  `json:"id"`
	Kind   string  `json:"kind"`
	Expect string  `json:"expect"`
	Body   *string `json:"body_b64"`
	Zlib   *string `json:"body_zlib_b64"`
	Parts  [][]any `json:"parts"`
}

// TestHostileBodies sends every raw body of the goldens as it is, and again with its messages under the name that
// this contract has for them, so that the text itself is what is judged.
func TestHostileBodies(t *testing.T) { // threats M7, T5
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "goldens", "qwen", "text-crash", "cases.jsonl"))
	if err != nil {
		t.Skip("not run: the 68 hostile cases of goldens/qwen/text-crash are not beside the repository")
	}
	b := newBench(t)
	raw, texts := 0, 0
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var c crashCase
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		if c.Parts != nil {
			texts++
			b.hostile(t, c, body(t, map[string]any{"input": c.text(t)}))
			continue
		}
		raw++
		as := c.raw(t)
		require.NotEqual(t, http.StatusOK, b.hostile(t, c, as), "%s has no input", c.ID)
		b.hostile(t, c, bytes.Replace(as, []byte(`"messages"`), []byte(`"input"`), 1))
	}
	require.Equal(t, 23, raw)
	require.Equal(t, 45, texts)
	require.Equal(t, http.StatusOK, b.post(moderations, []byte(`{"input":"still here"}`), nil).Code)
}

func (b *bench) hostile(t *testing.T, c crashCase, body []byte) int {
	t.Helper()
	var w *httptest.ResponseRecorder
	rows := b.newRows(func() { w = b.post(moderations, body, nil) })
	if c.Expect == "4xx" || w.Code != http.StatusOK {
		require.GreaterOrEqual(t, w.Code, 400, "%s %s", c.ID, c.Kind)
		require.Less(t, w.Code, 499, "%s %s: %s", c.ID, c.Kind, w.Body)
	}
	require.Len(t, rows, 1, "%s %s", c.ID, c.Kind)
	for _, never := range []string{"0x", "goroutine", ".go:", "SQL", "runtime error", "runtime."} {
		require.NotContains(t, w.Body.String(), never)
	}
	return w.Code
}

func (c crashCase) raw(t *testing.T) []byte {
	t.Helper()
	if c.Body != nil {
		out, err := base64.StdEncoding.DecodeString(*c.Body)
		require.NoError(t, err)
		return out
	}
	require.NotNil(t, c.Zlib)
	packed, err := base64.StdEncoding.DecodeString(*c.Zlib)
	require.NoError(t, err)
	z, err := zlib.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	out, err := io.ReadAll(z)
	require.NoError(t, err)
	return out
}

func (c crashCase) text(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, p := range c.Parts {
		s, ok := p[0].(string)
		require.True(t, ok)
		n, ok := p[1].(float64)
		require.True(t, ok)
		out.WriteString(strings.Repeat(s, int(n)))
	}
	return out.String()
}

func body(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}
