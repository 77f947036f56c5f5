package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const hygienePath = "/api/v1/acl/hygiene"

// A finding is listed, and done as it was listed: under the tag and with the days of its list.
func TestHygieneOverHTTP(t *testing.T) {
	b := newBench(t)
	b.rule(b.wardRule("ward-a", "rita"))
	b.rule(b.wardRule("ward-b", "rita"))
	w := b.do(call{method: "GET", path: hygienePath + "?days=7", as: "alice"})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	matchesDocument(t, "listHygiene", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	seen := object(t, w.Body.Bytes())
	require.InDelta(t, 7, seen["days"], 0)
	first := seen["items"].([]any)[0].(map[string]any)
	require.Equal(t, "shadowed:ward-b", first["id"])
	require.Equal(t, "ward-a", first["other_rule_id"])
	require.Equal(t, map[string]any{"kind": "remove"}, first["proposal"])

	tag := w.Header().Get("ETag")
	apply := func(body, match string) int {
		w := b.do(call{method: "POST", path: hygienePath + "/apply", as: "alice", body: body, header: map[string]string{"If-Match": match}})
		if w.Code == http.StatusOK {
			matchesDocument(t, "applyHygiene", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
		}
		return w.Code
	}
	for body, status := range map[string]int{
		`{"id":"shadowed:ward-b","days":0}`:                       http.StatusBadRequest,
		`{"id":"shadowed:ward-b","days":91}`:                      http.StatusBadRequest,
		`{"id":"shadowed:ward-b","note":"\u202egnihton"}`:         http.StatusBadRequest,
		`{"id":"shadowed:ward-b","until":"2099-01-01T00:00:00Z"}`: http.StatusBadRequest,
		`{"id":"shadowed:ward-a","days":7}`:                       http.StatusPreconditionFailed,
	} {
		require.Equal(t, status, apply(body, tag), body)
	}
	require.Equal(t, http.StatusPreconditionFailed, apply(`{"id":"shadowed:ward-b","days":7}`, `"1"`))
	require.Equal(t, http.StatusOK, apply(`{"id":"shadowed:ward-b","days":7,"note":"it stands there twice"}`, tag))
	require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: "/api/v1/acl/rules/ward-b", as: "alice"}).Code)
}
