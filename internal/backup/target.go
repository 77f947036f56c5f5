package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// target is an archive that is being written: a hidden file in the folder where it will stay.
type target struct {
	*os.File
	path      string
	overwrite bool
	kept      bool
}

// newTarget refuses a name that is taken, unless it may be overwritten.
func newTarget(path string, overwrite bool) (*target, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && (!overwrite || !info.Mode().IsRegular()):
		return nil, fmt.Errorf("the backup file: %w", fs.ErrExist)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the backup file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*") // CreateTemp makes 0600
	if err != nil {
		return nil, fmt.Errorf("making the backup file: %w", err)
	}
	return &target{File: f, path: path, overwrite: overwrite}, nil
}

// keep gives the finished file its name. A link, unlike a rename, never replaces a file that appeared meanwhile; not every
// file system has it.
func (t *target) keep() error {
	err := errors.ErrUnsupported
	if !t.overwrite {
		err = os.Link(t.Name(), t.path)
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		err = os.Rename(t.Name(), t.path)
		t.kept = err == nil
	}
	if err != nil {
		return fmt.Errorf("naming the backup file: %w", err)
	}
	return syncDir(filepath.Dir(t.path))
}

// discard closes the file and removes the hidden name, if it still has one.
func (t *target) discard() error {
	err := t.Close()
	if !t.kept {
		err = errors.Join(err, os.Remove(t.Name()))
	}
	if err != nil {
		return fmt.Errorf("leaving the backup file: %w", err)
	}
	return nil
}
