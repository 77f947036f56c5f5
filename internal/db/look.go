package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"guardhouse/internal/fault"
)

// Still says whether a file may change while it is looked at.
type Still int

// A file that nobody has open is read as it lies, without its write-ahead log, and nothing is made beside it. One that
// another process has open is read with that process's log.
const (
	InUse Still = iota
	AtRest
)

// Look opens a database file for reading alone: no writer, no migration, no file made. Write on it is refused. The schema is
// not checked: Examine says what it thinks of the file.
func Look(ctx context.Context, path string, how Still) (*DB, error) {
	d := &DB{path: path}
	d.reads = sql.OpenDB(newLooker(path, how))
	d.reads.SetMaxOpenConns(readConnections)
	var err error
	if d.pin, err = d.reads.Conn(ctx); err != nil {
		return nil, errors.Join(fault.Wrap(err, fault.Invalid, "the file isn't a guardhouse database, or it cannot be read"), d.Close())
	}
	if d.gorm, err = openGorm(d.reads); err != nil {
		return nil, errors.Join(fault.Wrap(err, fault.Invalid, "the database cannot be read"), d.Close())
	}
	return d, nil
}

// newLooker is newInspector with SQLite's quick check, and for a file at rest without the log.
func newLooker(path string, how Still) *connector {
	c := newInspector(path)
	if how == AtRest {
		c.dsn = fileURI(path) + "?mode=ro&immutable=1&_query_only=on&cache=private&_txlock=deferred"
	}
	strict := c.driver.ConnectHook
	c.driver = &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		if err := strict(conn); err != nil {
			return err
		}
		conn.RegisterAuthorizer(func(op int, arg, a, b string) int {
			// With a value journal_mode would change the file.
			if op == sqlite3.SQLITE_PRAGMA && (arg == "quick_check" || (arg == "journal_mode" && a == "")) {
				return sqlite3.SQLITE_OK
			}
			return authorizeReading(op, arg, a, b)
		})
		return nil
	}}
	return c
}

// Examination is what a look at a database found.
type Examination struct {
	Version, Known int64  // migrations that the file has had, and those that this binary has
	JournalMode    string // wal, but for a file at rest that says what it would be
	SchemaError    error  // why the schema is not one of ours
	Damage         string // the first finding of SQLite's quick check, "" if there is none
}

// Examine holds the schema against this release's and has SQLite check every page. It answers an error only when the file
// could not be read at all.
func (d *DB) Examine(ctx context.Context) (e Examination, err error) {
	names, err := migrationFiles()
	if err != nil {
		return e, err
	}
	e.Known = int64(len(names))
	err = inReadTx(ctx, d.pin, func(ctx context.Context, q querier) error {
		found, err := listObjects(ctx, q)
		if err != nil {
			return err
		}
		if e.Version, e.SchemaError = readVersion(ctx, q, found); e.SchemaError == nil {
			e.SchemaError = checkSchema(ctx, q)
		}
		if err := q.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&e.JournalMode); err != nil {
			return Translate(err)
		}
		var verdict string
		if err := q.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
			return Translate(err)
		}
		if verdict != "ok" {
			e.Damage = verdict
		}
		return nil
	})
	if err != nil {
		return e, fault.Wrap(err, fault.Invalid, fmt.Sprintf("the database cannot be read: %s", fault.From(err).Message))
	}
	return e, nil
}

// readingOnly refuses what needs the writer of a database that has none.
func readingOnly() error {
	return fault.New(fault.NotAvailable, "the database is open for reading alone")
}

// systemNow is the clock of a database without a writer.
func systemNow() time.Time {
	return time.Now() //nolint:forbidigo // nothing is written, so nothing is stamped
}

// CheckSchema refuses a file whose schema is not exactly the one of its version, and one that holds nothing.
func (d *DB) CheckSchema(ctx context.Context) error {
	return inReadTx(ctx, d.pin, func(ctx context.Context, q querier) error {
		found, err := listObjects(ctx, q)
		if err != nil || len(found) == 0 {
			return errors.Join(err, fault.New(fault.Invalid, "the file isn't a guardhouse database"))
		}
		return checkSchema(ctx, q)
	})
}
