package gpu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	dir := real(t)
	build(t, dir)
	tried := 0
	o := Options{Dir: dir, Wanted: AllLayers, Run: func(_ context.Context, files []*os.File, d time.Duration) (Ended, error) {
		tried++
		require.Len(t, files, 5)
		require.Equal(t, Deadline, d)
		return Ended{Stdout: []byte(`{"devices":[{"name":"CUDA0","description":"A"}]}`)}, nil
	}}
	h, err := Find(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, h.Why)
	require.Equal(t, "A", h.Devices[0].Description)
	require.NoError(t, h.Library.Close())

	crash := o
	crash.Run = func(context.Context, []*os.File, time.Duration) (Ended, error) { return Ended{Exit: 1}, nil }
	h, err = Find(t.Context(), crash)
	require.NoError(t, err)
	require.Nil(t, h.Library)
	require.Contains(t, h.Why, "does not run here")
	require.False(t, h.Absent)

	off := o
	off.Wanted = 0
	h, err = Find(t.Context(), off)
	require.NoError(t, err)
	require.Equal(t, "engine.gpu_layers is 0", h.Why)

	skipped := o
	skipped.Skip = "it crashed"
	h, err = Find(t.Context(), skipped)
	require.NoError(t, err)
	require.Nil(t, h.Library)
	require.False(t, h.Absent)
	require.Equal(t, "it crashed", h.Why)

	absent := o
	absent.Dir = filepath.Join(dir, "none")
	h, err = Find(t.Context(), absent)
	require.NoError(t, err)
	require.Equal(t, "no GPU library is installed in "+absent.Dir, h.Why)
	require.True(t, h.Absent)
	require.Equal(t, 1, tried)
}

// threat M6: planted bytes are never tried, not even in a child; a folder of mode 0777 ends the start.
func TestFindNeverTriesWhatIsPlanted(t *testing.T) {
	dir := real(t)
	build(t, dir)
	o := Options{Dir: dir, Wanted: AllLayers, Run: func(context.Context, []*os.File, time.Duration) (Ended, error) {
		t.Fatal("it was tried")
		return Ended{}, nil
	}}
	require.NoError(t, os.WriteFile(filepath.Join(dir, backend), []byte("planted"), 0o600))
	h, err := Find(t.Context(), o)
	require.NoError(t, err)
	require.Nil(t, h.Library)
	require.Contains(t, h.Why, "its manifest says")
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err = Find(t.Context(), o)
	var loose *UnsafeError
	require.ErrorAs(t, err, &loose)
}

func TestFindEndsWithItsContext(t *testing.T) {
	dir := real(t)
	build(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Find(ctx, Options{Dir: dir, Wanted: 1, Run: func(context.Context, []*os.File, time.Duration) (Ended, error) {
		cancel()
		return Ended{}, errors.New("stopped")
	}})
	require.ErrorIs(t, err, context.Canceled)
}
