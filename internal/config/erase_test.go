package config

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEraseValues: the values of the named variables go and nothing else does, wherever they stand.
func TestEraseValues(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	text := "stack\x00A=1\x00SECRET=planted\x00SECRET_FILE=/x\x00B=SECRET=x\x00SECRET=again\x00EMPTY=\x00more stack"
	_, err = file.WriteString(text)
	require.NoError(t, err)
	to := int64(len(text) - len("more stack"))
	require.NoError(t, eraseValues(file, 6, to, []string{"SECRET", "EMPTY", "ABSENT"}))
	got, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Equal(t, "stack\x00A=1\x00SECRET=\x00\x00\x00\x00\x00\x00\x00\x00SECRET_FILE=/x\x00B=SECRET=x\x00SECRET=\x00\x00\x00\x00\x00\x00EMPTY=\x00more stack", string(got))
	for _, bounds := range [][2]int64{{0, 5}, {-1, 5}, {9, 5}, {1, 1 << 40}, {6, 1 << 20}} {
		require.Error(t, eraseValues(file, bounds[0], bounds[1], []string{"SECRET"}), "%v", bounds)
	}
}

// TestNothingToErase: without a secret in the environment memory is left alone.
func TestNothingToErase(t *testing.T) { require.NoError(t, EraseSecrets()) }
