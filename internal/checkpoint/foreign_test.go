package checkpoint_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/checkpoint"
	"guardhouse/internal/proof"
)

// threat U1: that a folder holds another life's checkpoints is said after a restart too, when this life's own stand behind them.
func TestAnotherLifeIsSaidAfterARestart(t *testing.T) {
	h, dir := elsewhere(t)
	in := func(o *checkpoint.Options) { o.Anchor = dir }
	require.NoError(t, h.Start(t.Context()))
	h.Search(t.Context())
	require.False(t, h.State().Anchor.Foreign)
	old := filepath.Join(t.TempDir(), "old.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(dbPath(t, h) + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(old+suffix, data, 0o600))
	}
	for range 3 {
		require.NoError(t, h.Write(t.Context(), proof.CauseManual))
	}
	restored := at(t, h.data, old, h.clock, in)
	require.NoError(t, restored.Start(t.Context()))
	require.True(t, restored.State().Anchor.Foreign)

	again := at(t, h.data, old, h.clock, in)
	require.NoError(t, again.Start(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		again.Run(ctx)
	}()
	require.Eventually(t, func() bool { return again.State().Anchor.Foreign }, 10*time.Second, time.Millisecond)
	stop()
	<-done
	require.Equal(t, 1, again.lines("holds checkpoints that this database does not"))
	again.Search(t.Context())
	require.Equal(t, 1, again.lines("holds checkpoints that this database does not"), "once is enough")
}

// What a crash has torn and was written again is ours, and so is a folder of many days.
func TestOurOwnFolderIsNoOthers(t *testing.T) {
	h, dir := elsewhere(t)
	require.NoError(t, h.Start(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "*.notes"))
	require.NoError(t, err)
	whole, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], whole[:len(whole)-40], 0o600))
	again := at(t, h.data, dbPath(t, h), h.clock, func(o *checkpoint.Options) { o.Anchor = dir })
	require.NoError(t, again.Start(t.Context()))
	for range 600 {
		again.clock.Advance(time.Hour)
		require.NoError(t, again.Write(t.Context(), proof.CauseTime))
	}
	again.Search(t.Context())
	require.False(t, again.State().Anchor.Foreign)

	other := newHouse(t)
	require.NoError(t, other.Start(t.Context()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2020-01-01.notes"), []byte(copied(t, filepath.Join(other.data, "anchor"))[1]+"\n"), 0o600))
	again.Search(t.Context())
	require.True(t, again.State().Anchor.Foreign, "and another installation's is not")
}
