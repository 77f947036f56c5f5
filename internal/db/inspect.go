package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"

	"guardhouse/internal/fault"
)

// longestValue is the longest text or blob that a file from elsewhere may make SQLite read. Ours stay under a megabyte.
const longestValue = 16 << 20

// CheckSchema refuses a database file whose schema is not exactly the one of its version, see checkSchema. Nothing is
// written, and nothing that the file may hold of its own is run.
func CheckSchema(ctx context.Context, path string) error {
	return inspect(ctx, path, func(conn *sql.Conn) error { return inReadTx(ctx, conn, checkSchema) })
}

// CheckFile is CheckSchema, then SQLite's own check of every page, row, index and constraint, then one of all foreign keys. An
// empty file is refused: it is no database of ours.
func CheckFile(ctx context.Context, path string) error {
	return inspect(ctx, path, func(conn *sql.Conn) error {
		return inReadTx(ctx, conn, func(ctx context.Context, q querier) error {
			if found, err := listObjects(ctx, q); err != nil || len(found) == 0 {
				return errors.Join(err, fault.New(fault.Invalid, "the file isn't a guardhouse database"))
			}
			if err := checkSchema(ctx, q); err != nil {
				return err
			}
			return checkRows(ctx, q)
		})
	})
}

// inReadTx lets fn see one state of the file.
func inReadTx(ctx context.Context, conn *sql.Conn, fn func(context.Context, querier) error) (err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return Translate(err)
	}
	defer func() {
		done := tx.Rollback() // a read has nothing to commit
		if errors.Is(done, sql.ErrTxDone) {
			done = Translate(ctx.Err()) // whose end rolled it back
		}
		err = errors.Join(err, done)
	}()
	return fn(ctx, tx)
}

func checkRows(ctx context.Context, q querier) error {
	var verdict string
	if err := q.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return Translate(err)
	}
	if verdict != "ok" {
		return fault.New(fault.Invalid, "the database is damaged: "+strings.Join(strings.Fields(verdict), " "))
	}
	var table string
	err := q.QueryRowContext(ctx, "PRAGMA foreign_key_check").Scan(&table, new(any), new(any), new(any))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return Translate(err)
	}
	return fault.Newf(fault.Invalid, "the database is damaged: a row of %q refers to nothing", table)
}

func inspect(ctx context.Context, path string, fn func(*sql.Conn) error) (err error) {
	pool := sql.OpenDB(newInspector(path))
	pool.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "the file isn't a guardhouse database")
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	err = fn(conn)
	var se sqlite3.Error
	if errors.As(err, &se) && (se.Code == sqlite3.ErrNotADB || se.Code == sqlite3.ErrCorrupt || se.Code == sqlite3.ErrError || se.Code == sqlite3.ErrCantOpen) {
		return fault.Wrap(err, fault.Invalid, "the file isn't a sound guardhouse database")
	}
	return err
}

// newInspector connects to a file that somebody else may have written: no writing, no trust in its schema, every cell checked,
// nothing mapped, and an authorizer that lets through reading and the few pragmas of the checks. The driver does not offer
// SQLITE_DBCONFIG_DEFENSIVE; the authorizer refuses all that it would. mode=ro is not used: SQLite does not even read the CHECK
// constraints of a file that it opened so, and its integrity check then passes rows that break them.
func newInspector(path string) *connector {
	hook := func(c *sqlite3.SQLiteConn) error {
		for _, q := range []string{"trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY", "mmap_size = 0"} {
			if _, err := c.Exec("PRAGMA "+q, nil); err != nil {
				return fmt.Errorf("PRAGMA %s: %w", q, err)
			}
		}
		for _, p := range [][2]string{{"trusted_schema", "0"}, {"cell_size_check", "1"}, {"query_only", "1"}} {
			if err := checkPragma(c, p[0], p[1]); err != nil {
				return err
			}
		}
		c.SetLimit(sqlite3.SQLITE_LIMIT_LENGTH, longestValue)
		c.SetLimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
		c.SetLimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1)
		c.RegisterAuthorizer(authorizeReading)
		return nil
	}
	return &connector{dsn: fileURI(path) + "?mode=rw&_query_only=on&cache=private&_txlock=deferred", driver: &sqlite3.SQLiteDriver{ConnectHook: hook}}
}

// authorizeReading answers SQLite's question whether a statement may be prepared. The index of words asks for data_version.
func authorizeReading(op int, arg, _, _ string) int {
	const recursive = 33 // SQLITE_RECURSIVE, which the driver does not name
	switch op {
	case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_FUNCTION:
		return sqlite3.SQLITE_OK
	case sqlite3.SQLITE_PRAGMA:
		if slices.Contains([]string{"encoding", "integrity_check", "foreign_key_check", "data_version"}, arg) {
			return sqlite3.SQLITE_OK
		}
	case recursive:
	}
	return sqlite3.SQLITE_DENY
}
