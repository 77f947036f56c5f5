package main

import (
	"os"
	"path/filepath"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/auth"
	"guardhouse/internal/config"
	"guardhouse/internal/db"
)

// threat W3: what stands in the database, in a file or in an argument reaches a terminal only as printable characters, in
// tables, in JSON and in errors.
func TestATerminalGetsNothingItWouldObey(t *testing.T) {
	const hostile = "zoë\u202egpj.exe\u009b31m\x7f\u200b\u2028"
	data := folder(t)
	c, err := config.Load(config.Sources{Flags: map[string]string{"data": data}, Environ: []string{}, File: os.DevNull})
	require.NoError(t, err)
	a, err := app.Open(t.Context(), c, app.Options{})
	require.NoError(t, err)
	system := app.SystemPrincipal("tester")
	_, err = a.Auth.CreateUser(t.Context(), system, auth.NewUser{Username: "zoe", Role: "guest", Kind: auth.KindService, DisplayName: hostile})
	require.Error(t, err, "the front door is shut")
	_, _, err = a.Auth.CreateKey(t.Context(), system, auth.NewKey{Label: "plain", UserName: "alice"}, nil)
	require.NoError(t, err)
	_, _, err = a.Guard.PutRole(t.Context(), system, "odd", access.RoleChange{Create: true, Actions: []access.Action{access.ModelView}})
	require.NoError(t, err)
	require.NoError(t, a.DB.Write(func(tx *db.Tx) error { // as somebody with the file would
		for _, q := range []string{"UPDATE users SET display_name = ?", "UPDATE api_keys SET label = ?", "UPDATE roles SET description = ?"} {
			if _, err := tx.Exec(q, hostile); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, a.Close())

	odd := filepath.Join(t.TempDir(), hostile)
	require.NoError(t, os.WriteFile(odd, []byte("lisen: x\n"), 0o600))
	for _, args := range [][]string{
		{"user", "list"},
		{"user", "list", "--json"},
		{"key", "list"},
		{"key", "list", "--json"},
		{"role", "list"},
		{"role", "list", "--json"},
		{"role", "show", hostile},
		{"user", "create", hostile, "--role", hostile, "--service"},
		{"key", "revoke", hostile},
		{"model", "import", odd},
		{"serve", "--config", odd},
		{"restore", odd},
		{"serve", "--print-config", "--listen", hostile},
		{"serve", "--print-config", "--json", "--config", filepath.Join(t.TempDir(), "absent"+hostile)},
		{hostile},
		{"--" + hostile},
		{"doctor", "--config", odd},
	} {
		if args[0] != "restore" {
			args = append(args, "--data", data)
		}
		r := guardhouse(t, "", args...)
		require.NotEmpty(t, r.out+r.err, "%q", args)
		for _, ch := range r.out + r.err {
			require.True(t, ch == '\n' || unicode.IsPrint(ch), "%q prints %q in %q", args, ch, r.out+r.err)
		}
	}
}
