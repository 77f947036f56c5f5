package doctor_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/doctor"
)

func TestWhatIsBrokenIsNamed(t *testing.T) {
	sql := func(t *testing.T, data string, statements ...string) {
		d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(data, "guardhouse.db")})
		require.NoError(t, err)
		require.NoError(t, d.Write(func(tx *db.Tx) error {
			for _, s := range statements {
				if _, err := tx.Exec(s); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, d.Close())
	}
	write := func(t *testing.T, path, text string, mode fs.FileMode) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
	}
	for name, c := range map[string]struct {
		hurt        func(t *testing.T, data string)
		check, says string
		status      doctor.Status
	}{
		"key for all": {func(t *testing.T, d string) {
			require.NoError(t, os.Chmod(filepath.Join(d, "secrets", "root.key"), 0o640))
		}, "files", "root.key", doctor.Fail},
		"TLS key for all":  {func(t *testing.T, d string) { require.NoError(t, os.Chmod(filepath.Join(d, "tls", "leaf.key"), 0o604)) }, "files", "leaf.key", doctor.Fail},
		"database for all": {func(t *testing.T, d string) { require.NoError(t, os.Chmod(filepath.Join(d, "guardhouse.db"), 0o644)) }, "files", "guardhouse.db", doctor.Fail},
		"folder for all":   {func(t *testing.T, d string) { require.NoError(t, os.Chmod(d, 0o755)) }, "data folder", "others can use", doctor.Fail},
		"folder above":     {func(t *testing.T, d string) { require.NoError(t, os.Chmod(filepath.Dir(d), 0o777)) }, "data folder", "written to by others", doctor.Fail},
		"model to write":   {func(t *testing.T, d string) { write(t, filepath.Join(d, "models", "x.gguf"), "x", 0o600) }, "files", "x.gguf", doctor.Fail},
		"a socket":         {func(t *testing.T, d string) { require.NoError(t, syscall.Mkfifo(filepath.Join(d, "pipe"), 0o600)) }, "files", "neither files nor folders", doctor.Fail},
		"hostile name":     {func(t *testing.T, d string) { write(t, filepath.Join(d, "a\x1b[31m\u202eb\r\nc"), "x", 0o644) }, "files", "a?[31m?b??c", doctor.Fail},
		"garbage": {func(t *testing.T, d string) {
			write(t, filepath.Join(d, "guardhouse.db"), strings.Repeat("no database ", 1000), 0o600)
		}, "database", "", doctor.Fail},
		"empty database": {func(t *testing.T, d string) { write(t, filepath.Join(d, "guardhouse.db"), "", 0o600) }, "database", "", doctor.Fail},
		"a link": {func(t *testing.T, d string) {
			require.NoError(t, os.Rename(filepath.Join(d, "guardhouse.db"), filepath.Join(d, "x.db")))
			require.NoError(t, os.Symlink("x.db", filepath.Join(d, "guardhouse.db")))
		}, "database", "no plain file", doctor.Fail},
		"torn": {func(t *testing.T, d string) {
			require.NoError(t, os.Truncate(filepath.Join(d, "guardhouse.db"), 40_000))
		}, "database", "", doctor.Fail},
		"trigger": {func(t *testing.T, d string) {
			sql(t, d, "CREATE TRIGGER evil AFTER INSERT ON users BEGIN DELETE FROM users; END")
		}, "database", "evil", doctor.Fail},
		"row edited": {func(t *testing.T, d string) {
			raw(t, d, "UPDATE audit_events SET reason = 'nothing to see'")
		}, "audit log", "edited", doctor.Fail},
		"row of tomorrow": {func(t *testing.T, d string) {
			a := opened(t, d)
			require.NoError(t, a.Close())
			later := func() time.Time { return time.Now().Add(24 * time.Hour) }
			w, err := db.Open(t.Context(), db.Options{Path: filepath.Join(d, "guardhouse.db"), Now: later})
			require.NoError(t, err)
			_, err = audit.New(w, nil).Record(audit.Entry{Actor: audit.Actor{Type: "system"}, Action: "audit.read", Decision: audit.Allow})
			require.NoError(t, err)
			require.NoError(t, w.Close())
		}, "clock", "in the future", doctor.Warn},
		"imported model gone": {func(t *testing.T, d string) {
			sql(t, d, `INSERT INTO models (id, kind, origin, file, size_bytes, sha256, architecture, quantization, context_length, template_sha256, is_default, created_at)
				SELECT 'other', kind, 'imported', 'other.gguf', size_bytes, sha256, architecture, quantization, context_length, template_sha256, 0, created_at FROM models LIMIT 1`)
		}, "models", "other", doctor.Fail},
		"imported model swapped": {func(t *testing.T, d string) {
			sql(t, d, `INSERT INTO models (id, kind, origin, file, size_bytes, sha256, architecture, quantization, context_length, template_sha256, is_default, created_at)
				SELECT 'other', kind, 'imported', 'other.gguf', size_bytes, sha256, architecture, quantization, context_length, template_sha256, 0, created_at FROM models LIMIT 1`)
			write(t, filepath.Join(d, "models", "other.gguf"), "swapped", 0o400)
		}, "models", "SHA-256 differs", doctor.Fail},
		"certificate and key apart": {func(t *testing.T, d string) {
			write(t, filepath.Join(d, "tls", "leaf.key"), "no pem", 0o600)
		}, "certificate", "cannot be used", doctor.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			data := made(t)
			c.hurt(t, data)
			before := footprint(t, data)
			r := run(t, options(data))
			require.True(t, says(r, c.status, c.check, c.says), "%+v", r)
			require.Equal(t, before, footprint(t, data), "it is looked at, not mended")
			for _, check := range r.Checks {
				require.NotContains(t, check.Detail+check.Do, "\x1b")
				require.NotContains(t, check.Detail+check.Do, "\n")
			}
		})
	}
}

// raw changes a database behind every check, as somebody with the file would.
func raw(t *testing.T, data, statement string) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(data, "guardhouse.db")})
	require.NoError(t, err)
	var triggers []string
	rows, err := d.ReadSQL().QueryContext(t.Context(), "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_events'")
	require.NoError(t, err)
	var again []string
	for rows.Next() {
		var name, ddl string
		require.NoError(t, rows.Scan(&name, &ddl))
		triggers, again = append(triggers, "DROP TRIGGER "+name), append(again, ddl)
	}
	require.NoError(t, errors.Join(rows.Err(), rows.Close()))
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		for _, s := range append(append(triggers, statement), again...) {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, d.Close())
}
