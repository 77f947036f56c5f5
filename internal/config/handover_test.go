package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The worker has the settings of its parent: the same values from the same sources, the secret too, and nothing that changed since.
func TestSettingsAreHandedOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guardhouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("log: {level: warn}\nengine: {queue: 7}\n"), 0o600))
	const secret = "correct-horse-battery-staple-0123456789"
	want, err := Load(Sources{
		File: file, Flags: map[string]string{"listen": "127.0.0.1:9443"}, Environ: []string{"GUARDHOUSE_AUTH_JWT_SECRET=" + secret},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte("engine: {queue: 9}\n"), 0o600))
	told, err := json.Marshal(want.Handover())
	require.NoError(t, err)
	var given []Given
	require.NoError(t, json.Unmarshal(told, &given))
	got, err := Resume(given)
	require.NoError(t, err)
	require.Equal(t, want.Explain(), got.Explain())
	require.Equal(t, 7, got.Queue)
	require.Equal(t, secret, got.JWTSecret.Reveal())
	want.given, got.given = nil, nil // functions equal nothing
	require.Equal(t, want, got)
	_, err = Resume(given[1:])
	require.ErrorContains(t, err, "was not handed over")
}
