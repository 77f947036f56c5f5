// Package db opens the SQLite database, migrates it, and hands out the two ways to use it: a pool of read-only
// connections, and one writer that commits waiting writes in groups. It knows no table but goose's own.
// It may import migrations and fault; nothing above it sees a driver's or gorm's error.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/fault"
)

// Options says which file to open. Now is the clock of every transaction; nil means the system's.
type Options struct {
	Path string
	Now  func() time.Time
}

// DB is an open database. All methods may be called from any goroutine.
type DB struct {
	path   string
	reads  *sql.DB
	gorm   *gorm.DB
	writer *writer

	pinMu sync.Mutex
	pin   *sql.Conn
}

// readConnections bounds the read pool: SQLite readers run in parallel, and one more than a small server's cores is never
// the bottleneck; one of them is pinned for DataVersion.
const readConnections = 8

// Open opens or creates the database file (mode 0600) and starts its writer. It refuses a connection whose pragmas,
// read back, are not the ones we rely on, a schema that is not exactly the one of the file's version, so that a planted
// trigger stops the start, and a database of a newer binary. It does not migrate.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Path == "" {
		return nil, fault.New(fault.Invalid, "the database needs a path")
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	err := createPrivate(o.Path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := sweep(filepath.Join(filepath.Dir(o.Path), runDir)); err != nil {
		return nil, err
	}
	d := &DB{path: o.Path}
	// The writer comes first: it is the one that may switch a new file to WAL.
	if d.writer, err = newWriter(ctx, o.Path, o.Now); err != nil {
		return nil, err
	}
	if err := d.openReads(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := inReadTx(ctx, d.pin, checkSchema); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *DB) openReads(ctx context.Context) error {
	d.reads = sql.OpenDB(newConnector(d.path, reading))
	d.reads.SetMaxOpenConns(readConnections)
	d.reads.SetMaxIdleConns(readConnections)
	var err error
	if d.pin, err = d.reads.Conn(ctx); err != nil {
		return unopened(err, "the database cannot be read")
	}
	if d.gorm, err = openGorm(d.reads); err != nil {
		return unopened(err, "the database cannot be read")
	}
	return nil
}

// Read answers a gorm session on the read pool. It refuses every write.
func (d *DB) Read(ctx context.Context) *gorm.DB { return d.gorm.WithContext(ctx) }

// ReadSQL answers the read pool itself. It refuses every write.
func (d *DB) ReadSQL() *sql.DB { return d.reads }

// Write hands fn to the one writer and returns after the transaction that holds its work is durable. An error of fn undoes
// fn's own work and nobody else's. fn may run more than once, so it must touch nothing but the transaction; it must not
// call Write. When the transaction cannot be committed, every waiter gets fault.AuditUnavailable.
func (d *DB) Write(fn func(tx *Tx) error) error {
	if d.writer == nil {
		return readingOnly()
	}
	return d.writer.write(fn)
}

// DataVersion answers a number that changes whenever any connection, of any process, commits.
func (d *DB) DataVersion(ctx context.Context) (int64, error) {
	d.pinMu.Lock()
	defer d.pinMu.Unlock()
	var v int64
	if err := d.pin.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v); err != nil {
		return 0, Translate(err)
	}
	return v, nil
}

// FreeShare answers how much of the file system that holds the database is free for us, between 0 and 1.
func (d *DB) FreeShare() (float64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(d.path), &s); err != nil {
		return 0, fault.Wrap(err, fault.Internal, "the file system cannot be asked for its free space")
	}
	if s.Blocks == 0 { // some file systems have no size
		return 1, nil
	}
	return float64(s.Bavail) / float64(s.Blocks), nil
}

// Close finishes the writes that wait, then closes both pools. Later writes are refused.
func (d *DB) Close() error {
	var errs []error
	if d.writer != nil {
		errs = append(errs, d.writer.close())
	}
	if d.pin != nil {
		errs = append(errs, d.pin.Close())
	}
	if d.reads != nil {
		errs = append(errs, d.reads.Close())
	}
	return errors.Join(errs...)
}

// createPrivate makes the file before SQLite does: SQLite would use the umask, and it gives the -wal and -shm files the
// mode of the database file. One that is there already is not opened (fs.ErrExist): closing it would drop the locks that
// SQLite holds on it for another part of this process.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return unopened(err, fmt.Sprintf("the database file cannot be opened: %v", errors.Unwrap(err)))
	}
	return f.Close()
}
