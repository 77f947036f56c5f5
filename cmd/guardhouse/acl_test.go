package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesOnTheCommandLine(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, password, "user", "create", "rita", "--role", "reviewer", "--password-stdin")
	file := filepath.Join(t.TempDir(), "ward.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	const ward = "version: 1\nrules:\n  - {id: ward, effect: allow, principals: [\"user:rita\"], models: [\"ward-*\"], operations: [view, infer], conditions: {ip_ranges: [10.0.0.0/8]}}\n"

	write(ward)
	require.Contains(t, guardhouse(t, "", "acl", "check", file).out, "good: 1 rules")
	require.Contains(t, on(t, data, exitGood, "", "acl", "put", "--dry-run", file).out, "nothing was changed")
	require.NotContains(t, on(t, data, exitGood, "", "acl", "list").out, "ward-*")
	require.Contains(t, on(t, data, exitGood, "", "acl", "put", file, "--note", "tablets").out, "+ ward\n1 added")
	list := on(t, data, exitGood, "", "acl", "list", "--model", "ward-1").out
	require.Contains(t, list, "user:rita")
	require.Contains(t, list, "from 10.0.0.0/8")
	require.Contains(t, on(t, data, exitGood, "", "acl", "get", "ward").out, "id: ward")
	require.Equal(t, "ward", parsed(t, on(t, data, exitGood, "", "acl", "get", "ward", "--json"))["id"])

	whole := on(t, data, exitGood, "", "acl", "export").out
	require.Contains(t, on(t, data, exitGood, whole, "acl", "import", "-").out, "0 added, 0 changed, 0 removed")
	json := on(t, data, exitGood, "", "acl", "export", "--json").out
	require.Contains(t, on(t, data, exitGood, json, "acl", "apply", "-").out, "0 added, 0 changed, 0 removed")

	changed := parsed(t, on(t, data, exitGood, ward+"...\n", "acl", "import", "-", "--json"))
	require.Equal(t, []any{"shipped-guard-nano"}, changed["removed"])
	history := on(t, data, exitGood, "", "acl", "versions", "--rule", "ward").out
	require.Contains(t, history, "tablets")
	require.Contains(t, history, "cli:")
	items, _ := parsed(t, on(t, data, exitGood, "", "acl", "versions", "--json"))["items"].([]any)
	require.Len(t, items, 3, "no number is left out")
	first, _ := items[2].(map[string]any)
	require.Equal(t, "start", first["kind"])
	require.Regexp(t, `(?m)^1 +- +- +start `, on(t, data, exitGood, "", "acl", "versions").out)
	newest, _ := items[0].(map[string]any)
	version := fmt.Sprint(newest["version"])
	require.Contains(t, on(t, data, exitGood, "", "acl", "versions", version).out, "shipped-guard-nano")
	require.Contains(t, on(t, data, exitGood, "", "acl", "undo", version).out, "+ shipped-guard-nano")
	require.Contains(t, on(t, data, exitFailed, "", "acl", "undo", version).err, "was changed since")
	require.Contains(t, on(t, data, exitGood, "", "acl", "delete", "ward").out, "deleted rule ward")
	require.Equal(t, exitUsage, guardhouse(t, "", "acl", "undo", "x", "--data", data).code)

	write("version: 1\nrul")
	require.Equal(t, exitFailed, guardhouse(t, "", "acl", "check", file).code)
	write("version: 1\nrules:\n  - {id: x, effect: allow, principals: [\"user:nobody\"], models: [m], operations: [infer]}\n")
	require.Contains(t, on(t, data, exitFailed, "", "acl", "import", file).err, "rules[0].principals[0]")
	require.Equal(t, exitFailed, guardhouse(t, "", "acl", "list", "--data", filepath.Join(data, "nowhere")).code)
}

// A pipe that broke leaves a part of a policy, which is YAML most of the time and would replace the whole.
func TestAPipeThatBrokeReplacesNoRules(t *testing.T) {
	data := folder(t)
	whole := on(t, data, exitGood, "", "acl", "export").out
	part := strings.TrimSuffix(whole, "...\n")
	require.Less(t, len(part), len(whole))
	for _, dry := range []string{"--dry-run", "--json"} {
		r := on(t, data, exitFailed, part, "acl", "import", "-", dry)
		require.Contains(t, r.err, "it looks cut off")
		require.Contains(t, r.err, "--partial")
	}
	require.Contains(t, on(t, data, exitGood, part, "acl", "import", "-", "--partial").out, "0 added, 0 changed, 0 removed")
	require.Contains(t, on(t, data, exitGood, part, "acl", "put", "-").out, "0 added, 0 changed, 0 removed", "what is put takes nothing away")

	file := filepath.Join(t.TempDir(), "acl.yaml")
	require.NoError(t, os.WriteFile(file, []byte(part), 0o600))
	require.Contains(t, on(t, data, exitGood, "", "acl", "import", file).out, "0 added, 0 changed, 0 removed", "a file is no pipe")
	r := guardhouse(t, "", "acl", "check", file)
	require.Equal(t, exitGood, r.code)
	require.Contains(t, r.err, "no line `...` at its end")
	require.Contains(t, r.out, "good: ")
	r = guardhouse(t, "", "acl", "check", "--watched", file)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "no line `...` at its end")
	require.Equal(t, exitFailed, guardhouse(t, part, "acl", "check", "--watched", "-").code)

	require.NoError(t, os.WriteFile(file, []byte(whole), 0o600))
	r = guardhouse(t, "", "acl", "check", "--watched", file)
	require.Equal(t, exitGood, r.code)
	require.Empty(t, r.err)
}

// With acl.file the command line is a reader like everybody.
func TestRulesOfAFileAreReadOnlyOnTheCommandLine(t *testing.T) {
	data := folder(t)
	file := filepath.Join(t.TempDir(), "acl.yaml")
	require.NoError(t, os.WriteFile(file, []byte("version: 1\nrules: []\n"), 0o600))
	t.Setenv("GUARDHOUSE_ACL_FILE", file)
	require.Contains(t, on(t, data, exitFailed, "", "acl", "delete", "shipped-guard-nano").err, "acl.file")
	r := guardhouse(t, "", "doctor", "--data", data)
	require.Contains(t, r.out, file+" can be read")
	require.NoError(t, os.WriteFile(file, []byte("version: 1\n"), 0o600))
	require.Contains(t, guardhouse(t, "", "doctor", "--data", data).out, "rules: must be there")
}
