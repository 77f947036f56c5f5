package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/doctor"
	"guardhouse/internal/proof"
)

// threat U1: a folder that was put back as it was a while ago is whole in itself; the copies on another disk know more.
func TestAnAnchorThatIsAheadIsSeen(t *testing.T) {
	data, old := made(t), filepath.Join(t.TempDir(), "old")
	outside := filepath.Join("/dev/shm", fmt.Sprint("anchor-", os.Getpid())) // another file system than that of temporary files
	require.NoError(t, os.Mkdir(outside, 0o700))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(outside)) })
	a := opened(t, data)
	require.NoError(t, a.Checkpoints.Write(t.Context(), proof.CauseManual))
	require.NoError(t, a.Close())
	require.NoError(t, os.CopyFS(old, os.DirFS(data)))
	a = opened(t, data)
	_, err := a.Audit.Record(audit.Entry{Actor: audit.Actor{Type: "user", Name: "rita"}, Action: "test", Decision: audit.Allow})
	require.NoError(t, err)
	require.NoError(t, a.Checkpoints.Write(t.Context(), proof.CauseManual))
	require.NoError(t, a.Close())
	require.NoError(t, os.CopyFS(outside, os.DirFS(filepath.Join(data, "anchor"))))
	for _, deep := range []bool{false, true} {
		o := options(old)
		o.Anchor, o.Deep = outside, deep
		require.True(t, says(run(t, o), doctor.Fail, "audit log", "restored-old"))
		o.Data = data
		require.False(t, says(run(t, o), doctor.Fail, "audit log", ""))
	}
}

// threat U1: copies that nobody makes any more are a failure, not a setting that was forgotten.
func TestAnAnchorThatIsAwayFails(t *testing.T) {
	data := made(t)
	o := options(data)
	o.Anchor = filepath.Join(t.TempDir(), "mount")
	require.True(t, says(run(t, o), doctor.Fail, "audit log", "cannot be read"))
	require.NoError(t, os.Mkdir(o.Anchor, 0o700))
	require.False(t, says(run(t, o), doctor.Fail, "audit log", ""))
	o.AnchorSilent = true
	require.True(t, says(run(t, o), doctor.Fail, "audit log", "does not answer"), "the server knows, and nobody asks again")
	require.True(t, says(run(t, options(data)), doctor.Warn, "audit log", "nothing outside"))
}
