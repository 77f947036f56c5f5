package models

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// The hash is written out here so that neither the file nor the manifest can change unnoticed.
const guardNano = "56dd10122e59cf9e6f45a96a928e7b30931e48b15de7ce2806c6d26b0aa28f0d"

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
		require.NotEmpty(t, e.Licence, e.ID)
		if e.Default {
			defaults[e.Kind]++
		}
	}
	require.Equal(t, map[string]int{"guard": 1}, defaults, "one default of each kind")
	require.Equal(t, "guard-nano", entries[0].ID)
	require.Equal(t, guardNano, entries[0].SHA256)
}

func TestBytesOfAnUnknownFile(t *testing.T) {
	_, ok := Bytes("../go.mod")
	require.False(t, ok)
}
