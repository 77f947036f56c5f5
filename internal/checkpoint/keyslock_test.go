package checkpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// listed makes sure that a folder names every key of the log, each once, and none as a comment alone.
func (h *house) listed(dir string) {
	h.t.Helper()
	keys, err := h.Keys(h.t.Context())
	require.NoError(h.t, err)
	text, err := os.ReadFile(filepath.Join(dir, "public-keys"))
	require.NoError(h.t, err)
	for _, k := range keys {
		require.Equal(h.t, 1, strings.Count("\n"+string(text), "\n"+k.Verifier+"\n"), "key %d of %d", k.N, len(keys))
	}
	known, err := proof.ParseKeys(text)
	require.NoError(h.t, err)
	require.Equal(h.t, len(keys), known.Len())
}

// Two processes that change keys at once, server and command, lose none: when a change is answered the folder has its key.
func TestTwoProcessesLoseNoKey(t *testing.T) {
	h, dir := elsewhere(t)
	require.NoError(t, h.Start(t.Context()))
	other := at(t, h.data, dbPath(t, h), h.clock, func(o *checkpoint.Options) { o.Anchor = dir })
	var both sync.WaitGroup
	for _, process := range []*house{h, other} {
		both.Go(func() {
			for range 8 {
				if _, err := process.Rotate(t.Context(), access.System("tester")); err != nil {
					assert.Contains(t, []fault.Code{fault.Conflict, fault.Busy}, fault.CodeOf(err), err)
				}
			}
		})
	}
	both.Wait()
	h.listed(dir)
	keys, err := h.Keys(t.Context())
	require.NoError(t, err)
	require.Greater(t, len(keys), 8)
	left, err := filepath.Glob(filepath.Join(h.data, "audit", "*.key"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(h.data, "audit", keys[len(keys)-1].ID+".key")}, left, "and one private key is left: the newest")
}

// A process waits for the one that is at the folder, and works on the file that bears the name by then.
func TestAChangeOfKeysWaitsForItsTurn(t *testing.T) {
	h, dir := elsewhere(t)
	require.NoError(t, h.Start(t.Context()))
	path := filepath.Join(dir, "public-keys")
	held, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
	done := make(chan error, 1)
	go func() {
		_, err := h.Rotate(t.Context(), access.System("tester"))
		done <- err
	}()
	require.Eventually(t, func() bool {
		keys, err := h.Keys(t.Context())
		return err == nil && len(keys) == 2 && h.Copying()
	}, 10*time.Second, time.Millisecond)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".new", text, 0o600))
	require.NoError(t, os.Rename(path+".new", path), "its keeper has edited it")
	require.NoError(t, held.Close())
	require.NoError(t, <-done)
	h.listed(dir)
}
