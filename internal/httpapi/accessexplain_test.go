package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatThePageExplains: what stands in docs/access.md of a question is in the answer to it.
func TestWhatThePageExplains(t *testing.T) {
	h := newHouse(t)
	for _, e := range accessExamples(t) {
		h.policy(e)
		w := h.do(call{method: "POST", path: "/api/v1/access/explain", as: "alice", body: h.named(e.explain)})
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", e.title, w.Body)
		var want map[string]any
		require.NoError(t, json.Unmarshal([]byte(e.answer), &want))
		got := object(t, w.Body.Bytes())
		for name, value := range want {
			require.Equal(t, value, got[name], "%s: %s in %s", e.title, name, w.Body)
		}
	}
}
