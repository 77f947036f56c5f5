package backup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/backup"
	"guardhouse/internal/db"
	"guardhouse/migrations"
)

func now() time.Time { return time.Date(2026, 11, 21, 14, 30, 12, 345000000, time.UTC) }

func system() access.Principal { return access.System("tester") }

// folder is a data folder that is open.
type folder struct {
	dir    string
	db     *db.DB
	log    *audit.Log
	source backup.Source
}

// newFolder makes a data folder and opens it.
func newFolder(t testing.TB) *folder {
	t.Helper()
	return openFolder(t, makeFolder(t))
}

// makeFolder makes a data folder with a database and keys that nobody has open.
func makeFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "secrets"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tls"), 0o700))
	data, err := os.ReadFile(apptest.DBPath(t))
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"guardhouse.db": data, "secrets/root.key": bytes.Repeat([]byte{7}, 32), "secrets/jwt-01jx8q4t2m01jx8q4t2m01jx8q.key": []byte("signing"),
		"secrets/.new-123": []byte("unfinished"), "tls/ca.key": []byte("authority"), "tls/ca.pem": []byte("certificate"), "tls/leaf.key": []byte("leaf"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir
}

func openFolder(t testing.TB, dir string) *folder {
	t.Helper()
	d := apptest.OpenDBAt(t, filepath.Join(dir, "guardhouse.db"), now)
	log := audit.New(d, nil)
	guard, err := access.New(t.Context(), d, log, access.Options{Now: now})
	require.NoError(t, err)
	return &folder{dir: dir, db: d, log: log, source: backup.Source{DB: d, Guard: guard, DataDir: dir, Now: now}}
}

// row adds one row to the log.
func (f *folder) row(t testing.TB, name string) {
	t.Helper()
	_, err := f.log.Record(audit.Entry{Actor: audit.Actor{Type: "system", Name: name}, Action: "example.read", Decision: audit.Allow})
	require.NoError(t, err)
}

// archive makes a backup in a folder of its own and answers its path.
func (f *folder) archive(t testing.TB, k backup.Key, keys bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.ghb")
	_, err := backup.Make(context.Background(), system(), f.source, backup.Request{File: path, Key: k, IncludeKeys: keys})
	require.NoError(t, err)
	return path
}

func restoration(file, data string, k backup.Key) backup.Restoration {
	return backup.Restoration{File: file, DataDir: data, Key: k, Now: now}
}

// tree lists everything below dir with mode, size and hash, so that two moments can be compared.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String()
		if e.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			line += fmt.Sprint(" ", len(data), " ", hex.EncodeToString(sum[:8]))
		}
		rel, err := filepath.Rel(dir, path)
		out[rel] = line
		return err
	})
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	return out
}

// plainConnector opens a file as anybody would who has the driver and no rules.
type plainConnector string

func (p plainConnector) Connect(context.Context) (driver.Conn, error) {
	return p.Driver().Open("file:" + string(p))
}

func (plainConnector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// tamper runs statements on a database file and leaves it as one file.
func tamper(t testing.TB, path string, statements ...string) {
	t.Helper()
	pool := sql.OpenDB(plainConnector(path))
	pool.SetMaxOpenConns(1)
	for _, s := range append([]string{"PRAGMA journal_mode = DELETE"}, statements...) {
		_, err := pool.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
	require.NoError(t, pool.Close())
}

// single asks a database file for one value.
func single(t testing.TB, path, query string) string {
	t.Helper()
	pool := sql.OpenDB(plainConnector(path))
	defer func() { require.NoError(t, pool.Close()) }()
	var v sql.NullString
	require.NoError(t, pool.QueryRowContext(t.Context(), query).Scan(&v), query)
	return v.String
}

func names(files []backup.File) string {
	var out []string
	for _, f := range files {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

// older turns an empty database file into one of the first release.
func older(t testing.TB, path string) {
	t.Helper()
	script, err := migrations.Files.ReadFile("0001_init.sql")
	require.NoError(t, err)
	up, _, _ := strings.Cut(string(script), "-- +goose Down")
	tamper(t, path, `CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	)`, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)", up)
}
