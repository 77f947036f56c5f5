package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
)

// The lock files of a data folder: who serves it, whose worker may still be alive, who has it open, and who removes old records
// from it.
const (
	serveLock = "serve.lock"
	aliveLock = "alive.lock"
	useLock   = "use.lock"
	pruneLock = "prune.lock"
)

// held is the right to be the one server of a data folder. The kernel ends it with the processes that have it.
type held struct {
	serve *os.File // of whoever was asked to serve
	alive *os.File // a worker has it too: until it is gone, nobody else's begins
}

func (h held) release() error { return errors.Join(h.serve.Close(), h.alive.Close()) }

// lockFolder makes this process the one server of the data folder. It refuses at once while another one is, and waits a moment
// for the worker of one that was killed: the kernel is ending it.
func lockFolder(ctx context.Context, data string) (h held, err error) {
	if h.serve, err = openLock(data, serveLock); err != nil {
		return h, err
	}
	got, err := tryFlock(h.serve, unix.LOCK_EX)
	switch {
	case err != nil:
		return h, errors.Join(err, h.serve.Close())
	case !got:
		return h, errors.Join(fmt.Errorf("another guardhouse serves %s: stop it first, or give another --data", data), h.serve.Close())
	}
	if h.alive, err = openLock(data, aliveLock); err != nil {
		return h, errors.Join(err, h.serve.Close())
	}
	if err := waitFlock(ctx, h.alive, unix.LOCK_EX); err != nil {
		if fault.CodeOf(err) == fault.Busy {
			err = fmt.Errorf("the worker of a guardhouse that was killed is still alive in %s: end it first", data)
		}
		return h, errors.Join(err, h.release())
	}
	return h, nil
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
