package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"guardhouse/internal/httpapi"
)

const openapiPath = "/api/v1/openapi.json"

// withoutGenerator answers a value as JSON has it, less what only the generator of Go types reads.
func withoutGenerator(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if !strings.HasPrefix(name, "x-go-") && name != "x-enum-varnames" {
				out[name] = withoutGenerator(member)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, element := range v {
			out = append(out, withoutGenerator(element))
		}
		return out
	}
	return v
}

// TestPublishedDocumentIsTheContract: member by member what openapi.yaml says, read by two other readers.
func TestPublishedDocumentIsTheContract(t *testing.T) {
	b := newBench(t)
	w := b.do(call{method: "GET", path: openapiPath, as: "gus"})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"))

	source, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	var written any
	require.NoError(t, yaml.Unmarshal(source, &written))
	asJSON, err := json.Marshal(withoutGenerator(written))
	require.NoError(t, err)
	require.JSONEq(t, string(asJSON), w.Body.String())
	for _, never := range []string{"x-go-type", "x-enum-varnames", "wire.Time", "guardhouse/internal"} {
		require.NotContains(t, w.Body.String(), never)
	}
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	require.Less(t, strings.Index(w.Body.String(), `"username":{`), strings.Index(w.Body.String(), `"password":{`), "members stand as they were written")
}

// TestPublishedDocumentNamesWhatIsBuilt: every route that answers stands in it, and none that does not.
func TestPublishedDocumentNamesWhatIsBuilt(t *testing.T) {
	b := newBench(t)
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(b.do(call{method: "GET", path: openapiPath, as: "alice"}).Body.Bytes(), &doc))
	var named []string
	for path, item := range doc.Paths {
		for method := range item {
			named = append(named, strings.ToUpper(method)+" "+path)
		}
	}
	parameter := regexp.MustCompile(`:([a-z_]+)`)
	built := 0
	for _, r := range b.server.Routes() {
		r = parameter.ReplaceAllString(r, "{$1}")
		method, path, _ := strings.Cut(r, " ")
		if method == http.MethodHead || path == "/" || strings.HasPrefix(path, "/ui/") {
			continue
		}
		if slices.Contains(httpapi.Unbuilt(), r) {
			require.NotContains(t, named, r, "is not built")
			continue
		}
		require.Contains(t, named, r)
		built++
	}
	require.Len(t, named, built)
	require.Greater(t, built, 40)
}

func TestPublishedDocumentIsAskedForOnce(t *testing.T) {
	b := newBench(t)
	plain := b.do(call{method: "GET", path: openapiPath, as: "rita"})
	packed := b.do(call{method: "GET", path: openapiPath, as: "rita", header: map[string]string{"Accept-Encoding": "gzip, br"}})
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	require.Less(t, packed.Body.Len(), 48_000, "it stays small on the wire")
	z, err := gzip.NewReader(bytes.NewReader(packed.Body.Bytes()))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, plain.Body.String(), string(unpacked))
	require.NotEqual(t, plain.Header().Get("ETag"), packed.Header().Get("ETag"))
	for _, w := range []http.Header{plain.Header(), packed.Header()} {
		require.Equal(t, "Accept-Encoding", w.Get("Vary"))
	}
	for _, tag := range []string{plain.Header().Get("ETag"), `"other", W/` + plain.Header().Get("ETag"), "*"} {
		again := b.do(call{method: "GET", path: openapiPath, as: "rita", header: map[string]string{"If-None-Match": tag}})
		require.Equal(t, http.StatusNotModified, again.Code, tag)
		require.Empty(t, again.Body.String())
	}
	other := b.do(call{method: "GET", path: openapiPath, as: "rita", header: map[string]string{
		"If-None-Match": `"old"`, "If-Match": `"older"`, "Range": "bytes=0-3", "If-Range": plain.Header().Get("ETag"),
	}})
	require.Equal(t, http.StatusOK, other.Code)
	require.Equal(t, plain.Body.String(), other.Body.String())
}

// threat Z1: strangers learn nothing from it, and reading it leaves no row.
func TestPublishedDocumentWantsACredential(t *testing.T) {
	b := newBench(t)
	require.Empty(t, b.newRows(func() {
		require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: openapiPath}).Code)
		require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: openapiPath, header: map[string]string{"If-None-Match": "*"}}).Code)
		require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: openapiPath, as: "gus"}).Code)
	}))
}

// TestDocumentThatIsNoJSON: what JSON has no form for is refused when it is published, not sent in some form.
func TestDocumentThatIsNoJSON(t *testing.T) {
	for _, bad := range []string{"", "a: [", "a: &x 1\nb: *x\n", "a: .inf\n", "a: !!binary x\n---\nb: 1\n"} {
		_, err := httpapi.DocumentJSON([]byte(bad))
		require.Error(t, err, bad)
	}
	out, err := httpapi.DocumentJSON([]byte("b: {x-go-type: T, z: 1, a: \"<é\"}\na: [true, null, 1.5, \"2026-01-01\"]\n"))
	require.NoError(t, err)
	require.Equal(t, `{"b":{"z":1,"a":"\u003cé"},"a":[true,null,1.5,"2026-01-01"]}`, string(out))
}
