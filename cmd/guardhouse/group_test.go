package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGroupsAreAdministeredFromTheShell(t *testing.T) {
	data := folder(t)
	for _, name := range []string{"rita", "olga"} {
		on(t, data, exitGood, password, "user", "create", name, "--role", "nurse", "--password-stdin")
	}
	g := parsed(t, on(t, data, exitGood, "", "group", "create", "radiology", "--note", "third floor", "--json"))
	require.Equal(t, "radiology", g["name"])
	require.Equal(t, "radiology now in it: 2\n", on(t, data, exitGood, "", "group", "add", "RADIOLOGY", "rita", "Olga").out)
	require.Equal(t, "radiology now in it: 2\n", on(t, data, exitGood, "", "group", "add", "radiology", "rita").out, "again is no error")
	require.Contains(t, on(t, data, exitGood, "", "group", "show", "radiology").out, "olga")
	require.Equal(t, "radiology now in it: 1\n", on(t, data, exitGood, "", "group", "remove", "radiology", "olga").out)
	require.NotContains(t, on(t, data, exitGood, "", "group", "show", "radiology").out, "olga")
	require.Contains(t, on(t, data, exitGood, "", "group", "list", "--query", "THIRD").out, "radiology")
	require.EqualValues(t, 1, parsed(t, on(t, data, exitGood, "", "group", "show", "radiology", "--json"))["members"])

	r := on(t, data, exitFailed, "", "group", "add", "radiology", "olga", "nobody")
	require.Contains(t, r.err, "nobody")
	require.EqualValues(t, 1, parsed(t, on(t, data, exitGood, "", "group", "show", "radiology", "--json"))["members"], "all or nobody")
	on(t, data, exitFailed, "", "group", "create", "RAD1OLOGY") // threat Z7
	on(t, data, exitFailed, "", "group", "show", "nothing")
	on(t, data, exitUsage, "", "group", "add", "radiology")
	on(t, data, exitUsage, "", "group")
	require.Equal(t, "radiology is deleted\n", on(t, data, exitGood, "", "group", "delete", "radiology").out)
	on(t, data, exitFailed, "", "group", "create", "radiology")
}

func TestKeysAreRotatedFromTheShell(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, "", "user", "create", "bot", "--role", "reviewer", "--service")
	made := parsed(t, on(t, data, exitGood, "", "key", "create", "--user", "bot", "--label", "chat", "--ip-range", "10.0.0.0/8", "--ip", "192.0.2.0/24",
		"--rate-limit", "100req/min", "--valid-until", "2099-12-31", "--json"))
	require.Equal(t, []any{"10.0.0.0/8", "192.0.2.0/24"}, made["ip_ranges"])
	require.Equal(t, "100req/min", made["rate_limit"])
	id, ok := made["id"].(string)
	require.True(t, ok)
	secret, ok := made["key"].(string)
	require.True(t, ok)

	r := parsed(t, on(t, data, exitGood, "", "key", "rotate", id, "--overlap", "1h", "--json"))
	require.NotEqual(t, secret, r["key"])
	require.Equal(t, made["ip_ranges"], r["ip_ranges"])
	require.Equal(t, made["rate_limit"], r["rate_limit"])
	require.Contains(t, on(t, data, exitGood, "", "key", "list").out, "rotated to ")
	on(t, data, exitFailed, "", "key", "rotate", id)
	on(t, data, exitFailed, "", "key", "rotate", "key_0000000000")
	on(t, data, exitUsage, "", "key", "rotate")
	on(t, data, exitUsage, "", "key", "create", "--user", "bot", "--label", "x", "--ip", "10.1.2.3/8")
	on(t, data, exitUsage, "", "key", "create", "--user", "bot", "--label", "x", "--rate", "often")

	require.Equal(t, id+": the checksum is right\n", guardhouse(t, secret+"\n", "key", "check").out)
	for _, typed := range []string{"", secret[:len(secret)-1], strings.ToUpper(secret), secret + secret, "gh_"} {
		r := guardhouse(t, typed, "key", "check")
		require.Equal(t, exitFailed, r.code, typed)
		require.NotContains(t, r.err, "gh_", "what was typed is not repeated")
	}
	require.Equal(t, "revoked 2 keys of bot\n", on(t, data, exitGood, "", "key", "revoke", "--user", "BOT").out)
	on(t, data, exitUsage, "", "key", "revoke", id, "--user", "bot")
	on(t, data, exitUsage, "", "key", "revoke")
}
