package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// purpose tells the two pools apart.
type purpose int

const (
	reading purpose = iota
	writing
)

// busyTimeoutMS is how long a process waits for another one's write transaction. Ours take milliseconds; ten seconds
// outlast a checkpoint on a slow disk.
const busyTimeoutMS = 10_000

// impatientMS is how long the writer waits while it knows that another process does not let go.
const impatientMS = busyTimeoutMS / 10

// connectEvery is how soon an open that met a locked file is tried again: the switch to WAL takes milliseconds.
const connectEvery = 5 * time.Millisecond

// pragmas are what every connection must answer when asked. The driver's own default for synchronous in WAL is NORMAL,
// which does not sync at commit, so nothing here is taken on trust.
func pragmas() map[string]string {
	return map[string]string{
		"busy_timeout":    strconv.Itoa(busyTimeoutMS),
		"journal_mode":    "wal",
		"synchronous":     "2", // FULL
		"foreign_keys":    "1",
		"secure_delete":   "1",
		"trusted_schema":  "0",
		"temp_store":      "2", // memory
		"cell_size_check": "1",
	}
}

// connector opens connections without registering a driver name, which would be a global.
type connector struct {
	dsn    string
	driver *sqlite3.SQLiteDriver
}

func newConnector(path string, p purpose) *connector {
	return &connector{dsn: dsn(path, p), driver: &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		return prepareConn(c, p)
	}}}
}

// Connect opens one connection and checks its pragmas. While another process switches the same file to WAL it waits, as
// long as the busy timeout says: SQLite does not ask its busy handler there.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	patience := time.NewTimer(busyTimeoutMS * time.Millisecond)
	defer patience.Stop()
	again := time.NewTicker(connectEvery)
	defer again.Stop()
	for {
		conn, err := c.driver.Open(c.dsn)
		var se sqlite3.Error
		if !errors.As(err, &se) || (se.Code != sqlite3.ErrBusy && se.Code != sqlite3.ErrLocked) {
			return conn, err
		}
		select {
		case <-again.C:
		case <-patience.C:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Driver is part of driver.Connector.
func (c *connector) Driver() driver.Driver { return c.driver }

// fileURI escapes what has a meaning in a SQLite URI, so that a folder may have any name.
func fileURI(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// dsn names the file and its options. The busy timeout comes first: the switch to WAL needs it when two processes start at
// once. Only the writer may take the write lock at BEGIN. SQLite's lock around each call on a connection is off: database/sql
// lends a connection to one goroutine at a time.
func dsn(path string, p purpose) string {
	s := fileURI(path) + "?_busy_timeout=" + strconv.Itoa(busyTimeoutMS) +
		"&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_secure_delete=on&_mutex=no&cache=private"
	if p == writing {
		return s + "&_txlock=immediate"
	}
	return s + "&_txlock=deferred&_query_only=on"
}

// prepareConn sets what the driver has no option for and reads every pragma back.
func prepareConn(c *sqlite3.SQLiteConn, p purpose) error {
	for _, q := range []string{"PRAGMA trusted_schema = OFF", "PRAGMA temp_store = MEMORY", "PRAGMA cell_size_check = ON"} {
		if _, err := c.Exec(q, nil); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	for name, want := range pragmas() {
		if err := checkPragma(c, name, want); err != nil {
			return err
		}
	}
	if p == reading {
		return checkPragma(c, "query_only", "1")
	}
	return checkPragma(c, "query_only", "0")
}

func checkPragma(c *sqlite3.SQLiteConn, name, want string) error {
	rows, err := c.Query("PRAGMA "+name, nil)
	if err != nil {
		return fmt.Errorf("reading pragma %s: %w", name, err)
	}
	row := make([]driver.Value, 1)
	err = rows.Next(row)
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading pragma %s: %w", name, err)
	}
	if got := fmt.Sprint(row[0]); got != want {
		return fmt.Errorf("pragma %s is %q and must be %q", name, got, want)
	}
	return nil
}

// openGorm puts gorm over a pool. Its logger is off: it would print values.
func openGorm(pool gorm.ConnPool) (*gorm.DB, error) {
	return gorm.Open(sqlite.New(sqlite.Config{Conn: pool}), &gorm.Config{
		Logger: logger.Discard, SkipDefaultTransaction: true, TranslateError: true, DisableAutomaticPing: true,
	})
}
