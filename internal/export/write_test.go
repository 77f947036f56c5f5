package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/export"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// read takes an export in JSONL apart and holds rows and manifest against each other.
func (h *house) read(text string) (rows []audit.Event, notes []string, m proof.Manifest) {
	h.t.Helper()
	end := strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n") + 1
	var last struct{ Manifest string }
	require.NoError(h.t, json.Unmarshal([]byte(text[end:]), &last))
	m, _, err := proof.ParseManifest([]byte(last.Manifest), h.keys)
	require.NoError(h.t, err)
	sum := sha256.Sum256([]byte(text[:end]))
	require.Equal(h.t, hex.EncodeToString(sum[:]), m.SHA256)
	require.Equal(h.t, int64(end), m.Bytes)
	for line := range strings.Lines(text[:end]) {
		if strings.HasPrefix(line, `{"checkpoint"`) || strings.HasPrefix(line, `{"key"`) {
			notes = append(notes, line)
			continue
		}
		require.Empty(h.t, notes, "notes stand behind the rows")
		var ev audit.Event
		require.NoError(h.t, json.Unmarshal([]byte(line), &ev))
		require.Equal(h.t, ev.Hash, ev.ComputeHash())
		again, err := ev.MarshalJSON()
		require.NoError(h.t, err)
		require.Equal(h.t, string(again)+"\n", line, "the published form, byte for byte")
		rows = append(rows, ev)
	}
	require.EqualValues(h.t, len(rows), m.Rows)
	return rows, notes, m
}

func TestWholeLogIsAChain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(2*export.PageRows + 17)
	h.notes = []note{{"key", "a key\nnote\n"}, {"checkpoint", "<a> & checkpoint\n"}}
	text, sum := h.take(export.Request{Format: export.JSONL})
	rows, notes, m := h.read(text)
	previous := audit.Genesis
	for i, ev := range rows {
		require.EqualValues(t, i+1, ev.Seq)
		require.Equal(t, previous, ev.PrevHash)
		previous = ev.Hash
	}
	require.Len(t, notes, 2)
	require.Contains(t, notes[1], "checkpoint")
	last := rows[len(rows)-1]
	require.Equal(t, "audit.export", last.Action, "its own opening row is its end")
	require.Equal(t, proof.Manifest{
		Install: "ins1", Format: "jsonl", Rows: last.Seq, First: 1, Last: last.Seq, Bytes: m.Bytes, SHA256: sum.SHA256, Contiguous: true,
		Previous: audit.Genesis, Hash: last.Hash, Filter: "{}", At: began, By: "alice", HeadSeq: last.Seq, HeadHash: last.Hash,
	}, m)
}

func TestEveryExportLeavesTwoRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(3)
	_, sum := h.take(export.Request{Format: export.CSV, Filter: audit.Filter{Actor: "person-1", From: began.Add(-time.Hour)}})
	rows := h.newest(10)
	require.Len(t, rows, 5)
	end, begin := rows[0], rows[1]
	require.Equal(t, "audit.export", begin.Action)
	require.Equal(t, begin.Resource, end.Resource)
	require.Equal(t, map[string]any{"actor": "person-1", "from": "2026-11-22T08:00:00Z"}, begin.Details["filter"])
	require.Equal(t, "csv", begin.Details["format"])
	require.Equal(t, "begin", begin.Details["change"])
	require.Equal(t, "end", end.Details["change"])
	require.Equal(t, json.Number("1"), end.Details["rows"])
	require.Equal(t, json.Number("2"), end.Details["last_seq"])
	require.Equal(t, sum.SHA256, end.Details["sha256"])
	require.Equal(t, "alice", end.Actor.Name)
}

