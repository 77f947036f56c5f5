package app

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The lock files of a data folder: who serves it, and who has it open.
const (
	serveLock = "serve.lock"
	useLock   = "use.lock"
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
