package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const accessRequests = "/api/v1/access/requests"

// asksAccess makes a request for access and answers its id.
func (b *bench) asksAccess(header map[string]string, model string) string {
	b.t.Helper()
	w := b.do(call{method: "POST", path: accessRequests, header: header, body: `{"model":"` + model + `","purpose":"triage","until":"` + ahead() + `"}`})
	require.Equal(b.t, http.StatusCreated, w.Code, w.Body)
	return field(b.t, w.Body.Bytes(), "id")
}

// What is asked for tells nothing: the answer for a model that one may not see is that for one that is not there.
func TestAskingTellsNothing(t *testing.T) {
	b := newBench(t)
	bearer := map[string]string{"Authorization": b.bearer}
	answer := func(model string) map[string]any {
		w := b.do(call{method: "GET", path: accessRequests + "/" + b.asksAccess(bearer, model), header: bearer})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		matchesDocument(t, "getAccessRequest", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
		out := object(t, w.Body.Bytes())
		for _, own := range []string{"id", "model", "created_at", "until"} {
			require.NotEmpty(t, out[own])
			delete(out, own)
		}
		return out
	}
	there, not := answer("guard-nano"), answer("guard-nine")
	require.Equal(t, not, there)
	require.Nil(t, there["model_known"])

	w := b.do(call{method: "GET", path: accessRequests, as: "alice"})
	matchesDocument(t, "listAccessRequests", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	known := map[string]any{}
	for _, it := range object(t, w.Body.Bytes())["items"].([]any) {
		r := it.(map[string]any)
		known[r["model"].(string)] = r["model_known"]
	}
	require.Equal(t, map[string]any{"guard-nano": true, "guard-nine": false}, known, "whoever decides knows")
}

func TestRequestOverHTTP(t *testing.T) {
	b := newBench(t)
	bearer := map[string]string{"Authorization": b.bearer}
	id := b.asksAccess(bearer, "guard-nano")
	require.Equal(t, http.StatusConflict, b.do(call{method: "POST", path: accessRequests, header: bearer, body: `{"model":"guard-nano","purpose":"again","until":"` + ahead() + `"}`}).Code)
	require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: accessRequests + "/" + id + "/approve", header: bearer, body: `{}`}).Code)

	w := b.do(call{method: "POST", path: accessRequests + "/" + id + "/approve", as: "alice", body: `{"reason":"agreed"}`})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	matchesDocument(t, "approveAccessRequest", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	done := object(t, w.Body.Bytes())
	require.Equal(t, "approved", done["status"])
	require.Equal(t, "alice", done["decided_by"])
	require.NotEmpty(t, done["rule_id"])
	for _, verb := range []string{"approve", "decline"} {
		w := b.do(call{method: "POST", path: accessRequests + "/" + id + "/" + verb, as: "alice", body: `{"reason":"again"}`})
		require.Equal(t, http.StatusConflict, w.Code, w.Body)
	}
	require.Equal(t, http.StatusConflict, b.do(call{method: "POST", path: accessRequests + "/" + id + "/withdraw", header: bearer}).Code)

	other := b.asksAccess(bearer, "guard-next")
	w = b.do(call{method: "POST", path: accessRequests + "/" + other + "/withdraw", header: bearer, body: `{"reason":"not needed"}`})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	matchesDocument(t, "withdrawAccessRequest", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
}
