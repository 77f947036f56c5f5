package db

import (
	"context"
	"database/sql"
	"errors"
	"path"

	"github.com/pressly/goose/v3"

	"guardhouse/internal/fault"
	"guardhouse/migrations"
)

// Migrate brings the schema up to this binary's and answers the names of what it ran. It refuses a database that a newer
// binary has migrated. Several processes may call it at once: one runs, the others wait for it and find nothing to do.
func (d *DB) Migrate(ctx context.Context) (applied []string, err error) {
	release, err := lockMigration(ctx, d.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	err = d.withProvider(ctx, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		if err != nil {
			return fault.Wrap(err, fault.Internal, "the database could not be migrated")
		}
		for _, r := range results {
			applied = append(applied, path.Base(r.Source.Path))
		}
		return nil
	})
	return applied, err
}

// Behind says that the file has an older release's schema. A new file has none.
func (d *DB) Behind(ctx context.Context) (behind bool, err error) {
	err = inReadTx(ctx, d.pin, func(ctx context.Context, q querier) error {
		found, err := listObjects(ctx, q)
		if err != nil || len(found) == 0 {
			return err
		}
		version, err := readVersion(ctx, q, found)
		if err != nil {
			return err
		}
		known, err := migrationFiles()
		behind = version > 0 && version < int64(len(known))
		return err
	})
	return behind, err
}

// DryRun migrates a copy and answers the names of what Migrate would run; the database itself stays as it is. It refuses a
// database that a newer binary has migrated, and one that would not end in this release's schema.
func (d *DB) DryRun(ctx context.Context) (pending []string, err error) {
	s, err := d.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	trial, err := Open(ctx, Options{Path: s.Path})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, trial.Close()) }()
	if pending, err = trial.Migrate(ctx); err != nil {
		return nil, err
	}
	return pending, inReadTx(ctx, trial.pin, checkSchema)
}

// withProvider opens a connection of its own: the writer never gives its one away.
func (d *DB) withProvider(ctx context.Context, fn func(*goose.Provider) error) (err error) {
	pool := sql.OpenDB(newConnector(d.path, writing))
	pool.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, pool.Close()) }()
	p, err := goose.NewProvider(goose.DialectSQLite3, pool, migrations.Files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the migrations cannot be read")
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the database's version cannot be read")
	}
	if current > target {
		return tooNew(current, target)
	}
	return fn(p)
}
