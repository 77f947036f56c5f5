package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"guardhouse/internal/fault"
)

// target is an archive that is being written: a hidden file in the folder where it will stay.
type target struct {
	*os.File
	path      string
	overwrite bool
	kept      bool
}

// newTarget refuses a name that is taken, unless it is a backup's that may be overwritten: nothing else is ever replaced, least
// of all the database in dataDir.
func newTarget(path, dataDir string, overwrite bool) (*target, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && (!overwrite || !info.Mode().IsRegular()):
		return nil, fmt.Errorf("the backup file: %w", fs.ErrExist)
	case err == nil:
		if err := isBackup(path, dataDir, info); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the backup file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*") // CreateTemp makes 0600
	if err != nil {
		return nil, fmt.Errorf("making the backup file: %w", err)
	}
	return &target{File: f, path: path, overwrite: overwrite}, nil
}

// isBackup refuses a plain file that does not begin like a backup. SQLite's own files are known without being opened: closing
// them again would drop the locks on them.
func isBackup(path, dataDir string, info fs.FileInfo) error {
	other := fault.New(fault.Conflict, "the file that is there isn't a backup, and only a backup is replaced: take another name")
	for _, side := range []string{"", "-wal", "-shm", "-journal"} {
		if ours, err := os.Lstat(filepath.Join(dataDir, databaseName+side)); err == nil && os.SameFile(ours, info) {
			return other
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the backup file: %w", err)
	}
	front := make([]byte, len(magic))
	_, err = io.ReadFull(f, front)
	if cerr := f.Close(); cerr != nil {
		return fmt.Errorf("the backup file: %w", cerr)
	}
	if err != nil || string(front) != magic {
		return other
	}
	return nil
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
