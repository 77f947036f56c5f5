package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// on runs a command on the data folder and demands its exit code.
func on(t *testing.T, data string, code int, stdin string, args ...string) result {
	t.Helper()
	r := guardhouse(t, stdin, append(args, "--data", data)...)
	require.Equal(t, code, r.code, "%v: %s", args, r.err)
	if code != exitGood {
		require.Equal(t, 1, strings.Count(r.err, "\n"), "%v: one line, not %q", args, r.err)
		require.Empty(t, r.out)
	}
	return r
}

func parsed(t *testing.T, r result) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.out), &out), r.out)
	return out
}

func TestUserIsAdministeredFromTheShell(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, password, "user", "create", "rita", "--role", "reviewer", "--display-name", "Rita", "--password-stdin")
	on(t, data, exitGood, "", "user", "create", "bot", "--role", "reviewer", "--service")

	u := parsed(t, on(t, data, exitGood, "", "user", "disable", "RITA", "--json"))
	require.Equal(t, "disabled", u["status"])
	require.Equal(t, "rita", u["username"])
	require.EqualValues(t, 2, u["version"])
	require.Contains(t, u, "language", "the members that the API answers")
	require.Contains(t, on(t, data, exitGood, "", "user", "list", "--status", "disabled").out, "rita")
	require.Equal(t, "rita is active\n", on(t, data, exitGood, "", "user", "enable", "rita").out)
	require.Equal(t, "rita has the role nurse\n", on(t, data, exitGood, "", "user", "set-role", "rita", "nurse").out)
	r := on(t, data, exitGood, "another long sentence\n", "user", "reset-password", "rita", "--password-stdin")
	require.Equal(t, "rita has a new password\n", r.out)
	list := on(t, data, exitGood, "", "user", "list", "--role", "nurse", "--kind", "person", "--query", "RIT", "--json").out
	require.Contains(t, list, `"username":"rita"`)
	require.NotContains(t, list, "alice")
	require.Equal(t, "rita is deleted\n", on(t, data, exitGood, "", "user", "delete", "rita").out)

	require.NotContains(t, on(t, data, exitGood, "", "user", "list").out, "rita")
	require.Contains(t, on(t, data, exitGood, "", "user", "list", "--status", "deleted").out, "rita")
	on(t, data, exitFailed, password, "user", "create", "rita", "--role", "guest", "--password-stdin") // threat Z7
	for _, args := range [][]string{
		{"user", "disable", "nobody"},
		{"user", "delete", "rita"},
		{"user", "set-role", "bot", "no-such-role"},
		{"user", "list", "--status", "asleep"},
		// The last admin stays, whoever asks.
		{"user", "disable", "alice"},
		{"user", "delete", "alice"},
		{"user", "set-role", "alice", "guest"},
	} {
		on(t, data, exitFailed, "", args...)
	}
	on(t, data, exitFailed, "short\n", "user", "reset-password", "alice", "--password-stdin")
	on(t, data, exitFailed, password, "user", "reset-password", "bot", "--password-stdin")
	require.Equal(t, true, parsed(t, on(t, data, exitGood, "", "audit", "verify", "--json"))["ok"])
	db, err := os.ReadFile(filepath.Join(data, "guardhouse.db"))
	require.NoError(t, err)
	require.NotContains(t, string(db), "another long sentence")
}

func TestRoleIsAdministeredFromTheShell(t *testing.T) {
	data := folder(t)
	r := on(t, data, exitGood, "", "role", "set", "auditor", "--description", "reads the log", "--action", "audit.read", "--action", "session.own", "--json")
	role := parsed(t, r)
	require.Equal(t, []any{"session.own", "audit.read"}, role["actions"])
	require.Equal(t, "reads the log", role["description"])
	cells, _ := role["cells"].([]any)
	require.Len(t, cells, 20)
	for _, c := range cells {
		cell, _ := c.(map[string]any)
		require.Equal(t, "changed", cell["source"])
		require.Contains(t, cell["changed_by"], "cli:")
		require.Contains(t, cell["event_id"], "evt_")
	}
	shut := on(t, data, exitGood, "", "role", "set", "auditor", "--action", "audit.read")
	require.Equal(t, "set role auditor with 1 actions\n", shut.out)
	require.Contains(t, shut.err, "warning: role auditor has no session.own: whoever has it cannot sign in")
	require.NotContains(t, on(t, data, exitGood, "", "role", "set", "auditor", "--action", "audit.read", "--action", "session.own").err, "warning")
	require.Contains(t, on(t, data, exitGood, "", "role", "list").out, "auditor")
	require.Len(t, parsed(t, on(t, data, exitGood, "", "role", "list", "--json"))["items"], 6)
	require.Contains(t, on(t, data, exitGood, "", "role", "show", "auditor").out, "audit.read")
	require.Equal(t, "shipped", parsed(t, on(t, data, exitGood, "", "role", "show", "guest", "--json"))["cells"].([]any)[0].(map[string]any)["source"])
	on(t, data, exitGood, "", "user", "create", "bot", "--role", "auditor", "--service")
	on(t, data, exitFailed, "", "role", "delete", "auditor")
	on(t, data, exitGood, "", "user", "delete", "bot")
	on(t, data, exitGood, "", "role", "set", "auditor", "--no-actions")
	require.Equal(t, map[string]any{"name": "auditor", "deleted": true}, parsed(t, on(t, data, exitGood, "", "role", "delete", "auditor", "--json")))
	for _, args := range [][]string{
		{"role", "show", "auditor"},
		{"role", "delete", "auditor"},
		{"role", "delete", "admin"},
		{"role", "set", "admin", "--no-actions"},
		{"role", "set", "Auditor", "--action", "audit.read"},
		{"role", "set", "auditor", "--action", "*"},
	} {
		on(t, data, exitFailed, "", args...)
	}
}