func TestRefusalsLeaveARow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		p    access.Principal
		r    export.Request
		code fault.Code
		why  string
	}{
		"not his":            {h.rita(), export.Request{Format: export.CSV}, fault.Forbidden, "deny"},
		"unknown format":     {h.alice(), export.Request{Format: "xlsx"}, fault.Invalid, "error"},
		"no format":          {h.alice(), export.Request{}, fault.Invalid, "error"},
		"mark without table": {h.alice(), export.Request{Format: export.JSONL, BOM: true}, fault.Invalid, "error"},
		"unknown decision":   {h.alice(), export.Request{Format: export.CSV, Filter: audit.Filter{Decision: "maybe"}}, fault.Invalid, "error"},
		"reversed":           {h.alice(), export.Request{Format: export.CSV, Filter: audit.Filter{From: began, To: began.Add(-1)}}, fault.Invalid, "error"},
		"year 9999":          {h.alice(), export.Request{Format: export.CSV, Filter: audit.Filter{To: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}}, fault.Invalid, "error"},
		"year 1":             {h.alice(), export.Request{Format: export.CSV, Filter: audit.Filter{From: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)}}, fault.Invalid, "error"},
		"two lines":          {h.alice(), export.Request{Format: export.CSV, Filter: audit.Filter{Actor: "a\nb"}}, fault.Invalid, "error"},
		"too long":           {h.alice(), export.Request{Format: export.CSV, Filter: audit.Filter{Q: strings.Repeat("x", 257)}}, fault.Invalid, "error"},
		"no text":            {h.alice(), export.Request{Format: export.CSV, Filter: audit.Filter{Q: "\xff"}}, fault.Invalid, "error"},
		"before the first":   {h.alice(), export.Request{Format: export.CSV, After: -1}, fault.Invalid, "error"},
	} {
		before, _, _, err := h.log.Head(t.Context())
		require.NoError(t, err)
		_, err = h.Begin(t.Context(), c.p, c.r)
		require.Equal(t, c.code, fault.CodeOf(err), name)
		rows := h.newest(1)
		require.Equal(t, before+1, rows[0].Seq, name)
		require.Equal(t, c.why, rows[0].Decision, name)
		require.Equal(t, "audit.export", rows[0].Action, name)
	}
}

// Two run, the third is told when to come back, and a place that is free again is taken.
func TestPlaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.CSV})
	require.NoError(t, err)
	second, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.CSV})
	require.NoError(t, err)
	_, err = h.Begin(t.Context(), h.alice(), export.Request{Format: export.CSV})
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.Positive(t, fault.From(err).RetryAfter)
	require.Equal(t, "busy", h.newest(1)[0].Details["code"])
	require.Error(t, first.Abandon(context.Canceled))
	require.Equal(t, "canceled", h.newest(1)[0].Reason)
	_, err = second.Write(t.Context(), io.Discard)
	require.NoError(t, err)
	for range export.AtOnce {
		_, err = h.Begin(t.Context(), h.alice(), export.Request{Format: export.CSV})
		require.NoError(t, err)
	}
}

// gate is a reader who takes some blocks and then does something.
type gate struct {
	blocks int
	then   func() error
}

func (g *gate) Write(p []byte) (int, error) {
	if g.blocks--; g.blocks < 0 {
		if err := g.then(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func TestBrokenOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then   func(h *house, cancel func()) error
		reason string
		code   string
	}{
		"the reader goes":  {func(*house, func()) error { return errors.New("connection reset") }, "canceled", "canceled"},
		"the server stops": {func(_ *house, cancel func()) error { cancel(); return nil }, "canceled", "canceled"},
		"too long":         {func(h *house, _ func()) error { h.turn(export.Longest + time.Second); return nil }, "failed", "timeout"},
		"no longer allowed": {func(h *house, _ func()) error {
			h.exec(`UPDATE users SET role = 'guest'`)
			h.turn(6 * time.Second)
			return nil
		}, "failed", "unauthenticated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(d *export.Deps) {
				d.Still = func(context.Context, access.Principal) (access.Principal, error) {
					return access.Principal{}, fault.New(fault.Unauthenticated, "signed out")
				}
			})
			h.fill(2000)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			x, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.JSONL})
			require.NoError(t, err)
			sum, err := x.Write(ctx, &gate{2, func() error { return c.then(h, cancel) }})
			require.Equal(t, fault.Code(c.code), fault.CodeOf(err))
			require.Less(t, sum.Rows, int64(2000))
			row := h.newest(1)[0]
			require.Equal(t, audit.Error, row.Decision)
			require.Equal(t, c.reason, row.Reason)
			require.Equal(t, c.code, row.Details["code"])
			require.NotContains(t, row.Details, "sha256")
		})
	}
}

