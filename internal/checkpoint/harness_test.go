package checkpoint_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/db"
	"guardhouse/internal/proof"
)

func newClock() *apptest.Clock {
	return apptest.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
}

// house is one process on a data folder.
type house struct {
	*checkpoint.Service
	t     testing.TB
	clock *apptest.Clock
	data  string
	db    *db.DB
	guard *access.Guard
	log   *audit.Log
	said  *bytes.Buffer
}

// at opens a process on a data folder.
func at(t testing.TB, data, path string, c *apptest.Clock, change func(*checkpoint.Options)) *house {
	t.Helper()
	h := &house{t: t, clock: c, data: data, said: &bytes.Buffer{}}
	h.db = apptest.OpenDBAt(t, path, c.Now)
	h.log = audit.New(h.db, []byte("a key of a test, thirty-two bytes"))
	log := slog.New(slog.NewTextHandler(h.said, nil))
	var err error
	h.guard, err = access.New(t.Context(), h.db, h.log, access.Options{Now: c.Now, Log: log})
	require.NoError(t, err)
	o := checkpoint.Options{DataDir: data, Rows: 10, Every: 10 * time.Minute, Now: c.Now, Log: log}
	if change != nil {
		change(&o)
	}
	h.Service = checkpoint.New(h.db, h.guard, o)
	return h
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return at(t, t.TempDir(), apptest.DBPath(t), newClock(), nil)
}

// rows appends n rows.
func (h *house) rows(n int) {
	h.t.Helper()
	for range n {
		_, err := h.log.Record(audit.Entry{Actor: audit.Actor{Type: "user", Name: "rita"}, Action: "test", Decision: audit.Allow})
		require.NoError(h.t, err)
	}
}

// keys answers what the log's own table says, each key learnt from the one before.
func (h *house) keys() proof.Keys {
	h.t.Helper()
	rows, err := h.Keys(context.Background())
	require.NoError(h.t, err)
	require.NotEmpty(h.t, rows)
	keys, err := proof.ParseKeys([]byte(checkpoint.PublicKeyLines(rows[0])))
	require.NoError(h.t, err)
	for _, k := range rows[1:] {
		_, err := keys.Learn([]byte(k.Note))
		require.NoError(h.t, err)
	}
	return keys
}

// proved answers all checkpoints, oldest first, after opening each and holding it against the one before and the rows.
func (h *house) proved() (out []proof.Checkpoint) {
	h.t.Helper()
	keys := h.keys()
	page, err := h.List(context.Background(), "", 500)
	require.NoError(h.t, err)
	var before string
	for i := range page.Items {
		row := page.Items[len(page.Items)-1-i]
		c, id, err := proof.ParseCheckpoint([]byte(row.Note), keys)
		require.NoError(h.t, err)
		require.Equal(h.t, row.KeyID, id)
		require.Equal(h.t, []any{row.Number, row.Seq, row.Hash, row.At, row.Cause, row.Previous}, []any{c.Number, c.Seq, c.Hash, c.At, c.Cause, c.Previous})
		if i > 0 {
			require.True(h.t, c.Follows(out[i-1], []byte(before)))
		}
		if c.Seq > 0 {
			var hash string
			require.NoError(h.t, h.db.ReadSQL().QueryRowContext(context.Background(), `SELECT hash FROM audit_events WHERE seq = ?`, c.Seq).Scan(&hash))
			require.Equal(h.t, hash, c.Hash)
		}
		before = row.Note
		out = append(out, c)
	}
	return out
}

func causes(list []proof.Checkpoint) (out []string) {
	for _, c := range list {
		out = append(out, c.Cause)
	}
	return out
}

// copied answers the notes of an anchor's files in the order of days.
func copied(t testing.TB, dir string) (out []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.notes"))
	require.NoError(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		for n := range proof.Notes(data) {
			out = append(out, string(n))
		}
	}
	return out
}

// copiedNumbers answers the numbers of the checkpoints of an anchor.
func copiedNumbers(t testing.TB, dir string) (out []string) {
	t.Helper()
	for _, n := range copied(t, dir) {
		if f, ok := proof.Peek([]byte(n)); ok && proof.KindOf([]byte(n)) == proof.KindCheckpoint {
			out = append(out, f.Get("number"))
		}
	}
	return out
}

// lines counts the lines of the log that hold text.
func (h *house) lines(text string) int { return strings.Count(h.said.String(), text) }

// dbPath answers the file of the database.
func dbPath(t testing.TB, h *house) string {
	t.Helper()
	var path string
	require.NoError(t, h.db.ReadSQL().QueryRowContext(context.Background(), `SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&path))
	return path
}

func exec(h *house, query string) error {
	return h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query)
		return err
	})
}
