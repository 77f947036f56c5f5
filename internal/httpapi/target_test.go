package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A refusal at the door names what was reached for, as one behind it does; never what only stood in the place of an id
// (threat U5), and for strangers nothing.
func TestARefusalNamesItsTarget(t *testing.T) {
	b := newBench(t)
	alice := b.idOf("alice")
	const key, session = "key_0123456789", "ses_01M7ZBJQ4S66YM8G4DHYMMKSPS"
	for _, c := range []struct {
		call
		want string
	}{
		{call{method: "PATCH", path: "/api/v1/users/" + alice, body: `{"role":"guest"}`}, "user:" + alice},
		{call{method: "DELETE", path: "/api/v1/users/" + alice + "/sessions"}, "user:" + alice},
		{call{method: "GET", path: "/api/v1/users/" + alice}, "user:" + alice},
		{call{method: "POST", path: "/api/v1/keys/" + key + "/confirm"}, "key:" + key},
		{call{method: "PUT", path: "/api/v1/roles/admin", body: `{"actions":[]}`}, "role:admin"},
		{call{method: "DELETE", path: "/api/v1/sessions/" + session}, "session:" + session},
		{call{method: "PATCH", path: "/api/v1/users/" + b.keys["nora"], body: `{"role":"guest"}`}, ""},
		{call{method: "POST", path: "/api/v1/keys/" + b.keys["nora"] + "/confirm"}, ""},
		{call{method: "POST", path: "/api/v1/users", body: `{}`}, ""},
	} {
		c.as = "nora"
		rows := b.newRows(func() { require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, b.do(c.call).Code) })
		require.Len(t, rows, 1)
		require.Equal(t, c.want, rows[0].Resource, "%s %s", c.method, c.path)
		c.as = ""
		rows = b.newRows(func() { require.Equal(t, http.StatusUnauthorized, b.do(c.call).Code) })
		require.Len(t, rows, 1)
		require.Empty(t, rows[0].Resource)
	}
}
