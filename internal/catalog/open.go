package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
	"guardhouse/models"
)

// File is a descriptor whose bytes had the model's hash when it was opened. It stays open so that the
// bytes that run can be held against the bytes that were hashed.
type File struct {
	*os.File
	Template string // what counts instead of the file's own chat template; "" = nothing does

	sha256 string
	sealed bool // the kernel refuses every later change

	turn chan struct{} // full while the bytes are hashed anew: many who ask at once make one hash; nil for sealed ones
	seen stamp         // whoever has the turn
}

// stamp is what a write to a file cannot leave as it was.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime time.Time
}

// Open answers the one descriptor through which m is loaded, after hashing its bytes through that very
// descriptor (threat M4). It refuses what is not a regular file, what others may write, and any bytes
// whose hash is not the row's.
func (s *Service) Open(ctx context.Context, m Model) (*File, error) {
	return s.OpenTold(ctx, m, nil)
}

// OpenTold is Open that tells how much is hashed, 0 to 1, whenever another mebibyte is.
func (s *Service) OpenTold(ctx context.Context, m Model, told func(done float64)) (*File, error) {
	f, err := s.open(m)
	if err != nil {
		return nil, err
	}
	if f.Template, err = s.template(m); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.check(ctx, told); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *Service) open(m Model) (*File, error) {
	if m.Origin != OriginEmbedded {
		return openStored(filepath.Join(s.o.ModelsDir, m.file), m.SHA256)
	}
	data, ok := models.Bytes(m.file)
	if !ok {
		return nil, fault.New(fault.Internal, "this release does not embed the model")
	}
	if f, err := s.memfd(m.ID, data); err == nil {
		f.sha256 = m.SHA256
		return f, nil
	}
	// A kernel or a sandbox without memory files: a private file in the data folder does the same.
	return s.openUnpacked(m, data)
}

// openUnpacked answers the embedded bytes as a file of mode 0400 in RunDir, written anew unless it is
// there already with the right content.
func (s *Service) openUnpacked(m Model, data []byte) (*File, error) {
	path := filepath.Join(s.o.RunDir, m.SHA256+".gguf")
	if f, err := openStored(path, m.SHA256); err == nil {
		if err = f.check(context.Background(), nil); err == nil { //nolint:contextcheck // a few megabytes
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("closing the old copy: %w", err)
		}
	}
	if err := os.MkdirAll(s.o.RunDir, 0o700); err != nil {
		return nil, fmt.Errorf("making the run folder: %w", err)
	}
	if err := writeFile(path, data); err != nil {
		return nil, err
	}
	return openStored(path, m.SHA256)
}

// openStored opens a file of our own folders. O_NONBLOCK keeps a FIFO in its place from holding us up.
func openStored(path, sum string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be opened")
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	case !info.Mode().IsRegular():
		err = fault.New(fault.Unprocessable, "the model's file is not a regular file")
	case info.Mode().Perm()&0o222 != 0:
		err = fault.Wrap(errWritable, fault.Unprocessable, "the model's file can be written to; it must be read-only (mode 0400)")
	default:
		return &File{File: f, sha256: sum, turn: make(chan struct{}, 1)}, nil
	}
	return nil, errors.Join(err, f.Close())
}

// check hashes the file and remembers its stamp, taken before the first byte was read. The caller is alone with f, or has the turn.
func (f *File) check(ctx context.Context, told func(done float64)) error {
	seen, err := f.stamp()
	if err != nil {
		return err
	}
	sum, n, err := hashAll(ctx, f.File, func(n int64) {
		if told != nil && seen.size > 0 {
			told(float64(n) / float64(seen.size))
		}
	})
	if err != nil {
		return err
	}
	if sum != f.sha256 || n != seen.size {
		return fault.Wrap(errChanged, fault.Unprocessable, "the model's file is not the one that was imported: its SHA-256 differs")
	}
	f.seen = seen
	return nil
}

// Confirm answers nil while the bytes are those that Open hashed. A file whose stamp moved is hashed
// again: a backup may touch it, but not change it. Who waits for a hash that another computes waits no longer than ctx.
func (f *File) Confirm(ctx context.Context) error {
	if f.sealed {
		return nil
	}
	if err := f.take(ctx); err != nil {
		return err
	}
	defer func() { <-f.turn }()
	now, err := f.stamp()
	if err != nil || now == f.seen {
		return err
	}
	return f.check(ctx, nil)
}

// take waits for the turn. One that is free is had by a done ctx too: what is known already is told to everybody.
func (f *File) take(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
}

func (f *File) stamp() (stamp, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return stamp{}, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	}
	return stamp{
		dev: uint64(st.Dev), ino: st.Ino, size: st.Size, //nolint:unconvert // the width differs between machines
		mtime: time.Unix(st.Mtim.Unix()), ctime: time.Unix(st.Ctim.Unix()),
	}, nil
}

// hashAll hashes f from its start without moving its offset, looking at ctx and telling how far it is now and then.
func hashAll(ctx context.Context, f io.ReaderAt, told func(n int64)) (sum string, n int64, err error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", n, fault.From(err)
		}
		got, err := f.ReadAt(buf, n)
		_, _ = h.Write(buf[:got]) // a hash never refuses
		n += int64(got)
		told(n)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), n, nil
		}
		if err != nil {
			return "", n, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
		}
	}
}
