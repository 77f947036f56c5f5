package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"guardhouse/internal/fault"
	"guardhouse/migrations"
)

const (
	versionTable = goose.DefaultTablename
	// maxObjects bounds what is read of a schema that somebody else made; ours has fewer than a hundred objects.
	maxObjects = 1000
	// maxShownName is how much of a foreign object's name stands in a message.
	maxShownName = 64
)

// object is one row of sqlite_schema; ddl is canonical.
type object struct{ kind, name, table, ddl string }

// querier is what a connection and a transaction share.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkSchema refuses a database that holds anything else than the migrations up to its own version made: a table, view,
// index or trigger more or less, or one with another definition (threat S2). It reads the list of objects and the version
// table alone, so nothing that was planted runs. A file without any object is a new one and passes. Conflict when a newer
// binary made it, Invalid for the rest.
func checkSchema(ctx context.Context, q querier) error {
	found, err := listObjects(ctx, q)
	if err != nil || len(found) == 0 {
		return err
	}
	var encoding string
	if err := q.QueryRowContext(ctx, "PRAGMA encoding").Scan(&encoding); err != nil {
		return Translate(err)
	}
	if encoding != "UTF-8" {
		return fault.New(fault.Invalid, "the database's text encoding isn't UTF-8: it isn't one of ours")
	}
	version, err := readVersion(ctx, q, found)
	if err != nil {
		return err
	}
	want, err := expectedObjects(ctx, version)
	if err != nil {
		return err
	}
	return compareObjects(want, found)
}

// listObjects answers the schema by kind and name. It refuses a list too long to be ours.
func listObjects(ctx context.Context, q querier) (found map[string]object, err error) {
	rows, err := q.QueryContext(ctx, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema LIMIT ?", maxObjects+1)
	if err != nil {
		return nil, Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found = map[string]object{}
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.ddl); err != nil {
			return nil, Translate(err)
		}
		o.ddl = canonicalDDL(o.ddl)
		key := o.kind + " " + o.name
		if _, twice := found[key]; twice { // SQLite goes by the text, not by the name: one could hide behind another
			return nil, foreign(o, "is there twice")
		}
		if found[key] = o; len(found) > maxObjects {
			return nil, fault.New(fault.Invalid, "the database's schema isn't this release's: it has too many objects")
		}
	}
	return found, Translate(rows.Err())
}

// readVersion answers the version that the file says it has, after it has made sure that the version table is just that. Its
// rows must be 0, 1, 2 and so on, each once: nothing else ever writes them.
func readVersion(ctx context.Context, q querier, found map[string]object) (version int64, err error) {
	base, err := expectedObjects(ctx, 0)
	if err != nil {
		return 0, err
	}
	for key, want := range base {
		if found[key] != want {
			return 0, foreign(want, "is missing or isn't as this release made it")
		}
	}
	rows, err := q.QueryContext(ctx, "SELECT version_id, is_applied FROM "+versionTable+" ORDER BY version_id LIMIT ?", maxObjects)
	if err != nil {
		return 0, Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	known, err := migrationFiles()
	if err != nil {
		return 0, err
	}
	version = -1
	for rows.Next() {
		var v, applied int64
		if err := rows.Scan(&v, &applied); err != nil {
			return 0, Translate(err)
		}
		if v > int64(len(known)) {
			return 0, tooNew(v, int64(len(known)))
		}
		if v != version+1 || applied != 1 {
			return 0, fault.New(fault.Invalid, "the database's list of migrations has gaps: it isn't one of ours")
		}
		version = v
	}
	return max(version, 0), Translate(rows.Err())
}

func tooNew(have, known int64) error {
	return fault.Newf(fault.Conflict, "the database has version %d and this binary knows %d: use the newer binary", have, known)
}

// migrationFiles answers the names of the migrations in order. Their numbers run from 1 without a gap.
func migrationFiles() ([]string, error) {
	names, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the migrations cannot be read")
	}
	slices.Sort(names)
	for i, name := range names {
		number, _, _ := strings.Cut(name, "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fault.Newf(fault.Internal, "the migrations cannot be read: %s is not number %d", name, i+1)
		}
	}
	return names, nil
}

// expectedObjects lists what the version table and the migrations up to version make. For this release's own version that is
// schema.sql, which a test holds against the migrations and which runs in a fifth of their time.
func expectedObjects(ctx context.Context, version int64) (map[string]object, error) {
	names, err := migrationFiles()
	if err != nil {
		return nil, err
	}
	if version == int64(len(names)) {
		return objectsOf(ctx, []string{migrations.Schema})
	}
	var scripts []string
	for _, name := range names[:version] {
		text, err := fs.ReadFile(migrations.Files, name)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the migrations cannot be read")
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		scripts = append(scripts, up)
	}
	return objectsOf(ctx, scripts)
}

// objectsOf runs the version table and scripts in a database of its own in memory and lists what is there then.
func objectsOf(ctx context.Context, scripts []string) (found map[string]object, err error) {
	// Milliseconds in memory: the driver's watch over a context that can end would cost as much again.
	ctx = context.WithoutCancel(ctx)
	pool := sql.OpenDB(memoryConnector{})
	pool.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, pool.Close()) }()
	store, err := database.NewStore(database.DialectSQLite3, versionTable)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the migrations cannot be read")
	}
	err = store.CreateVersionTable(ctx, pool)
	for i := 0; i < len(scripts) && err == nil; i++ {
		_, err = pool.ExecContext(ctx, scripts[i])
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the expected schema cannot be computed")
	}
	return listObjects(ctx, pool)
}

// compareObjects names the first thing, in order of kind and name, that is not as it must be.
func compareObjects(want, found map[string]object) error {
	for _, key := range slices.Sorted(maps.Keys(found)) {
		switch o, ok := want[key]; {
		case !ok:
			return foreign(found[key], "isn't part of this release's schema")
		case o != found[key]:
			return foreign(found[key], "isn't as this release made it")
		}
	}
	var lacks *object
	for _, key := range slices.Sorted(maps.Keys(want)) {
		o := want[key]
		switch _, ok := found[key]; {
		case ok:
		case o.kind != "trigger" && o.kind != "index":
			return foreign(o, "is missing")
		case lacks == nil:
			lacks = &o
		}
	}
	if lacks == nil {
		return nil
	}
	said := foreign(*lacks, "is missing")
	return fault.Wrap(ErrLacks, fault.CodeOf(said), fault.From(said).Message)
}

// ErrLacks is in the error about a schema that is right in all that is there and lacks triggers or indexes: what guards the
// rows is gone, and what reads them is sound.
var ErrLacks = errors.New("triggers or indexes are missing")

func foreign(o object, why string) error {
	kind, name := o.kind, o.name
	if len(name) > maxShownName {
		name = strings.ToValidUTF8(name[:maxShownName], "") + "…"
	}
	return fault.New(fault.Invalid, fmt.Sprintf("the database's %s %q %s: this file must not be used", kind, name, why))
}

// memoryConnector opens a database in memory, which nothing outside ever reaches.
type memoryConnector struct{}

// Connect opens it.
func (memoryConnector) Connect(context.Context) (driver.Conn, error) {
	return (&sqlite3.SQLiteDriver{}).Open(":memory:")
}

// Driver is part of driver.Connector.
func (memoryConnector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }
