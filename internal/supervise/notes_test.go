package supervise

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func notes(t *testing.T) *Notes {
	t.Helper()
	f, err := newNotes()
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return &Notes{file: f}
}

func TestNotesAreReadAsTheyWereWritten(t *testing.T) {
	n := notes(t)
	require.Nil(t, n.Read(), "nobody wrote yet")
	for _, text := range [][]byte{[]byte("first, and longer"), []byte("second"), bytes.Repeat([]byte("x"), mostNotes)} {
		require.NoError(t, n.Write(text))
		require.Equal(t, text, n.Read())
	}
	require.Error(t, n.Write(make([]byte, mostNotes+1)))
	require.Len(t, n.Read(), mostNotes, "what does not fit changes nothing")
	require.NoError(t, n.Write(nil))
	require.Nil(t, n.Read())
}

// Whatever a worker left: what was not written whole is none, and nothing is read beyond the end.
func TestHostileNotes(t *testing.T) {
	for name, spoil := range map[string]func(f *os.File) error{
		"cut off":       func(f *os.File) error { _, err := f.WriteAt([]byte("XX"), notesHead); return err },
		"beyond":        func(f *os.File) error { _, err := f.WriteAt([]byte{0xff, 0xff, 1}, 0); return err },
		"beyond by far": func(f *os.File) error { _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 8), 0); return err },
		"another hash":  func(f *os.File) error { _, err := f.WriteAt([]byte{1}, 8); return err },
		"all of it":     func(f *os.File) error { _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, notesSize), 0); return err },
		"closed":        (*os.File).Close,
	} {
		n := notes(t)
		require.NoError(t, n.Write([]byte("a text")))
		require.NoError(t, spoil(n.file), name)
		require.Nil(t, n.Read(), name)
	}
	n := notes(t)
	require.ErrorIs(t, n.file.Truncate(0), unix.EPERM, "the size is final")
	require.ErrorIs(t, n.file.Truncate(1<<30), unix.EPERM)
	_, err := n.file.WriteAt([]byte("x"), notesSize)
	require.ErrorIs(t, err, unix.EPERM)
}

// What a worker notes is there for the next one.
func TestAWorkerFindsTheNotesOfTheOneBefore(t *testing.T) {
	p := begin(t, "serve", nil)
	before := p.next()
	require.Empty(t, before.Notes)
	for range 2 {
		require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
		s := p.next()
		require.Equal(t, notesOf(before.Generation), s.Notes)
		before = s
	}
	p.stop()
	require.NoError(t, p.ends())
}
