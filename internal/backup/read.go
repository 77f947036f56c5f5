package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"guardhouse/internal/fault"
)

// reader is an archive whose header and list of contents have been checked.
type reader struct {
	header header
	m      *manifest
	plain  *opener
}

// Describe opens the archive in path and answers what it says of itself, after it has checked every byte. It refuses
// everything but a whole, unchanged archive of the key.
func Describe(ctx context.Context, path string, k Key) (_ Archive, err error) {
	f, err := openArchive(path)
	if err != nil {
		return Archive{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in, err := open(f, k)
	if err != nil {
		return Archive{}, err
	}
	return in.archive(), in.each(ctx, func(File) (io.WriteCloser, error) { return discard{}, nil })
}

// openArchive refuses what is no plain file: a pipe has no length to hold its contents against.
func openArchive(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fault.New(fault.Invalid, "the archive is no plain file"), err, f.Close())
	}
	return f, nil
}

// open reads header and list of contents from the beginning of f.
func open(f *os.File, k Key) (*reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("examining the archive: %w", err)
	}
	return openReader(io.NewSectionReader(f, 0, info.Size()), info.Size(), k)
}

// openReader is open for any source of size bytes.
func openReader(from io.Reader, size int64, k Key) (*reader, error) {
	in := &reader{}
	if size < headerSize {
		return nil, fault.New(fault.Invalid, "the file isn't a guardhouse backup")
	}
	if err := readFull(from, in.header[:]); err != nil {
		return nil, err
	}
	chunkKey, err := in.header.open(k)
	if err != nil {
		return nil, err
	}
	plain, ok := plainSize(size - headerSize)
	if !ok || plain < lengthSize {
		return nil, errDamaged(nil)
	}
	if in.plain, err = newOpener(from, size-headerSize, &in.header, chunkKey); err != nil {
		return nil, err
	}
	in.m, err = readManifest(in.plain, plain)
	return in, err
}

// each hands every file to the writer that to answers for it, in order, and holds size and hash against the list of contents.
// It is only whole when each has returned no error: the last chunk proves that nothing is missing.
func (in *reader) each(ctx context.Context, to func(File) (io.WriteCloser, error)) error {
	for _, f := range in.m.Files {
		w, err := to(f)
		if err != nil {
			return err
		}
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(patient{ctx, in.plain}, f.Size))
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
		if n != f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			return errUnfit("a file in it isn't the one that its list names")
		}
	}
	if n, err := in.plain.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return errors.Join(errUnfit("it is longer than its files"), err)
	}
	return nil
}

// archive answers what the archive says of itself.
func (in *reader) archive() Archive {
	at, _ := in.m.createdAt() // checked when it was read
	return Archive{
		ID: in.header.id(), CreatedAt: at, SchemaVersion: in.m.SchemaVersion, Head: in.m.Head, Keys: in.m.hasKeys(),
		Files: in.m.Files, Models: in.m.Models,
	}
}
