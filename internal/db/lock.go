package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
)

// migratePatience is how long a process waits for another one's migration: a large file takes minutes, a stopped process
// for ever.
const migratePatience = 2 * time.Minute

// lockEvery is how soon a lock that somebody holds is tried again.
const lockEvery = 5 * time.Millisecond

// lockMigration makes this process the only one that migrates the file's folder. The lock is on the folder itself: the kernel
// frees it however the process ends, nothing is left lying about, and the database file is never opened beside SQLite (closing
// it would drop SQLite's own locks). Busy when another process keeps it too long.
func lockMigration(ctx context.Context, path string) (release func() error, err error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the data folder cannot be locked")
	}
	if err := waitLock(ctx, dir, migratePatience); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir.Close, nil
}

// waitLock takes the file's lock, as long as patience and ctx allow.
func waitLock(ctx context.Context, f *os.File, patience time.Duration) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	again := time.NewTicker(lockEvery)
	defer again.Stop()
	for {
		taken, err := tryLock(f)
		if taken || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-limit.C:
			return fault.New(fault.Busy, "another process is at work on the database: try again when it is done").WithRetry(lockEvery)
		case <-ctx.Done():
			return fault.From(ctx.Err())
		}
	}
}

// tryLock answers whether the lock is ours now.
func tryLock(f *os.File) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, fault.Wrap(fmt.Errorf("locking %s: %w", f.Name(), err), fault.Internal, "the data folder cannot be locked")
		}
	}
}
