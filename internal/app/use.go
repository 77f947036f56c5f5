package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/backup"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	// usePatience is how long a command waits for a restore to end.
	usePatience = 10 * time.Second
	useEvery    = 10 * time.Millisecond
)

// useFolder says that this process has the data folder open, which any number may at once, and keeps a restore out as long as
// it does. A restore that was interrupted after it was decided is finished first, and what one left that was interrupted
// before is removed. Busy while a restore is at work.
func useFolder(ctx context.Context, data string) (release func() error, err error) {
	f, err := openLock(data, useLock)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	for {
		if err := waitFlock(ctx, f, unix.LOCK_SH); err != nil {
			return nil, err
		}
		if !backup.Pending(data) {
			return f.Close, backup.Sweep(data)
		}
		// Nobody else may have it open while files change places.
		if err := waitFlock(ctx, f, unix.LOCK_EX); err != nil {
			return nil, err
		}
		if err := backup.Finish(data); err != nil {
			return nil, err
		}
	}
}

// ownFolder keeps every other process out of the data folder. It refuses at once while one has it open.
func ownFolder(ctx context.Context, data string) (release func() error, err error) {
	served, err := lockFolder(ctx, data)
	if err != nil {
		return nil, err
	}
	f, err := openLock(data, useLock)
	if err != nil {
		return nil, errors.Join(err, served.release())
	}
	mine, err := tryFlock(f, unix.LOCK_EX)
	if err == nil && !mine {
		err = fmt.Errorf("another guardhouse command is at work in %s: wait until it ends", data)
	}
	if err == nil {
		err = errors.Join(backup.Finish(data), backup.Sweep(data))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), served.release())
	}
	return func() error { return errors.Join(f.Close(), served.release()) }, nil
}

// openLock opens a lock file of the data folder. One that root makes belongs to the folder's owner.
func openLock(data, name string) (*os.File, error) {
	path := filepath.Join(data, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	if err := db.MatchOwner(path, data); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func waitFlock(ctx context.Context, f *os.File, how int) error {
	limit := time.NewTimer(usePatience)
	defer limit.Stop()
	again := time.NewTicker(useEvery)
	defer again.Stop()
	for {
		if mine, err := tryFlock(f, how); mine || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-limit.C:
			return fault.New(fault.Busy, "a restore is at work in the data folder: wait until it ends").WithRetry(usePatience)
		case <-ctx.Done():
			return fault.From(ctx.Err())
		}
	}
}

func tryFlock(f *os.File, how int) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, fmt.Errorf("locking the data folder: %w", err)
		}
	}
}
