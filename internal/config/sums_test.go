package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
)

func TestHashesOfModels(t *testing.T) {
	sum := strings.Repeat("Ab", 32)
	load := func(v string) (*config.Config, error) {
		return config.Load(config.Sources{Environ: []string{"GUARDHOUSE_MODELS_ALLOWED_SHA256=" + v}, File: "/dev/null"})
	}
	c, err := load(sum + ", " + strings.Repeat("0", 64))
	require.NoError(t, err)
	require.Equal(t, []string{strings.ToLower(sum), strings.Repeat("0", 64)}, c.AllowedSHA256)
	c, err = load("")
	require.NoError(t, err)
	require.Empty(t, c.AllowedSHA256)
	for _, bad := range []string{"abc", sum + "0", strings.Repeat("g", 64), "sha256:" + sum[:57], sum + " " + sum} {
		_, err := load(bad)
		require.ErrorContains(t, err, "models.allowed_sha256", bad)
	}
}
