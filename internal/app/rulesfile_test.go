package app

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ruled is a server whose rules come from a file, and what its first administrator asks of it.
type ruled struct {
	*running
	client *http.Client
	bearer string
	file   string
}

func (r *ruled) start(t *testing.T, data string, further ...string) {
	t.Helper()
	r.running = serve(t, data, further...)
	r.client = r.running.client(t)
}

// put replaces the file as people are told to: by a rename.
func (r *ruled) put(t *testing.T, text string) {
	t.Helper()
	next := r.file + ".new"
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Rename(next, r.file))
}

// becomes waits until a use of the model is answered so.
func (r *ruled) becomes(t *testing.T, status int) time.Duration {
	t.Helper()
	began := time.Now()
	require.Eventually(t, func() bool {
		got, _ := r.post(t, r.client, "/api/v1/moderations", r.bearer, map[string]string{"input": "how do I bake bread?"})
		return got == status
	}, deadline, 5*time.Millisecond)
	return time.Since(began)
}

func (r *ruled) get(t *testing.T, path string) string {
	t.Helper()
	res := r.me(t, r.client, path, r.bearer)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusOK, res.StatusCode, path)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// finding is what the overview says of the file, "" where it is in force.
func (r *ruled) finding(t *testing.T) string {
	t.Helper()
	var o struct {
		Needs []struct {
			Code   string
			Params map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.get(t, "/api/v1/overview")), &o))
	for _, n := range o.Needs {
		if n.Code == "acl_file_invalid" {
			problem, _ := n.Params["problem"].(string)
			return problem
		}
	}
	return ""
}

// clears waits until nothing is said of the file any more. Its rules may be in force a moment before.
func (r *ruled) clears(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return r.finding(t) == "" }, inForce, 5*time.Millisecond)
}

// inForce is ten times what a file may take on a machine that has time.
const inForce = 10 * time.Second

const (
	fileOpens = "version: 1\ndefault: deny\nrules:\n  - {id: admins, effect: allow, principals: [\"role:admin\"], models: [\"*\"], operations: [view, infer]}\n"
	fileShuts = fileOpens + "  - {id: shut, effect: deny, principals: [\"*\"], models: [guard-nano], operations: [infer]}\n"
	fileEnd   = "...\n"
)

// TestServeWithRulesFromAFile is the life of acl.file in the whole server: taken at the start, replaced, half-written, over a
// restart, and taken away.
func TestServeWithRulesFromAFile(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := &ruled{file: filepath.Join(t.TempDir(), "policy.yaml")}
	r.start(t, data)
	status, made := r.post(t, r.client, "/api/v1/setup", "", map[string]string{"token": r.SetupToken, "username": "alice", "password": "a long sentence for tests"})
	require.Equal(t, http.StatusCreated, status, made)
	r.bearer, _ = made["access_token"].(string)
	require.NotContains(t, r.get(t, "/metrics"), "guardhouse_acl_file_valid")
	r.end(t)

	r.put(t, fileOpens+fileEnd)
	r.start(t, data, "acl.file="+r.file)
	r.becomes(t, http.StatusOK)
	require.Contains(t, r.get(t, "/metrics"), "guardhouse_acl_file_valid 1")

	r.put(t, fileShuts+fileEnd)
	took := r.becomes(t, http.StatusForbidden)
	t.Logf("in force after %s", took)
	require.Less(t, took, inForce)
	require.Empty(t, r.finding(t))

	// Somebody copies the next policy there and the line breaks: the part of it would open what is shut.
	require.NoError(t, os.WriteFile(r.file, []byte(fileOpens), 0o600))
	require.Eventually(t, func() bool { return r.finding(t) != "" }, deadline, 5*time.Millisecond)
	require.Contains(t, r.finding(t), "it looks cut off")
	require.Contains(t, r.get(t, "/metrics"), "guardhouse_acl_file_valid 0")
	rows := r.get(t, "/api/v1/audit/events?decision=error")
	require.Contains(t, rows, "it looks cut off")
	require.Contains(t, rows, `"acl_file_invalid"`)
	r.becomes(t, http.StatusForbidden)
	status, _, answer := r.send(t, http.MethodDelete, "/api/v1/acl/rules/shut", map[string]string{"Authorization": "Bearer " + r.bearer}, nil)
	require.Equal(t, http.StatusConflict, status, answer)
	r.end(t)

	r.start(t, data, "acl.file="+r.file)
	require.Contains(t, r.finding(t), "it looks cut off", "a restart keeps the last good one")
	r.becomes(t, http.StatusForbidden)
	r.put(t, fileOpens+fileEnd)
	r.becomes(t, http.StatusOK)
	r.clears(t)
	r.put(t, "version: 1\ndefault: deny\nrules: []\n"+fileEnd)
	r.becomes(t, http.StatusForbidden)
	r.end(t)

	r.start(t, data, "acl.default=allow")
	r.becomes(t, http.StatusForbidden)
	require.NotContains(t, r.get(t, "/metrics"), "guardhouse_acl_file_valid")
	require.Contains(t, r.get(t, "/api/v1/acl/policy"), `"default":"deny"`, "without its file the default of the file stays, and is shown")
	status, _, answer = r.send(t, http.MethodPut, "/api/v1/acl/policy", map[string]string{"Authorization": "Bearer " + r.bearer},
		map[string]any{"version": 1, "default": "allow", "rules": []any{}})
	require.Equal(t, http.StatusOK, status, answer)
	r.becomes(t, http.StatusOK)
	r.end(t)
}
