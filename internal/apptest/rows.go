package apptest

import (
	"testing"

	"guardhouse/internal/db"
)

// RequireRows runs fn and fails the test unless it left exactly so many audit rows.
func RequireRows(t testing.TB, d *db.DB, want int, fn func()) {
	t.Helper()
	before := AuditRows(t, d)
	fn()
	if got := AuditRows(t, d) - before; got != want {
		t.Fatalf("left %d audit rows, want %d", got, want)
	}
}

// AuditRows counts the rows of the audit log.
func AuditRows(t testing.TB, d *db.DB) int {
	t.Helper()
	var n int
	if err := d.ReadSQL().QueryRowContext(t.Context(), "SELECT count(*) FROM audit_events").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
