package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
)

// partPattern names unfinished copies; those of a process that died are swept by the next import.
const partPattern = ".import-*.part"

// part is an unfinished copy in the folder where it will stay.
type part struct {
	*os.File
	done bool
}

func newPart(dir string) (*part, error) {
	f, err := os.CreateTemp(dir, partPattern)
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	return &part{File: f}, nil
}

// keep makes the bytes durable under their final name, read-only.
func (p *part) keep(path string) error {
	err := errors.Join(p.Chmod(0o400), p.Sync())
	if err == nil {
		err = os.Rename(p.Name(), path)
	}
	if err == nil {
		p.done = true
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return roomOr(err, "keeping the file")
	}
	return nil
}

// close removes what was not kept.
func (p *part) close() error {
	err := p.Close()
	if !p.done {
		err = errors.Join(err, os.Remove(p.Name()))
	}
	return err
}

func syncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeFile(path string, data []byte) (err error) {
	p, err := newPart(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if _, err := io.Copy(p, bytes.NewReader(data)); err != nil {
		return roomOr(err, "writing the file")
	}
	return p.keep(path)
}

// copyHashed copies size bytes of src into dst and answers their hash. It refuses a source that is
// shorter or longer than it was when it was opened.
func copyHashed(ctx context.Context, dst io.Writer, src io.ReaderAt, size int64) (string, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(dst, h), &ctxReader{ctx, io.NewSectionReader(src, 0, size+1)})
	switch {
	case ctx.Err() != nil:
		return "", fault.From(ctx.Err())
	case err != nil:
		return "", roomOr(err, "copying the file")
	case n != size:
		return "", errCopy()
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func errCopy() error {
	return fault.New(fault.Unprocessable, "the file changed while it was being copied")
}

// writeHashed has src write itself into dst and answers the hash and the size of what it wrote.
func writeHashed(ctx context.Context, dst io.Writer, src io.WriterTo) (string, int64, error) {
	h := sha256.New()
	n, err := src.WriteTo(io.MultiWriter(&ctxWriter{ctx, dst}, h))
	switch {
	case ctx.Err() != nil:
		return "", 0, fault.From(ctx.Err())
	case err != nil:
		return "", 0, roomOr(err, "copying the file")
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

type ctxWriter struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	w   io.Writer
}

func (w *ctxWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// toldWriter tells after each write how much of size there is, 0 to 1.
type toldWriter struct {
	w       io.Writer
	n, size int64
	told    func(done float64)
}

func (w *toldWriter) Write(p []byte) (int, error) {
	if w.n == 0 {
		w.told(0)
	}
	n, err := w.w.Write(p)
	if w.n += int64(n); w.size > 0 {
		w.told(min(1, float64(w.n)/float64(w.size)))
	}
	return n, err
}

type ctxReader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// leave is what a copy leaves free on a disk: below it doctor calls the disk full, and no audit row is safe any more.
const leave = 1 << 30

// roomFor refuses size bytes that dir has no room for. A file may be sparse and say that it has terabytes: copied, they are not.
func roomFor(dir string, size int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("asking the folder of models for its room: %w", err)
	}
	if s.Blocks == 0 { // some file systems have no size
		return nil
	}
	block := uint64(s.Bsize)
	if left := min(leave, s.Blocks/100*block); s.Bavail*block < left+uint64(size) {
		return fault.Newf(fault.Unprocessable, "There is no room for the file in the folder of models: it has %d MiB, and %d MiB are free.", size>>20, s.Bavail*block>>20)
	}
	return nil
}

// roomOr names a full disk, which the operator can mend; anything else is ours.
func roomOr(err error, doing string) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fault.Wrap(err, fault.Unprocessable, "There is no room left in the folder of models.")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// lockDir makes this the one import into dir, over all processes, and sweeps what a dead one left.
func lockDir(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".import.lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the import lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		err = errors.Join(err, f.Close())
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.New(fault.Conflict, "Another import is running: wait for it to end.")
		}
		return nil, fmt.Errorf("locking the folder of models: %w", err)
	}
	if err := sweepParts(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("sweeping unfinished copies: %w", err), f.Close())
	}
	return f.Close, nil
}

// sweepParts removes every unfinished copy. The folder's own name may hold any letters: it is no pattern.
func sweepParts(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		stale, bad := filepath.Match(partPattern, e.Name())
		if stale {
			bad = os.Remove(filepath.Join(dir, e.Name()))
		}
		err = errors.Join(err, bad)
	}
	return err
}
