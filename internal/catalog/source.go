package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
)

// partName is what tools that split models call the parts: NAME-00001-of-00003.gguf.
var partName = regexp.MustCompile(`^(.+)-(\d{5})-of-(\d{5})\.gguf$`)

// source is what an import reads: one file, or the parts of one.
type source struct {
	files  []*os.File
	sizes  []int64
	seen   []stamp      // of the files, before a byte of them was read
	joined *gguf.Joined // nil for one file
	hashes []string     // of the parts, in order
}

// openAll opens the file of that name, or every part when it is the first of several. It refuses a part that is not the first.
func openAll(path string) (_ *source, err error) {
	s := &source{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	paths, err := partsOf(path)
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		what := "The model file"
		if len(paths) > 1 {
			what = fmt.Sprintf("Part %d of %d of the model, %q,", i+1, len(paths), filepath.Base(p))
		}
		f, size, err := openSource(p, what)
		if err != nil {
			return nil, err
		}
		s.files, s.sizes = append(s.files, f), append(s.sizes, size)
	}
	if s.seen, err = s.stamps(); err != nil {
		return nil, err
	}
	if len(s.files) == 1 {
		return s, nil
	}
	parts := make([]gguf.Part, len(s.files))
	for i, f := range s.files {
		parts[i] = gguf.Part{R: f, Size: s.sizes[i]}
	}
	s.joined, err = gguf.Join(parts)
	return s, err
}

func partsOf(path string) ([]string, error) {
	m := partName.FindStringSubmatch(path)
	if m == nil {
		return []string{path}, nil
	}
	no, err := strconv.Atoi(m[2])
	if err != nil {
		return nil, fmt.Errorf("reading the number of a part: %w", err) // five digits: it cannot be
	}
	of, err := strconv.Atoi(m[3])
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the number of parts: %w", err)
	case of == 1 && no == 1:
		return []string{path}, nil
	case no != 1:
		return nil, fault.New(fault.Invalid, "the model file is refused: it is one part of a model in several files: import the first").WithField("path")
	case of > gguf.MaxParts:
		return nil, fault.Newf(fault.Invalid, "the model file is refused: a model may have %d parts", gguf.MaxParts).WithField("path")
	}
	var all []string
	for i := range of {
		all = append(all, fmt.Sprintf("%s-%05d-of-%05d.gguf", m[1], i+1, of))
	}
	return all, nil
}

// read answers what the source says of itself, before any of it is copied.
func (s *source) read() (*gguf.File, error) {
	if s.joined != nil {
		return s.joined.File, nil
	}
	return gguf.Read(s.files[0], s.sizes[0])
}

// size answers the bytes of the one file.
func (s *source) size() int64 {
	if s.joined != nil {
		return s.joined.Size()
	}
	return s.sizes[0]
}

// copyTo writes the one file into dst and answers its hash and size. The hashes of parts are kept: it refuses parts that changed
// since they were opened, whose hashes may be of other bytes than were joined. It tells how much of the parts is hashed, 0 to 1.
func (s *source) copyTo(ctx context.Context, dst io.Writer, hashed func(done float64)) (sum string, size int64, err error) {
	if s.joined == nil {
		sum, err = copyHashed(ctx, dst, s.files[0], s.sizes[0])
		return sum, s.sizes[0], err
	}
	var whole, before int64
	for _, size := range s.sizes {
		whole += size
	}
	for i, f := range s.files {
		part, _, err := hashAll(ctx, f, func(n int64) { hashed(min(1, float64(before+n)/float64(max(1, whole)))) })
		if err != nil {
			return "", 0, err
		}
		before += s.sizes[i]
		s.hashes = append(s.hashes, part)
	}
	if sum, size, err = writeHashed(ctx, dst, s.joined); err != nil {
		return "", 0, err
	}
	now, err := s.stamps()
	if err == nil && !slices.Equal(now, s.seen) {
		err = errCopy()
	}
	return sum, size, err
}

func (s *source) stamps() ([]stamp, error) {
	all := make([]stamp, len(s.files))
	for i, f := range s.files {
		var err error
		if all[i], err = (&File{File: f}).stamp(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *source) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// openSource opens a file to import once; what it refuses names the file by what. O_NONBLOCK keeps a FIFO from holding us up.
func openSource(path, what string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, 0, fault.Wrap(err, fault.Invalid, what+" is not there.").WithField("path")
	case errors.Is(err, os.ErrPermission):
		return nil, 0, fault.Wrap(err, fault.Invalid, what+" may not be read.").WithField("path")
	case err != nil:
		return nil, 0, fault.Wrap(err, fault.Invalid, what+" cannot be opened.").WithField("path")
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fault.New(fault.Invalid, what+" is not a regular file.").WithField("path")
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}
