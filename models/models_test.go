package models

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// most is how many bytes a model in the binary may have.
const most = 12_000_000

func TestEmbeddedBytesAreTheOnesOfTheManifest(t *testing.T) {
	entries, err := Manifest()
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	defaults := map[string]int{}
	for _, e := range entries {
		data, ok := Bytes(e.File)
		require.True(t, ok, e.File)
		sum := sha256.Sum256(data)
		require.Equal(t, e.SHA256, hex.EncodeToString(sum[:]), e.ID)
		require.LessOrEqual(t, len(data), most, e.ID)
		require.NotEmpty(t, e.Licence, e.ID)
		if e.Default {
			defaults[e.Kind]++
		}
	}
	require.Equal(t, map[string]int{"guard": 1}, defaults, "one default of each kind")
	require.Equal(t, "guard-nano", entries[0].ID)
}

func TestBytesOfAnUnknownFile(t *testing.T) {
	_, ok := Bytes("../go.mod")
	require.False(t, ok)
}
