package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// newFile is a file that gets its name once it is whole. With force it replaces one of that name.
type newFile struct {
	name  string
	force bool
}

func (f newFile) part() string { return f.name + ".part" }

// free refuses a name that something has already, and one whose unfinished file is still there.
func (f newFile) free() error {
	if _, err := os.Lstat(f.part()); err == nil {
		return fmt.Errorf("%s is there: a run that was killed left it, or one is writing it now. If none is running, remove it and try again", printable(f.part()))
	}
	return f.unnamed()
}

// unnamed refuses a name that something has already.
func (f newFile) unnamed() error {
	info, err := os.Lstat(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !f.force:
		return fmt.Errorf("%s is there already: take another name", printable(f.name))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no plain file: take another name", printable(f.name))
	}
	return nil
}

// create opens the file under its name of the time being, for its owner alone.
func (f newFile) create() (*os.File, error) {
	return os.OpenFile(f.part(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// finish makes what was written durable and names it, or removes it where writing it failed.
func (f newFile) finish(part *os.File, failed error) error {
	err := failed
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = f.take()
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.part()))
	}
	return syncFolder(filepath.Dir(f.name))
}

// take gives the whole file its name. Without force a link does it: it never replaces what came meanwhile.
func (f newFile) take() error {
	if f.force {
		if err := f.unnamed(); err != nil {
			return err
		}
		return os.Rename(f.part(), f.name)
	}
	switch err := os.Link(f.part(), f.name); {
	case err == nil:
		return os.Remove(f.part())
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there by now: take another name", printable(f.name))
	}
	if _, err := os.Lstat(f.name); !errors.Is(err, fs.ErrNotExist) { // a file system without links
		return fmt.Errorf("%s is there by now: take another name", printable(f.name))
	}
	return os.Rename(f.part(), f.name)
}

// syncFolder makes the names in a folder durable.
func syncFolder(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
