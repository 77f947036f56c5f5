package supervise

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/crash"
)

// What a worker says to its parent, in a byte each.
const (
	wordServing = 'S' // its ports are answered
	wordWhole   = 'W' // its models are loaded, as far as they can be
)

// Worker is what a worker has of its parent.
type Worker struct {
	Start
	life, word *os.File
	table      *crash.Table
	notes      *Notes
	files      map[string]*os.File
}

// Inherit takes over what the parent handed on; no child of this process gets any of it. It refuses where there is no parent.
func Inherit() (*Worker, error) {
	start, err := readStart()
	if err != nil {
		return nil, err
	}
	for fd := startAt; fd < filesAt+len(start.Names); fd++ {
		unix.CloseOnExec(fd)
	}
	// What a shell left open goes no further either; kernels before 5.11 can't say so.
	_ = unix.CloseRange(startAt, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if err := unix.Close(startAt); err != nil {
		return nil, fmt.Errorf("taking the parent's settings: %w", err)
	}
	w := &Worker{Start: start, life: os.NewFile(lifeAt, "life"), word: os.NewFile(wordAt, "word"), notes: &Notes{file: os.NewFile(notesAt, "notes")}, files: map[string]*os.File{}}
	for i, name := range start.Names {
		w.files[name] = os.NewFile(uintptr(filesAt+i), name)
	}
	if w.table, err = crash.OpenTable(os.NewFile(tableAt, "marks")); err != nil {
		return nil, err
	}
	return w, nil
}

// Parted calls end when the parent is gone. The kernel was asked to end this process then: this is for where it does not.
func (w *Worker) Parted(end func()) {
	go func() {
		_, _ = io.Copy(io.Discard, w.life) // the parent never writes: whatever ends this means that it is gone
		end()
	}()
}

// File answers a descriptor by its name, nil if there is none.
func (w *Worker) File(name string) *os.File { return w.files[name] }

// Marks answers where payloads in flight are noted.
func (w *Worker) Marks(now func() time.Time) *crash.Marks {
	return crash.NewMarks(w.table, w.Crashes, now)
}

// Notes answers what the workers under this parent tell each other.
func (w *Worker) Notes() *Notes { return w.notes }

// Serving tells the parent that the ports are answered.
func (w *Worker) Serving() { w.say(wordServing) }

// Whole tells the parent that the models are loaded as far as they can be.
func (w *Worker) Whole() { w.say(wordWhole) }

// say fails only where nobody hears it: then Parted ends this process.
func (w *Worker) say(word byte) { _, _ = w.word.Write([]byte{word}) }
