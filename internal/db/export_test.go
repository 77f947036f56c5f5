package db

import (
	"context"
	"database/sql"
	"errors"
	"path"
	"time"

	"github.com/pressly/goose/v3"
)

// Waiting answers how many writes are queued behind the running group.
func (d *DB) Waiting() int {
	d.writer.mu.Lock()
	defer d.writer.mu.Unlock()
	return len(d.writer.queue)
}

// Interrupted runs a statement under a context that ends while it runs: what a request's context would do, did it reach SQL.
// The driver loses an interrupt that comes before the statement has begun, so a statement that went through is tried again.
func (t *Tx) Interrupted(query string) error {
	for patience := time.Millisecond; patience < 10*time.Second; patience *= 2 {
		if _, err := t.Exec("SAVEPOINT attempt"); err != nil {
			return err
		}
		if err := t.under(patience, query); err != nil {
			return err
		}
		if _, err := t.Exec("ROLLBACK TO attempt"); err != nil {
			return err
		}
	}
	return errors.New("the statement was never interrupted")
}

func (t *Tx) under(patience time.Duration, query string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := t.w.conn.ExecContext(ctx, query)
	return err
}

// WriterConn lends the writer's connection to a test; no write may run meanwhile.
func (d *DB) WriterConn() *sql.Conn { return d.writer.conn }

// Pending answers the names of the migrations that Migrate would run. It refuses a database newer than the binary.
func (d *DB) Pending(ctx context.Context) (names []string, err error) {
	err = d.withProvider(ctx, func(p *goose.Provider) error {
		status, err := p.Status(ctx)
		for _, s := range status {
			if s.State == goose.StatePending {
				names = append(names, path.Base(s.Source.Path))
			}
		}
		return err
	})
	return names, err
}

// Pragmas lists what every connection must answer.
func Pragmas() map[string]string { return pragmas() }

// MigrateTo stops at a version.
func (d *DB) MigrateTo(ctx context.Context, version int64) error {
	return d.withProvider(ctx, func(p *goose.Provider) error {
		_, err := p.UpTo(ctx, version)
		return err
	})
}

// CanonicalDDL evens out a CREATE statement.
func CanonicalDDL(sql string) string { return canonicalDDL(sql) }

// LockMigration takes the lock that Migrate takes.
func LockMigration(ctx context.Context, path string) (release func() error, err error) {
	return lockMigration(ctx, path)
}

// EndInside opens the file and ends ctx while a read transaction looks at it.
func EndInside(ctx context.Context, end context.CancelFunc, path string) error {
	return inspect(ctx, path, func(conn *sql.Conn) error {
		return inReadTx(ctx, conn, func(ctx context.Context, q querier) error {
			end()
			for { // until the pool has rolled back
				if err := q.QueryRowContext(context.WithoutCancel(ctx), "SELECT 1").Scan(new(int)); err != nil {
					return nil //nolint:nilerr // whatever fn makes of it
				}
			}
		})
	})
}
