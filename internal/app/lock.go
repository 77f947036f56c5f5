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
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another guardhouse serves %s: stop it first, or give another --data", data)
		}
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	return f.Close, nil
}
