package catalog

import (
	"context"
	"errors"
	"io"
)

// WithoutMemoryFiles makes s behave as on a kernel that has no memory files.
func WithoutMemoryFiles(s *Service) {
	s.memfd = func(string, []byte) (*File, error) { return nil, errors.New("function not implemented") }
}

// Sealed reports whether the kernel guards the file's bytes.
func (f *File) Sealed() bool { return f.sealed }

// CopyHashed is the copy of an import.
var CopyHashed = copyHashed //nolint:gochecknoglobals // a name for tests

// IDFor is the naming of an import.
var IDFor = idFor //nolint:gochecknoglobals // a name for tests

// CopySource opens what an import of path reads, and copies it.
func CopySource(ctx context.Context, path string, dst io.Writer) (err error) {
	src, err := openAll(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	_, _, err = src.copyTo(ctx, dst, func(float64) {})
	return err
}

// Hashing has f hashed by somebody until over is called.
func Hashing(f *File) (over func()) {
	f.turn <- struct{}{}
	return func() { <-f.turn }
}