// threat A4: between two blocks of a reader who takes his time lie minutes, and it ends at the next one: within a page, and
// among the notes behind the rows.
func TestEndsAtTheNextBlock(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]int{"in a page": 500, "among the notes": 1} {
		for why, end := range map[string]func(h *house){
			"revoked":  func(h *house) { h.exec(`UPDATE users SET role = 'guest'`); h.turn(29 * time.Second) },
			"too long": func(h *house) { h.turn(export.Longest + time.Second) },
		} {
			t.Run(name+", "+why, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, func(d *export.Deps) {
					d.Still = func(_ context.Context, p access.Principal) (access.Principal, error) {
						if why == "revoked" {
							return access.Principal{}, fault.New(fault.Unauthenticated, "signed out")
						}
						return p, nil
					}
				})
				h.fill(rows - 1)
				for range 100 {
					h.notes = append(h.notes, note{"checkpoint", strings.Repeat("a note of some length\n", 200)})
				}
				x, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.JSONL})
				require.NoError(t, err)
				var out bytes.Buffer
				_, err = x.Write(t.Context(), io.MultiWriter(&out, &gate{0, func() error { end(h); return nil }}))
				require.Error(t, err)
				require.LessOrEqual(t, out.Len(), 64<<10, "one block, and not one more")
				require.NotContains(t, out.String(), "manifest")
			})
		}
	}
}

// Rows that are appended meanwhile are not in it, its own among them: it ends.
func TestAppendedMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(1000)
	x, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.JSONL})
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = x.Write(t.Context(), io.MultiWriter(&out, &gate{0, func() error { h.fill(50); return nil }}))
	require.NoError(t, err)
	rows, _, m := h.read(out.String())
	require.Len(t, rows, 1001)
	require.True(t, m.Contiguous)
	require.EqualValues(t, 1001, m.HeadSeq)
}

// Rows that go meanwhile are missing, and the manifest says so.
func TestPrunedMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(3000)
	h.exec(`DROP TRIGGER audit_events_no_delete`)
	x, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.JSONL})
	require.NoError(t, err)
	var out bytes.Buffer
	pruned := false
	_, err = x.Write(t.Context(), io.MultiWriter(&out, &gate{0, func() error {
		if !pruned {
			pruned = true
			h.exec(`DELETE FROM audit_events WHERE seq <= 2000`)
		}
		return nil
	}}))
	require.NoError(t, err)
	rows, _, m := h.read(out.String())
	require.False(t, m.Contiguous)
	require.EqualValues(t, 1, rows[0].Seq)
	require.EqualValues(t, 3001, rows[len(rows)-1].Seq)
	require.Less(t, len(rows), 3001)

	text, _ := h.take(export.Request{Format: export.JSONL})
	rows, _, m = h.read(text)
	require.True(t, m.Contiguous, "what is left is a run")
	require.EqualValues(t, 2001, rows[0].Seq)
	require.Equal(t, rows[0].PrevHash, m.Previous)
}

// While a reader takes his time no transaction is held: everybody writes, and the log of changes can be folded into the file.
func TestSlowReaderHoldsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(3000)
	x, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.JSONL})
	require.NoError(t, err)
	looked := 0
	_, err = x.Write(t.Context(), &gate{0, func() error {
		if looked++; looked > 3 {
			return nil
		}
		h.fill(1)
		var busy, frames, folded int
		require.NoError(t, h.db.Write(func(*db.Tx) error { return nil }))
		require.NoError(t, h.db.ReadSQL().QueryRowContext(t.Context(), `PRAGMA wal_checkpoint`).Scan(&busy, &frames, &folded))
		require.Equal(t, frames, folded, "no reader holds an older state")
		return nil
	}})
	require.NoError(t, err)
	require.Greater(t, looked, 3)
}

func TestOnlyWhatLiesInTheTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(10)
	h.turn(time.Hour)
	h.fill(20)
	h.turn(time.Hour)
	h.fill(10)
	text, _ := h.take(export.Request{Format: export.JSONL, Filter: audit.Filter{From: began.Add(time.Hour), To: began.Add(2 * time.Hour)}})
	rows, _, m := h.read(text)
	require.Len(t, rows, 20)
	require.EqualValues(t, 11, m.First)
	require.True(t, m.Contiguous)
	require.NotEqual(t, audit.Genesis, m.Previous)
	text, _ = h.take(export.Request{Format: export.JSONL, After: 30})
	rows, _, m = h.read(text)
	require.EqualValues(t, 31, rows[0].Seq)
	require.Equal(t, `{"after":30}`, m.Filter)
}

// Every member of a filter is written down, or is none that filters.
func TestEveryFilterIsSaid(t *testing.T) {
	t.Parallel()
	filter := audit.Filter{}
	v := reflect.ValueOf(&filter).Elem()
	filters := 0
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; name {
		case "OldestFirst", "Limit", "Cursor":
			continue
		}
		filters++
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		default:
			f.Set(reflect.ValueOf(began))
		}
	}
	require.Len(t, export.Request{Filter: filter}.Said(), filters)
}
