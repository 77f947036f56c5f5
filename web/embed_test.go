package web_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/web"
)

// TestFreshCloneCompiles: the placeholder is there, so that the embedding has something to embed.
func TestFreshCloneCompiles(t *testing.T) {
	dist, err := web.Dist()
	require.NoError(t, err)
	_, err = fs.Stat(dist, ".gitkeep")
	require.NoError(t, err)
}
