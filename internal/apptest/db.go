// Package apptest gives tests the real thing: a migrated database, and the parts of the application over it. Only _test
// files import it.
package apptest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"guardhouse/internal/db"
)

// template is the migrated database file that every test of a binary copies: migrating costs more than copying.
var template = sync.OnceValues(func() ([]byte, error) { //nolint:gochecknoglobals // once per test binary is the point
	dir, err := os.MkdirTemp("", "guardhouse-template-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover in the temporary folder fails no test
	path := filepath.Join(dir, "template.db")
	d, err := db.Open(context.Background(), db.Options{Path: path})
	if err != nil {
		return nil, err
	}
	if _, err := d.Migrate(context.Background()); err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// DBPath answers the path of a fresh migrated database file that nobody has open.
func DBPath(t testing.TB) string {
	t.Helper()
	data, err := template()
	if err != nil {
		t.Fatalf("making the template database: %v", err)
	}
	path := filepath.Join(t.TempDir(), "guardhouse.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// OpenDB answers a fresh migrated database, closed with the test.
func OpenDB(t testing.TB) *db.DB {
	t.Helper()
	return OpenDBAt(t, DBPath(t), time.Now) //nolint:forbidigo // tests that need another clock hand it in
}

// OpenDBAt opens a database file under a clock and closes it with the test.
func OpenDBAt(t testing.TB, path string, now func() time.Time) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: path, Now: now})
	if err != nil {
		t.Fatalf("opening the database: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return d
}

// Migrations answers the names of the migrations after number after, in order.
func Migrations(t testing.TB, after int) []string {
	t.Helper()
	paths, err := filepath.Glob("../../migrations/0*.sql")
	if err != nil || len(paths) <= after {
		t.Fatalf("there are %d migrations (%v), and those after %d are asked for", len(paths), err, after)
	}
	names := make([]string, 0, len(paths))
	for _, path := range paths[after:] {
		names = append(names, filepath.Base(path))
	}
	return names
}
