package app

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The lock files of a data folder: who serves it, who has it open, and who removes old records from it.
const (
	serveLock = "serve.lock"
	useLock   = "use.lock"
	pruneLock = "prune.lock"
)

// lockFolder makes this process the one server of the data folder. The kernel frees the lock when the
// process ends, however it ends.
func lockFolder(data string) (release func() error, err error) {
	f, err := openLock(data, serveLock)
	if err != nil {
		return nil, err
	}
	got, err := tryFlock(f, unix.LOCK_EX)
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case !got:
		return nil, errors.Join(fmt.Errorf("another guardhouse serves %s: stop it first, or give another --data", data), f.Close())
	}
	return f.Close, nil
}

// pruneAlone makes this process the only one that removes old records from the data folder; mine is false while another one does.
func (a *App) pruneAlone() (release func() error, mine bool, err error) {
	f, err := openLock(a.Config.Data, pruneLock)
	if err != nil {
		return nil, false, err
	}
	if mine, err = tryFlock(f, unix.LOCK_EX); err != nil || !mine {
		return nil, false, errors.Join(err, f.Close())
	}
	return f.Close, true, nil
}
