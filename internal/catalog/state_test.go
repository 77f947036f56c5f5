package catalog_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/models"
)

// TestProgressGrowsWhileAModelLoads: it never goes back, and a model that is not loading has none.
func TestProgressGrowsWhileAModelLoads(t *testing.T) {
	h := newHouse(t)
	look := func() catalog.Model {
		m, err := h.cat.Resolve(t.Context(), "")
		require.NoError(t, err)
		return m
	}
	h.cat.SetProgress("guard-nano", catalog.StageReading, 0.5)
	require.Equal(t, catalog.StageWaiting, look().Stage, "nobody loads it")
	require.Zero(t, look().Progress)
	h.cat.SetState("guard-nano", catalog.StateLoading, "")
	require.Equal(t, catalog.StageWaiting, look().Stage)
	require.False(t, look().StateSince.IsZero())
	h.cat.SetProgress("guard-nano", catalog.StageReading, 0.5)
	h.cat.SetProgress("guard-nano", catalog.StageChecking, 0.25)
	require.Equal(t, catalog.StageReading, look().Stage)
	require.InDelta(t, 0.5, look().Progress, 0)
	h.cat.SetProgress("guard-nano", catalog.StagePreparing, 7)
	require.InDelta(t, 1, look().Progress, 0)
	h.cat.SetState("guard-nano", catalog.StateReady, "")
	require.Empty(t, look().Stage)
	require.Zero(t, look().Progress)
	h.cat.SetFailed("guard-nano", catalog.NoMemory, "the reason")
	require.Equal(t, catalog.NoMemory, look().StateCode)
	require.Equal(t, "the reason", look().StateReason)
	require.Equal(t, catalog.StateFailed, look().State)
}

// TestOpenTellsHowFarItIs: hashing is told as it goes, up to the whole.
func TestOpenTellsHowFarItIs(t *testing.T) {
	h := newHouse(t)
	m, err := h.cat.Resolve(t.Context(), "guard-nano")
	require.NoError(t, err)
	var heard []float64
	f, err := h.cat.OpenTold(t.Context(), m, func(done float64) { heard = append(heard, done) })
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Greater(t, len(heard), 2)
	require.True(t, slices.IsSorted(heard))
	require.InDelta(t, 1, heard[len(heard)-1], 0)
}

// TestWhatIsWrongWithAFileHasAWord of its own for each thing that a person would do about it.
func TestWhatIsWrongWithAFileHasAWord(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(path string) error
		word string
	}{
		"gone":     {os.Remove, catalog.FileMissing},
		"writable": {func(p string) error { return os.Chmod(p, 0o600) }, catalog.FileWritable},
		"other":    {rewrite, catalog.FileChanged},
		"moved":    {func(p string) error { return os.Rename(filepath.Dir(p), filepath.Dir(p)+".old") }, catalog.FileMissing},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			m, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano)})
			require.NoError(t, err)
			require.NoError(t, c.harm(m.Path))
			_, err = h.cat.Open(t.Context(), m)
			require.Error(t, err)
			require.Equal(t, c.word, catalog.FileFault(err))
		})
	}
	require.Empty(t, catalog.FileFault(os.ErrClosed))
}

func rewrite(path string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(path, 4096); err != nil {
		return err
	}
	return os.Chmod(path, 0o400)
}
