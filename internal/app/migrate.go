package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/config"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// migratePatience is how long a command waits for a server that may be about to migrate by itself.
const migratePatience = time.Second

// Migrate brings the database of the data folder to this release's schema and answers what it applied. Conflict while a server
// runs on an older one.
func Migrate(ctx context.Context, c *config.Config) (applied []string, err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	return onDatabase(ctx, c, func(d *db.DB) ([]string, error) { return migrate(ctx, d, c.Data, false) })
}

// DryRun migrates a copy of the database and answers what Migrate would apply. It refuses a database that would not end in this
// release's schema, and one of a newer release; nothing changes.
func DryRun(ctx context.Context, c *config.Config) (pending []string, err error) {
	return onDatabase(ctx, c, func(d *db.DB) ([]string, error) { return d.DryRun(ctx) })
}

func onDatabase(ctx context.Context, c *config.Config, do func(*db.DB) ([]string, error)) (names []string, err error) {
	release, err := useFolder(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	d, err := db.Open(ctx, db.Options{Path: databaseFile(c)})
	if err != nil {
		return nil, err
	}
	names, err = do(d)
	return names, errors.Join(err, d.Close())
}

// migrate brings d up to this release. A command keeps servers out meanwhile and refuses where one runs: it is of an older
// release, and its statements would no longer fit the schema.
func migrate(ctx context.Context, d *db.DB, data string, server bool) (applied []string, err error) {
	if server {
		return d.Migrate(ctx)
	}
	release, err := keepServersOut(ctx, d, data)
	if err != nil {
		return nil, err
	}
	applied, err = d.Migrate(ctx)
	return applied, errors.Join(err, release())
}

// keepServersOut takes the server's lock, together with other commands, where there is an older database to migrate.
func keepServersOut(ctx context.Context, d *db.DB, data string) (release func() error, err error) {
	limit := time.NewTimer(migratePatience)
	defer limit.Stop()
	again := time.NewTicker(useEvery)
	defer again.Stop()
	for {
		behind, err := d.Behind(ctx)
		if err != nil || !behind {
			return func() error { return nil }, err
		}
		f, err := openLock(data, serveLock)
		if err != nil {
			return nil, err
		}
		alone, err := tryFlock(f, unix.LOCK_SH)
		if alone && err == nil {
			return f.Close, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		select {
		case <-again.C:
		case <-limit.C:
			return nil, fault.New(fault.Conflict, "a server of an older release runs on this data folder, and this command would change its database: stop it first")
		case <-ctx.Done():
			return nil, fault.From(ctx.Err())
		}
	}
}
