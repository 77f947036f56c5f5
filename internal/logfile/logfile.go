// Package logfile writes the server's log to a file of its own: whole lines, rotated by size, opened anew when asked. A
// disk that takes nothing more costs lines, which are counted, and never the server. Escape keeps terminal control,
// invisible and direction-changing characters out of every line. It imports the standard library alone.
package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	defaultMaxBytes = 10 << 20
	defaultKeep     = 5
	mode            = 0o600
	// othersMode is every right of the group and of strangers.
	othersMode = 0o077
)

// Options says where the lines go.
type Options struct {
	Path     string
	MaxBytes int64     // size at which the file is put aside; 0 = 10 MB
	Keep     int       // files put aside that are kept; 0 = 5
	Fallback io.Writer // gets the lines that the file does not take; nil = nobody
}

// Writer is the one writer of a log file. It expects whole lines. All methods may be called from any goroutine.
type Writer struct {
	o       Options
	dropped atomic.Uint64

	mu   sync.Mutex
	file *os.File
	size int64
	next int64 // size at which putting the file aside is tried next
}

// Open opens or creates the file (mode 0600) and takes it for this process alone. It refuses a path that is no plain file,
// a link, a file that others have any right to, and one that another process writes. A line that a crash left unfinished
// is cut off.
func Open(o Options) (*Writer, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	if o.Fallback == nil {
		o.Fallback = io.Discard
	}
	w := &Writer{o: o}
	f, size, err := openLocked(o.Path, 0)
	if err != nil {
		return nil, err
	}
	w.use(f, size)
	return w, nil
}

func (w *Writer) use(f *os.File, size int64) { w.file, w.size, w.next = f, size, w.o.MaxBytes }

// openLocked answers the file, locked, with nothing but whole lines in it. O_NONBLOCK keeps a FIFO from holding us up.
func openLocked(path string, extra int) (_ *os.File, size int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|extra, mode)
	if err != nil {
		return nil, 0, fmt.Errorf("opening the log file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("examining the log file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("log.file: %s is no plain file", path)
	}
	if m := info.Mode().Perm(); m&othersMode != 0 {
		return nil, 0, fmt.Errorf("log.file: others can use %s (mode %04o): chmod 600 it", path, m)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, 0, fmt.Errorf("log.file: another process writes %s: give each server a file of its own", path)
		}
		return nil, 0, fmt.Errorf("locking the log file: %w", err)
	}
	size, err = wholeLines(f, info.Size())
	return f, size, err
}

// wholeLines cuts off a line that has no end and answers the size that is left.
func wholeLines(f *os.File, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for end := size; end > 0; {
		from := max(0, end-int64(len(buf)))
		part := buf[:end-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, fmt.Errorf("reading the log file: %w", err)
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			end = from + int64(i) + 1
			if end == size {
				return size, nil
			}
			return end, f.Truncate(end)
		}
		end = from
	}
	if size == 0 {
		return 0, nil
	}
	return 0, f.Truncate(0)
}

// Write takes one or more whole lines. It never fails: lines that the file does not take are counted and go to the
// fallback.
func (w *Writer) Write(lines []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.size > 0 && w.size+int64(len(lines)) > w.next {
		w.rotate()
	}
	if err := w.append(lines); err != nil {
		w.dropped.Add(uint64(max(1, bytes.Count(lines, []byte("\n")))))
		_, _ = w.o.Fallback.Write(lines) // the last place there is
	}
	return len(lines), nil
}

// errFull says that the file cannot be put aside and has grown to twice its size.
var errFull = errors.New("the log file cannot be put aside")

// append writes all of lines or leaves the file as it was.
func (w *Writer) append(lines []byte) error {
	if w.file == nil {
		return fs.ErrClosed
	}
	if w.size > 0 && w.size+int64(len(lines)) > 2*w.o.MaxBytes {
		return errFull
	}
	n, err := w.file.Write(lines)
	if err == nil {
		w.size += int64(n)
		return nil
	}
	if n > 0 { // half a line is worth less than none
		if terr := w.file.Truncate(w.size); terr != nil {
			w.size += int64(n)
			return errors.Join(err, terr)
		}
	}
	return err
}

// rotate puts the file aside and starts a new one. Each step is a rename, so that a kill at any moment loses no line. Where
// it fails the old file goes on, and is tried again a tenth of its size later.
func (w *Writer) rotate() {
	err := w.putAside()
	if err == nil {
		var f *os.File
		var size int64
		if f, size, err = openLocked(w.o.Path, os.O_EXCL); err == nil {
			_ = w.file.Close() // every line was written already
			w.use(f, size)
			return
		}
		// Somebody took the name, or the disk has no room for one: the lines go on where they went, under the new name.
	}
	w.next = min(w.size+w.o.MaxBytes/10, 2*w.o.MaxBytes)
}

func (w *Writer) putAside() error {
	if w.file == nil {
		return fs.ErrClosed
	}
	if !w.stillOurs() {
		return nil // moved away by somebody, or by a rotation that got no new file: the name is free
	}
	for i := w.o.Keep - 1; i >= 1; i-- {
		if err := os.Rename(w.aside(i), w.aside(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("putting a log file aside: %w", err)
		}
	}
	if err := os.Rename(w.o.Path, w.aside(1)); err != nil {
		return fmt.Errorf("putting the log file aside: %w", err)
	}
	return nil
}

func (w *Writer) aside(i int) string { return w.o.Path + "." + strconv.Itoa(i) }

// stillOurs says that the path leads to the file that is open.
func (w *Writer) stillOurs() bool {
	open, err := w.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(w.o.Path)
	return err == nil && os.SameFile(open, named)
}

// Reopen opens the path anew, for whoever moved the file away. When it refuses, the open file stays in use.
func (w *Writer) Reopen() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return fs.ErrClosed
	}
	if w.stillOurs() {
		return nil
	}
	f, size, err := openLocked(w.o.Path, 0)
	if err != nil {
		return err
	}
	_ = w.file.Close() // every line was written already
	w.use(f, size)
	return nil
}

// Dropped answers how many lines the file did not take since Open.
func (w *Writer) Dropped() uint64 { return w.dropped.Load() }

// Path answers the file's name, absolute where it can be said.
func (w *Writer) Path() string {
	if abs, err := filepath.Abs(w.o.Path); err == nil {
		return abs
	}
	return w.o.Path
}

// Close makes what was written durable and closes the file. Later lines go to the fallback.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.file.Sync(), w.file.Close())
	w.file = nil
	return err
}
