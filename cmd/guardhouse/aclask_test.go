package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAskingTheRulesOnTheCommandLine(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, password, "user", "create", "rita", "--role", "reviewer", "--password-stdin")
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(`version: 1
rules:
  - {id: ward, effect: allow, principals: ["user:rita"], models: [guard-nano], operations: [view, infer], conditions: {ip_ranges: [10.0.0.0/8]}}
  - {id: ward-2, effect: allow, principals: ["user:rita"], models: [guard-nano], operations: [infer], conditions: {ip_ranges: [10.1.0.0/16]}}
`)
	with := on(t, data, exitGood, "", "acl", "explain", "user:rita", "guard-nano", "infer", "--with", file).out
	require.Contains(t, with, "deny, 404")
	require.Contains(t, with, "would pass: an address in 10.0.0.0/8 (ward)")
	require.Contains(t, on(t, data, exitGood, "", "acl", "explain", "user:rita", "guard-nano", "infer").out, "allow, 200: by rule shipped-guard-nano", "the file is not in force")
	require.Contains(t, on(t, data, exitGood, "", "acl", "rehearse", file).out, "0 uses from")

	on(t, data, exitGood, "", "acl", "import", file)
	from := on(t, data, exitGood, "", "acl", "explain", "user:rita", "guard-nano", "infer", "--ip", "10.1.2.3", "--json")
	require.Equal(t, "ward", parsed(t, from)["rule_id"])
	require.Regexp(t, `guard-nano +yes +yes +no +no`, on(t, data, exitGood, "", "acl", "can", "user:rita", "--ip", "10.1.2.3").out)
	require.Regexp(t, `guard-nano +no +no +no +no`, on(t, data, exitGood, "", "acl", "can", "user:rita").out)

	require.Regexp(t, `shadowed:ward-2 +ward +remove`, on(t, data, exitGood, "", "acl", "hygiene").out)
	on(t, data, exitFailed, "", "acl", "hygiene", "--apply", "shadowed:ward-2", "--days", "91")
	require.Equal(t, "done: remove\n", on(t, data, exitGood, "", "acl", "hygiene", "--apply", "shadowed:ward-2", "--days", "7").out)
	require.NotContains(t, on(t, data, exitGood, "", "acl", "list").out, "ward-2")
	on(t, data, exitFailed, "", "acl", "hygiene", "--apply", "shadowed:ward-2")

	on(t, data, exitFailed, "", "acl", "explain", "user:nobody", "guard-nano", "infer")
	on(t, data, exitUsage, "", "acl", "explain", "user:rita", "guard-nano", "delete")
	on(t, data, exitUsage, "", "acl", "can", "user:rita", "--ip", "here")
	on(t, data, exitUsage, "", "acl", "can", "user:rita", "--at", "noon")
}
