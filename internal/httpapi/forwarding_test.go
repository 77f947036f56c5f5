package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/alert"
	"guardhouse/internal/forward"
	"guardhouse/internal/forward/outbound"
	"guardhouse/internal/httpapi"
)

// withForwarding adds what sends the log on: only to this machine's port 9, where nobody listens.
func withForwarding(d *httpapi.Deps, s *services) error {
	var err error
	d.Forward, err = forward.New(forward.Deps{DB: s.db, Log: s.log, Guard: s.guard, Key: make([]byte, 32)}, forward.Options{
		Hosts: []outbound.Host{{Name: "127.0.0.1", Port: 9}},
	})
	d.Alerts = alert.New(s.db, s.log, nil, alert.Options{})
	return err
}

func TestForwardTargetsOverHTTP(t *testing.T) {
	b := newBench(t)
	const path = "/api/v1/audit/forwarding"
	said := func(c call, op string, status int) map[string]any {
		t.Helper()
		c.as = "alice"
		w := b.do(c)
		require.Equal(t, status, w.Code, w.Body)
		if status == http.StatusNoContent {
			return nil
		}
		matchesDocument(t, op, status, w.Header().Get("Content-Type"), w.Body.Bytes())
		return object(t, w.Body.Bytes())
	}
	made := said(call{method: "POST", path: path, body: `{"kind":"webhook","name":"on call","url":"https://127.0.0.1:9/in","scope":"alerts"}`}, "createForwardTarget", 201)
	secret := made["secret"].(string)
	require.Contains(t, secret, "whsec_")
	id := made["target"].(map[string]any)["id"].(string)
	said(call{method: "POST", path: path, body: `{"kind":"syslog","name":"siem","transport":"tcp","address":"127.0.0.1:9"}`}, "createForwardTarget", 201)
	test := said(call{method: "POST", path: path + "/" + id + "/test"}, "testForwardTarget", 200)
	require.Equal(t, map[string]any{"taken": false, "error": "refused"}, test)
	next := said(call{method: "POST", path: path + "/" + id + "/rotate"}, "rotateForwardSecret", 200)
	require.NotEqual(t, secret, next["secret"])
	require.NotNil(t, next["target"].(map[string]any)["previous_secret_until"])
	paused := said(call{method: "PATCH", path: path + "/" + id, body: `{"paused":true}`}, "changeForwardTarget", 200)
	require.Equal(t, "paused", paused["state"])
	list := said(call{method: "GET", path: path}, "listForwardTargets", 200)
	require.Len(t, list["items"], 2)
	require.Equal(t, []any{"127.0.0.1:9"}, list["hosts"])
	require.NotContains(t, b.do(call{method: "GET", path: path, as: "alice"}).Body.String(), secret[6:], "shown once")
	said(call{method: "DELETE", path: path + "/" + id}, "removeForwardTarget", 204)
	require.Len(t, said(call{method: "GET", path: path}, "listForwardTargets", 200)["items"], 1)
}
