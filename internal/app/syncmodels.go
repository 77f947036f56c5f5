package app

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// syncModels writes into the catalogue which models this release embeds, unless another process serves the folder: what that one
// embeds is what judges. A server that starts meanwhile waits, and then says what it embeds.
func (a *App) syncModels(ctx context.Context) (err error) {
	if a.server {
		return a.Catalog.Sync(ctx)
	}
	f, err := openLock(a.Config.Data, aliveLock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	alone, err := tryFlock(f, unix.LOCK_SH)
	if err != nil {
		return err
	}
	if alone {
		return a.Catalog.Sync(ctx)
	}
	_, err = a.Catalog.Refresh(ctx)
	return err
}
