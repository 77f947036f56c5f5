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
// binary has migrated. Two processes may call it at once.
func (d *DB) Migrate(ctx context.Context) (applied []string, err error) {
	err = d.withProvider(ctx, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		if err != nil {
			// Another process may have won the race for the same file.
			if pending, perr := pendingOf(ctx, p); perr == nil && len(pending) == 0 {
				return nil
			}
			return fault.Wrap(err, fault.Internal, "the database could not be migrated")
		}
		for _, r := range results {
			applied = append(applied, path.Base(r.Source.Path))
		}
		return nil
	})
	return applied, err
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
		return fault.Newf(fault.Conflict, "the database has version %d and this binary knows %d: use the newer binary", current, target)
	}
	return fn(p)
}

func pendingOf(ctx context.Context, p *goose.Provider) ([]string, error) {
	status, err := p.Status(ctx)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the database's version cannot be read")
	}
	var names []string
	for _, s := range status {
		if s.State == goose.StatePending {
			names = append(names, path.Base(s.Source.Path))
		}
	}
	return names, nil
}
