package checkpoint

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"guardhouse/internal/fault"
)

const (
	// lockPatience is how long a process waits for another one that is at the folder: a change of keys is answered when its key stands there.
	lockPatience = 3 * time.Second
	lockEvery    = 5 * time.Millisecond
)

// lock keeps a second process from copying the same at the same time, and answers EWOULDBLOCK where one is at it for too long. A file
// system without locks goes without: a note that stands there twice does no harm, and a key that is missing is added next time.
func (a *anchor) lock(ctx context.Context) (unlock func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	again := time.NewTicker(lockEvery)
	defer again.Stop()
	for {
		unlock, err := a.tryLock()
		if unlock != nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			return unlock, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// tryLock takes the lock of the file that bears the name: its keeper may have put another one in its place.
func (a *anchor) tryLock() (unlock func() error, err error) {
	f, err := a.open(publicKeys)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(err, f.Close())
	}
	mine, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fault.From(err), f.Close())
	}
	if now, err := os.Lstat(f.Name()); err != nil || !os.SameFile(mine, now) {
		return nil, errors.Join(syscall.EWOULDBLOCK, f.Close())
	}
	return f.Close, nil
}
