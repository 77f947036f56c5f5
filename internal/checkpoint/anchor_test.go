package checkpoint_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// elsewhere answers a house whose copies go to a folder of their own.
func elsewhere(t *testing.T) (h *house, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "mount")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return at(t, t.TempDir(), apptest.DBPath(t), newClock(), func(o *checkpoint.Options) { o.Anchor = dir }), dir
}

// threat U1
func TestAnAnchorThatIsAwayIsSaidAndCaughtUp(t *testing.T) {
	h, dir := elsewhere(t)
	require.NoError(t, h.Start(t.Context()))
	require.NoError(t, os.Rename(dir, dir+".away"))
	h.rows(10)
	h.Look(t.Context())
	state := h.State().Anchor
	require.Equal(t, "The folder of audit.anchor is not there.", state.Problem)
	require.Equal(t, checkpoint.WhyMissing, state.Why)
	require.Equal(t, h.clock.Now(), state.Since)
	require.EqualValues(t, 2, state.Number)
	_, err := os.Stat(dir)
	require.ErrorIs(t, err, os.ErrNotExist, "what is not mounted is not made")
	h.rows(10)
	h.Look(t.Context())
	require.Equal(t, 1, h.lines("copying checkpoints to the anchor"), "it is said once")
	require.NoError(t, os.Rename(dir+".away", dir))
	h.Look(t.Context())
	require.Len(t, copiedNumbers(t, dir), 2, "a folder that failed is left alone for a while")
	h.clock.Advance(10 * time.Second)
	h.Look(t.Context())
	require.Equal(t, []string{"1", "2", "3", "4"}, copiedNumbers(t, dir))
	require.Empty(t, h.State().Anchor.Problem+h.State().Anchor.Why)
	require.Equal(t, 1, h.lines("copied to the anchor again"))
}

// threat U1: a network mount whose server is away stops neither the checkpoints nor the server.
func TestAnAnchorThatHangsHoldsUpNothing(t *testing.T) {
	dir, answers := filepath.Join(t.TempDir(), "mount"), make(chan struct{})
	require.NoError(t, os.Mkdir(dir, 0o700))
	h := at(t, t.TempDir(), apptest.DBPath(t), newClock(), func(o *checkpoint.Options) {
		o.Anchor, o.Patience = dir, time.Millisecond
		o.Sync = func(f *os.File) error { <-answers; return f.Sync() }
	})
	require.NoError(t, h.Start(t.Context()))
	require.Equal(t, "The folder of copies of checkpoints does not answer.", h.State().Anchor.Problem)
	require.Equal(t, checkpoint.WhySilent, h.State().Anchor.Why)
	_, err := h.Outside(t.Context())
	require.Equal(t, checkpoint.WhySilent, checkpoint.WhyOf(err), "who would remove rows is told that the copies cannot be asked")
	h.rows(10)
	h.Look(t.Context())
	require.NoError(t, h.Stop(t.Context()))
	require.Equal(t, []string{"rotate", "start", "rows", "stop"}, causes(h.proved()), "what the database holds is signed all the same")
	require.Equal(t, 1, h.lines("copying checkpoints to the anchor"), "it is said once")
	close(answers)
	h.WaitForCopy()
	require.Empty(t, h.State().Anchor.Problem)
	_, err = h.Outside(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2", "3", "4"}, copiedNumbers(t, dir))
}

// threat U1: whoever keeps the anchor puts a pipe where a file belongs.
func TestAPipeInTheAnchorIsNotWaitedFor(t *testing.T) {
	for _, name := range []string{"2099-01-01.notes", "public-keys"} {
		t.Run(name, func(t *testing.T) {
			h, dir := elsewhere(t)
			require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
			require.NoError(t, h.Start(t.Context()))
			require.Contains(t, h.State().Anchor.Problem, "The folder of copies of checkpoints can't be")
			require.Contains(t, []string{checkpoint.WhyUnwritable, checkpoint.WhyUnreadable}, h.State().Anchor.Why)
			_, err := checkpoint.Copied(t.Context(), dir)
			require.Equal(t, name == "public-keys", err == nil)
		})
	}
}

func TestATornNoteIsWrittenAgain(t *testing.T) {
	h, dir := elsewhere(t)
	require.NoError(t, h.Start(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "*.notes"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	whole, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], whole[:len(whole)-40], 0o600))
	again := at(t, h.data, dbPath(t, h), h.clock, func(o *checkpoint.Options) { o.Anchor = dir })
	require.NoError(t, again.Start(t.Context()))
	require.Equal(t, []string{"1", "2", "2", "3"}, copiedNumbers(t, dir))
	require.False(t, again.State().Anchor.Foreign)
	notes := copied(t, dir)
	require.Len(t, notes, 5, "the key, the first, the torn one, and two that are whole")
	keys := h.keys()
	_, _, err = proof.ParseCheckpoint([]byte(notes[2]), keys)
	require.Error(t, err)
	_, _, err = proof.ParseCheckpoint([]byte(notes[3]), keys)
	require.NoError(t, err)
}

func TestAnEmptiedAnchorIsFilledAgain(t *testing.T) {
	h, dir := elsewhere(t)
	require.NoError(t, h.Start(t.Context()))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, os.Remove(filepath.Join(dir, e.Name())))
	}
	h.rows(10)
	h.Look(t.Context())
	require.Equal(t, []string{"1", "2", "3"}, copiedNumbers(t, dir))
	published, err := os.ReadFile(filepath.Join(dir, "public-keys"))
	require.NoError(t, err)
	_, err = proof.ParseKeys(published)
	require.NoError(t, err)
}

// threat U1
func TestAnAnchorOfALaterLifeIsSaid(t *testing.T) {
	h, dir := elsewhere(t)
	require.NoError(t, h.Start(t.Context()))
	old := filepath.Join(t.TempDir(), "old.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(dbPath(t, h) + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(old+suffix, data, 0o600))
	}
	for range 3 {
		require.NoError(t, h.Write(t.Context(), proof.CauseManual))
	}
	require.Len(t, copiedNumbers(t, dir), 5)
	again := at(t, h.data, old, h.clock, func(o *checkpoint.Options) { o.Anchor = dir })
	require.NoError(t, again.Start(t.Context()))
	require.True(t, again.State().Anchor.Foreign)
	require.Equal(t, 1, again.lines("holds checkpoints that this database does not"))
	require.NoError(t, again.Write(t.Context(), proof.CauseManual))
	require.Equal(t, []string{"1", "2", "3", "4", "5", "3", "4"}, copiedNumbers(t, dir), "what stood there stands, and what comes is added")
}

func TestWhatIsOutside(t *testing.T) {
	data := t.TempDir()
	for _, c := range []struct {
		anchor  string
		outside bool
		why     string
	}{
		{"", false, "not named"},
		{filepath.Join(data, "anchor"), false, "in the data folder"},
		{filepath.Join(filepath.Dir(data), "beside"), false, "not there"},
		{filepath.Dir(data), false, "the same disk"},
		{"/proc", true, "another file system"},
	} {
		is, err := checkpoint.Outside(t.Context(), data, c.anchor)
		require.NoError(t, err)
		require.Equal(t, c.outside, is, c.why)
	}
}

// threat U1: a mount whose server is away keeps neither the server's start nor the doctor waiting.
func TestAFolderThatDoesNotAnswerIsNotWaitedFor(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := checkpoint.Answered(ctx, func() (bool, error) { <-never; return true, nil })
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	require.Equal(t, checkpoint.WhySilent, checkpoint.WhyOf(err))
}
