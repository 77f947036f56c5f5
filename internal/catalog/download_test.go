package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/models"
)

// opened is a house whose embedded guard may be taken away by reviewers.
func opened(t testing.TB) house {
	t.Helper()
	h := newHouse(t)
	h.allow(t, "reviewer", "view", "download")
	return h
}

// allow makes one rule on the embedded guard.
func (h house) allow(t testing.TB, role string, operations ...string) {
	t.Helper()
	statements := []string{
		"INSERT INTO acl_rules (id, effect, mode, origin, created_at, updated_at) VALUES ('take', 'allow', 'enforce', 'admin', 1, 1)",
		"INSERT INTO acl_rule_principals (rule_id, kind, ref) VALUES ('take', 'role', '" + role + "')",
		"INSERT INTO acl_rule_models (rule_id, model) VALUES ('take', 'guard-nano')",
	}
	for _, o := range operations {
		statements = append(statements, "INSERT INTO acl_rule_operations (rule_id, operation) VALUES ('take', '"+o+"')")
	}
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, h.guard.Reload(t.Context()))
}

func TestDownload(t *testing.T) {
	h := opened(t)
	d, err := h.cat.Download(t.Context(), user("reviewer"), "guard-nano", nil)
	require.NoError(t, err)
	require.Len(t, h.rows(t), 1, "the row at open is there before the first byte")
	var out bytes.Buffer
	require.NoError(t, d.Write(t.Context(), &out))
	require.Equal(t, models.GuardNano, out.Bytes())
	rows := h.rows(t)
	begin, end := rows[1], rows[0]
	require.Equal(t, []string{"model.view", "download", audit.Allow, "take", "guard-nano", d.Model.SHA256}, []string{begin.Action, begin.Operation, begin.Decision, begin.RuleID, begin.Model, begin.ModelSHA256})
	require.Equal(t, []string{"model.view", "", audit.Allow, "model:guard-nano"}, []string{end.Action, end.Operation, end.Decision, end.Resource})
	require.EqualValues(t, "end", end.Details["change"])
}

// TestDownloadIsAnOperationOfItsOwn: neither seeing nor using a model gives its file, and what one may not see is unknown.
func TestDownloadIsAnOperationOfItsOwn(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		p      access.Principal
		id     string
		code   fault.Code
		reason string
	}{
		"no rule":       {user("reviewer"), "guard-nano", fault.Forbidden, "no_rule_allows"},
		"no rule, boss": {user("admin"), "guard-nano", fault.Forbidden, "no_rule_allows"},
		"role":          {user("guest"), "guard-nano", fault.Forbidden, "role"},
		"unknown":       {user("admin"), "no-such-model", fault.NotFound, "unknown_model"},
		"no id at all":  {user("admin"), "../etc/passwd", fault.NotFound, "unknown_model"},
		"narrow key":    {access.Principal{Kind: access.KindKey, KeyID: "key_1", UserID: "usr_r", Name: "r", Role: "reviewer", KeyModels: []string{"other"}}, "guard-nano", fault.NotFound, "not_visible"},
	} {
		_, err := h.cat.Download(t.Context(), c.p, c.id, nil)
		require.Equal(t, c.code, fault.CodeOf(err), name)
		row := h.rows(t)[0]
		require.Equal(t, []string{audit.Deny, c.reason}, []string{row.Decision, row.Reason}, name)
		require.NotContains(t, string(audit.Canonical(row)), "passwd")
	}
}

// TestNobodyHoldsAnotherFile: bytes that are not the model's never leave whole, whatever the disk says.
func TestNobodyHoldsAnotherFile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, path string)
		code   fault.Code
		rows   int
	}{
		"another byte": {func(t *testing.T, path string) {
			another(t, path, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		}, fault.Unprocessable, 2},
		"another length": {func(t *testing.T, path string) { another(t, path, func(b []byte) []byte { return append(b, 0) }) }, fault.Unprocessable, 1},
		"gone":           {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, fault.Unprocessable, 1},
		"writable":       {func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o600)) }, fault.Unprocessable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			source := filepath.Join(t.TempDir(), "taken.gguf")
			require.NoError(t, os.WriteFile(source, models.GuardNano, 0o600))
			m, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: source, ID: "taken"})
			require.NoError(t, err)
			c.change(t, m.Path)
			before := len(h.rows(t))
			var out bytes.Buffer
			d, err := h.cat.Download(t.Context(), system(), "taken", nil)
			if err == nil {
				err = d.Write(t.Context(), &out)
			}
			require.Equal(t, c.code, fault.CodeOf(err))
			require.Less(t, out.Len(), len(models.GuardNano))
			rows := h.rows(t)
			require.Len(t, rows, before+c.rows)
			require.Equal(t, []string{audit.Error, "failed"}, []string{rows[0].Decision, rows[0].Reason})
		})
	}
}

// grower is a reader under whom the file grows as soon as he has the first block.
type grower struct {
	bytes.Buffer
	grow func()
	once sync.Once
}

func (g *grower) Write(b []byte) (int, error) {
	if len(b) > 0 {
		g.once.Do(g.grow)
	}
	return g.Buffer.Write(b)
}

// TestAFileThatGrowsNeverLeavesWhole: its bytes up to the length that was told are as wrong as the rest, and are not known as such.
func TestAFileThatGrowsNeverLeavesWhole(t *testing.T) {
	h := newHouse(t)
	m, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "grows.gguf", models.GuardNano)})
	require.NoError(t, err)
	another(t, m.Path, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	d, err := h.cat.Download(t.Context(), system(), m.ID, nil)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(m.Path, 0o600))
	out := &grower{grow: func() { require.NoError(t, os.Truncate(m.Path, int64(len(models.GuardNano))+4<<20)) }}
	require.Equal(t, fault.Unprocessable, fault.CodeOf(d.Write(t.Context(), out)))
	require.Less(t, out.Len(), len(models.GuardNano))
	require.Equal(t, audit.Error, h.rows(t)[0].Decision)
}

func another(t testing.TB, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, change(b), 0o400))
}

// leaver is a reader who goes away.
type leaver struct{ err error }

func (l leaver) Write([]byte) (int, error) { return 0, l.err }

func TestDownloadsThatAreBrokenOff(t *testing.T) {
	h := opened(t)
	begin := func() *catalog.Download {
		d, err := h.cat.Download(t.Context(), user("reviewer"), "guard-nano", nil)
		require.NoError(t, err)
		return d
	}
	require.Equal(t, fault.Canceled, fault.CodeOf(begin().Write(t.Context(), leaver{errors.New("broken pipe")})))
	require.Equal(t, []string{audit.Error, "canceled"}, []string{h.rows(t)[0].Decision, h.rows(t)[0].Reason})
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.Equal(t, fault.Canceled, fault.CodeOf(begin().Write(gone, &bytes.Buffer{})))
	require.Equal(t, "canceled", h.rows(t)[0].Reason)
	require.Equal(t, fault.Canceled, fault.CodeOf(begin().Abandon(context.Canceled)))
	require.Equal(t, "canceled", h.rows(t)[0].Reason)

	var under []*catalog.Download
	for range 4 {
		under = append(under, begin())
	}
	_, err := h.cat.Download(t.Context(), user("reviewer"), "guard-nano", nil)
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.Equal(t, "failed", h.rows(t)[0].Reason)
	for _, d := range under {
		require.NoError(t, d.Write(t.Context(), &bytes.Buffer{}))
	}
	require.NoError(t, begin().Write(t.Context(), &bytes.Buffer{}), "the places are free again")
}
