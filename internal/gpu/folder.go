package gpu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrAbsent says that there is no library: nothing is wrong, models run on the processor.
var ErrAbsent = errors.New("no GPU library is installed")

// UnsafeError says that somebody else could put their own code where the library is loaded from: the server does not start.
type UnsafeError struct{ Path, Why string }

func (e *UnsafeError) Error() string {
	return fmt.Sprintf("engine.gpu_library: %s %s: what is loaded from there runs in the server", e.Path, e.Why)
}

// openFolder opens an absolute folder step by step from the root, following no link, and refuses with an UnsafeError what
// anybody but root and this service could change on the way: the folder itself, or the name of one above it.
func openFolder(dir string) (_ *os.File, err error) {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir {
		return nil, &UnsafeError{dir, "is not an absolute path without detours"}
	}
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the root folder: %w", err)
	}
	at := os.NewFile(uintptr(fd), "/")
	defer func() {
		if err != nil {
			err = errors.Join(err, at.Close())
		}
	}()
	names := strings.FieldsFunc(dir, func(r rune) bool { return r == filepath.Separator })
	for _, name := range names {
		if err := onlyOurs(at, false); err != nil {
			return nil, err
		}
		path := filepath.Join(at.Name(), name)
		fd, err := unix.Openat(int(at.Fd()), name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		switch {
		case errors.Is(err, unix.ENOENT):
			return nil, ErrAbsent
		case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
			return nil, &UnsafeError{path, "is a link or no folder"}
		case err != nil:
			return nil, fmt.Errorf("opening %s: %w", path, err)
		}
		next := os.NewFile(uintptr(fd), path)
		if err := at.Close(); err != nil {
			return nil, errors.Join(err, next.Close())
		}
		at = next
	}
	return at, onlyOurs(at, true)
}

// onlyOurs refuses what others own or can write. Above the last folder a sticky one is fine: only its owner and root can
// rename what they own there.
func onlyOurs(f *os.File, last bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("looking at %s: %w", f.Name(), err)
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return &UnsafeError{f.Name(), fmt.Sprintf("belongs to user %d, neither to root nor to this service", st.Uid)}
	}
	if !last && st.Mode&unix.S_ISVTX != 0 {
		return nil
	}
	if st.Mode&0o022 != 0 {
		return &UnsafeError{f.Name(), fmt.Sprintf("can be written to by others (mode %04o; chmod go-w)", st.Mode&0o7777)}
	}
	return nil
}

// openFile opens one plain file of a folder for reading, under the same rule.
func openFile(folder *os.File, name string) (_ *os.File, err error) {
	path := filepath.Join(folder.Name(), name)
	fd, err := unix.Openat(int(folder.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("%s: %w", path, os.ErrNotExist)
	case errors.Is(err, unix.ELOOP):
		return nil, &UnsafeError{path, "is a link"}
	case err != nil:
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &UnsafeError{path, "is no plain file"}
	}
	if err == nil {
		err = onlyOurs(f, true)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
