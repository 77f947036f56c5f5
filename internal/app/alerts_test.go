package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/alert"
	"guardhouse/internal/auth"
)

// An alert about a key says whose it is and what people know it by: an id alone says nothing to whoever reads it.
func TestAnAlertNamesItsKey(t *testing.T) {
	a := opened(t, t.TempDir())
	cli := SystemPrincipal("root")
	_, err := a.Auth.CreateUser(t.Context(), cli, auth.NewUser{Username: "alice", Role: "admin", Password: "a long word of a test"})
	require.NoError(t, err)
	k, secret, err := a.Auth.CreateKey(t.Context(), cli, auth.NewKey{Label: "ward", UserName: "alice"}, nil)
	require.NoError(t, err)
	require.NoError(t, a.Auth.RevokeKey(t.Context(), cli, k.ID))
	_, err = a.Auth.Authenticate(t.Context(), auth.Credential{Bearer: secret}, access.Origin{})
	require.Error(t, err)
	a.Alerts.Look(t.Context())
	open, err := a.Alerts.Open(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.Equal(t, alert.KeyLeaked, open[0].Kind)
	require.Equal(t, map[string]any{"key": k.ID, "prefix": k.Prefix, "label": "ward", "owner": "alice"}, open[0].Details)
}
