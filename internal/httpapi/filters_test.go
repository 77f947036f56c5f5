package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// threat Z3: a saved filter is its owner's, whoever else asks; keeping one leaves no row, and asking for a page's that one may
// not open does.
func TestFiltersAreOnesOwn(t *testing.T) {
	b := newBench(t)
	save := func(as, body string) int {
		return b.do(call{method: "POST", path: "/api/v1/filters", as: as, body: body}).Code
	}
	audit := `{"page":"audit","name":"Refusals","query":"decision=deny"}`
	rows := b.newRows(func() {
		require.Equal(t, http.StatusCreated, save("alice", audit))
		require.Equal(t, http.StatusConflict, save("alice", audit))
		require.Equal(t, http.StatusCreated, save("otto", audit))
		require.Equal(t, http.StatusCreated, save("rob", `{"page":"history","name":"Mine","query":"severity=Unsafe&scope=own"}`))
	})
	require.Empty(t, rows)
	rows = b.newRows(func() {
		require.Equal(t, http.StatusForbidden, save("rob", audit))
		require.Equal(t, http.StatusForbidden, save("otto", `{"page":"history","name":"x","query":"severity=Unsafe"}`))
	})
	require.Len(t, rows, 2)
	require.Equal(t, []string{"audit.read", "deny", "role"}, []string{rows[0].Action, rows[0].Decision, rows[0].Reason})
	require.Equal(t, "moderation.read", rows[1].Action)

	list := b.do(call{method: "GET", path: "/api/v1/filters", as: "otto"}).Body.Bytes()
	require.NotContains(t, string(list), "Mine")
	id := field(t, b.do(call{method: "POST", path: "/api/v1/filters", as: "otto", body: `{"page":"audit","name":"2","query":"q=x"}`}).Body.Bytes(), "id")
	require.Equal(t, http.StatusNotFound, b.do(call{method: "DELETE", path: "/api/v1/filters/" + id, as: "alice"}).Code)
	require.Equal(t, http.StatusNoContent, b.do(call{method: "DELETE", path: "/api/v1/filters/" + id, as: "otto"}).Code)
	require.Equal(t, http.StatusNotFound, b.do(call{method: "DELETE", path: "/api/v1/filters/" + id, as: "otto"}).Code)

	for _, body := range []string{
		`{"page":"users","name":"x","query":"q=a"}`, `{"page":"audit","name":"x","query":"limit=9"}`, `{"page":"audit","name":"a\u202eb","query":"q=a"}`,
		`{"page":"audit","name":"x"}`, `{"page":"audit","name":"x","query":"q=a","user_id":"usr_1"}`,
	} {
		require.Equal(t, http.StatusBadRequest, save("alice", body), body)
	}
}
