package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/fault"
)

// What the page says in its own words has a code; whatever else goes wrong has one too.
func TestEveryProblemHasACode(t *testing.T) {
	require.Empty(t, checkpoint.WhyOf(nil))
	require.Equal(t, checkpoint.WhyDatabase, checkpoint.WhyOf(fault.New(fault.AuditUnavailable, "no row")))
	require.Equal(t, checkpoint.WhyOther, checkpoint.WhyOf(errors.New("who knows")))
	require.Contains(t, checkpoint.Whys(), checkpoint.WhyOther)
}

// A key that is not what its name says is named as such, also behind the message of whoever asked for a signature.
func TestAKeyThatIsNoneHasItsCode(t *testing.T) {
	data, path, c := t.TempDir(), apptest.DBPath(t), newClock()
	require.NoError(t, at(t, data, path, c, nil).Start(t.Context()))
	keys, err := filepath.Glob(filepath.Join(checkpoint.KeyDir(data, ""), "*.key"))
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NoError(t, os.WriteFile(keys[0], []byte("none"), 0o600))
	err = at(t, data, path, c, nil).Start(t.Context())
	require.Error(t, err)
	require.Equal(t, checkpoint.WhyKey, checkpoint.WhyOf(err))
}
