package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelsAreMovedWithoutAServerToo(t *testing.T) {
	data := folder(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"load", "guard-nano"}, exitGood, "Stored. No server runs on this folder"},
		{[]string{"default", "guard-nano"}, exitGood, "guard-nano is the default from its next start on"},
		{[]string{"verify", "guard-nano"}, exitGood, "is the file that was imported: sha256 "},
		{[]string{"unload", "guard-nano"}, exitFailed, "make another the default first"},
		{[]string{"remove", "guard-nano"}, exitFailed, "make another the default first"},
		{[]string{"load", "nobody"}, exitFailed, "no such model"},
		{[]string{"default", "guard-nano", "--interrupt"}, exitUsage, "--interrupt goes with --replace"},
		{[]string{"load"}, exitUsage, ""},
	} {
		r := guardhouse(t, "", append(append([]string{"model"}, c.args...), "--data", data)...)
		require.Equal(t, c.code, r.code, "%v: %s", c.args, r.err)
		require.Contains(t, r.out+r.err, c.says, c.args)
	}
	r := guardhouse(t, "", "model", "load", "guard-nano", "--json", "--data", data)
	require.JSONEq(t, `{"id":"guard-nano","served":false,"state":"","default":false}`, r.out)
}