func TestWhySomebodyMay(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, "", "user", "create", "bot", "--role", "nurse", "--service")
	on(t, data, exitGood, "", "role", "set", "nurse", "--action", "model.view", "--action", "metrics.read")
	why := func() map[string]map[string]any {
		out := map[string]map[string]any{}
		items, _ := parsed(t, on(t, data, exitGood, "", "user", "permissions", "BOT", "--json"))["items"].([]any)
		for _, i := range items {
			line, _ := i.(map[string]any)
			out[line["action"].(string)] = line
		}
		return out
	}
	lines := why()
	require.Len(t, lines, 20)
	require.Equal(t, []any{true, "role", "nurse", "changed"}, []any{lines["metrics.read"]["allowed"], lines["metrics.read"]["reason"], lines["metrics.read"]["role"], lines["metrics.read"]["source"]})
	require.Contains(t, lines["metrics.read"]["changed_by"], "cli:")
	require.Contains(t, lines["metrics.read"]["event_id"], "evt_")
	require.Equal(t, []any{true, "shipped", nil}, []any{lines["model.view"]["allowed"], lines["model.view"]["source"], lines["model.view"]["event_id"]})
	require.Equal(t, "role_lacks", lines["audit.read"]["reason"])
	on(t, data, exitGood, "", "user", "disable", "bot")
	require.Equal(t, []any{false, "not_active"}, []any{why()["model.view"]["allowed"], why()["model.view"]["reason"]})
	text := on(t, data, exitGood, "", "user", "permissions", "bot").out
	require.Equal(t, 21, strings.Count(text, "\n"), text)
	require.Contains(t, text, "not_active")
	on(t, data, exitFailed, "", "user", "permissions", "nobody")
	on(t, data, exitUsage, "", "user", "permissions")
}

func TestWrongUsageOfUsersAndRoles(t *testing.T) {
	data := folder(t)
	for _, args := range [][]string{
		{"user", "disable"},
		{"user", "disable", "a", "b"},
		{"user", "set-role", "alice"},
		{"user", "set-role"},
		{"user", "reset-password", "alice"},
		{"user", "delete"},
		{"user", "list", "--bogus"},
		{"role"},
		{"role", "show"},
		{"role", "set"},
		{"role", "set", "auditor"},
		{"role", "set", "auditor", "--no-actions", "--action", "audit.read"},
		{"role", "delete"},
	} {
		on(t, data, exitUsage, "", args...)
	}
	on(t, data, exitUsage, "", "user", "reset-password", "alice", "--password-stdin")
	missing := filepath.Join(t.TempDir(), "typo")
	for _, args := range [][]string{{"user", "disable", "alice"}, {"role", "list"}, {"role", "set", "auditor", "--no-actions"}} {
		on(t, missing, exitFailed, "", args...)
		require.NoDirExists(t, missing)
	}
}

func TestEveryCommandOfUsersAndRolesHelps(t *testing.T) {
	for _, args := range []string{
		"user", "user list", "user create", "user disable", "user enable", "user set-role", "user reset-password", "user delete",
		"user sessions", "user revoke-sessions", "user permissions",
		"role", "role list", "role show", "role set", "role delete",
	} {
		r := guardhouse(t, "", append(strings.Fields(args), "--help")...)
		require.Equal(t, exitGood, r.code, args)
		require.Contains(t, r.out, "Examples:\n", args)
		require.Contains(t, r.out, "guardhouse "+strings.Fields(args)[0], args)
		if strings.Contains(args, " ") {
			require.Contains(t, r.out, "--json", args)
		}
	}
}
