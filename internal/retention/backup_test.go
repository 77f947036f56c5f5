package retention_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/backup"
	"guardhouse/internal/verify"
)

// A log whose old rows are gone is backed up and restored like any other, also one whose clock was set back once.
func TestALogWithoutItsOldRowsCanBeBackedUp(t *testing.T) {
	for name, before := range map[string]func(h *house){
		"whole":  func(*house) {},
		"pruned": func(h *house) { h.prune() },
		"a clock set back": func(h *house) {
			h.wall = h.wall.Add(-30 * day)
			h.rows(1, "alice")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := aged(t)
			before(h)
			key, err := backup.WriteKeyFile(filepath.Join(t.TempDir(), "key"))
			require.NoError(t, err)
			file, data := filepath.Join(t.TempDir(), "b.ghb"), filepath.Join(t.TempDir(), "restored")
			source := backup.Source{DB: h.db, Guard: h.guard, DataDir: t.TempDir(), Now: h.now}
			made, err := backup.Make(t.Context(), access.System("tester"), source, backup.Request{File: file, Key: key})
			require.NoError(t, err)
			_, err = backup.Restore(t.Context(), access.System("tester"), backup.Restoration{File: file, DataDir: data, Key: key, Now: h.now})
			require.NoError(t, err)

			d := apptest.OpenDBAt(t, filepath.Join(data, "guardhouse.db"), h.now)
			report, err := verify.Database(t.Context(), audit.New(d, nil), verify.Options{Keys: h.keys})
			require.NoError(t, err)
			if name != "a clock set back" {
				require.Empty(t, report.Finding, report.Detail)
			}
			require.Equal(t, made.Head.Seq+1, report.Rows+report.Pruned, "every row is there or under a tombstone, and the restore's own")
		})
	}
}
