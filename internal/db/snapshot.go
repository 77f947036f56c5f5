package db

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"guardhouse/internal/fault"
)

const (
	runDir         = "run"       // beside the database: what a process needs while it runs
	snapshotPrefix = "snapshot-" // folders of copies
	snapshotLock   = "alive"     // locked as long as the copy's process lives
	privateDir     = 0o700
	privateFile    = 0o600
)

// Snapshot is a copy of a database in a folder of its own, of a moment between two commits.
type Snapshot struct {
	Path string
	dir  string
	lock *os.File
}

// Snapshot copies the database as it is now into a file (0600) in the folder run beside it. It reads in one transaction, so
// nobody who writes waits for it, and everything committed before the call is in it; deleted content is not: only living rows
// are copied. Close removes the copy. What a killed process leaves is swept by the next Open of the database.
func (d *DB) Snapshot(ctx context.Context) (s *Snapshot, err error) {
	if s, err = newSnapshot(ctx, filepath.Join(filepath.Dir(d.path), runDir)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s, err = nil, errors.Join(err, s.Close())
		}
	}()
	s.Path = filepath.Join(s.dir, filepath.Base(d.path))
	return s, d.copyTo(ctx, s.Path)
}

// Close removes the copy.
func (s *Snapshot) Close() error {
	if err := errors.Join(os.RemoveAll(s.dir), s.lock.Close()); err != nil {
		return fault.Wrap(err, fault.Internal, "a copy of the database could not be removed from the data folder")
	}
	return nil
}

// copyTo writes the living rows of one moment to a file that does not exist yet.
func (d *DB) copyTo(ctx context.Context, path string) (err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the database could not be copied")
	}
	if err := createPrivate(absolute); err != nil {
		return err
	}
	pool := sql.OpenDB(newConnector(d.path, writing)) // VACUUM refuses on a read-only connection; it takes no write lock
	pool.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, pool.Close()) }()
	if _, err := pool.ExecContext(ctx, "VACUUM INTO ?", absolute); err != nil {
		return fault.Wrap(Translate(err), fault.CodeOf(Translate(err)), "the database could not be copied: is there room on the disk?")
	}
	return nil
}

// newSnapshot makes the folder and takes the lock that says its owner lives. Both happen under the lock of the folder above,
// so that nobody sweeps between the two.
func newSnapshot(ctx context.Context, run string) (s *Snapshot, err error) {
	wrap := func(err error) error {
		return fault.Wrap(err, fault.Internal, "no room for a copy of the database in the data folder")
	}
	switch err := os.Mkdir(run, privateDir); {
	case err == nil:
		if err := MatchOwner(run, filepath.Dir(run)); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrExist):
		return nil, wrap(err)
	}
	above, err := os.Open(run)
	if err != nil {
		return nil, wrap(err)
	}
	defer func() { err = errors.Join(err, above.Close()) }()
	if err := waitLock(ctx, above, migratePatience); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(run, snapshotPrefix) // MkdirTemp makes 0700
	if err != nil {
		return nil, wrap(err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, snapshotLock), os.O_CREATE|os.O_EXCL|os.O_RDWR, privateFile)
	if err != nil {
		return nil, wrap(errors.Join(err, os.RemoveAll(dir)))
	}
	s = &Snapshot{dir: dir, lock: lock}
	if _, err := tryLock(lock); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// sweep removes the copies whose processes are gone. Where somebody makes one right now, it leaves the folder alone.
func sweep(run string) (err error) {
	entries, err := os.ReadDir(run)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil // nothing was copied here, or this user may not clean up: what it needs will tell it so
	}
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the folder run in the data folder cannot be read")
	}
	left := func(e fs.DirEntry) bool { return e.IsDir() && strings.HasPrefix(e.Name(), snapshotPrefix) }
	for _, e := range entries {
		if !left(e) {
			continue
		}
		if err := sweepOne(run, e.Name()); err != nil {
			return fault.Wrap(err, fault.Internal, "an old copy of the database in the folder run cannot be removed")
		}
	}
	return nil
}

func sweepOne(run, name string) (err error) {
	above, err := os.Open(run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, above.Close()) }()
	if mine, err := tryLock(above); err != nil || !mine {
		return err
	}
	dir := filepath.Join(run, name)
	lock, err := os.Open(filepath.Join(dir, snapshotLock))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(dir) // killed before it had its lock: nothing else makes the folder without one
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if dead, err := tryLock(lock); err != nil || !dead {
		return err
	}
	return os.RemoveAll(dir)
}
