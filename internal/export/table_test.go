package export_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/export"
	"guardhouse/internal/proof"
)

// A filter that finds next to nothing reads in stretches and is whole.
func TestSparseFilter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rare := entry(0)
	rare.IP = "192.0.2.9"
	_, err := h.log.Record(rare)
	require.NoError(t, err)
	h.fill(export.Stretch)
	_, err = h.log.Record(rare)
	require.NoError(t, err)
	text, _ := h.take(export.Request{Format: export.JSONL, Filter: audit.Filter{IP: "192.0.2.9"}})
	rows, _, m := h.read(text)
	require.Len(t, rows, 2)
	require.False(t, m.Contiguous)
	require.Equal(t, `{"ip":"192.0.2.9"}`, m.Filter)
	text, _ = h.take(export.Request{Format: export.JSONL, Filter: audit.Filter{Actor: "nobody"}})
	rows, _, m = h.read(text)
	require.Empty(t, rows)
	require.Zero(t, m.Last)
}

// What an export needs does not grow with the log.
func TestMemoryIsConstant(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 rows")
	}
	h := newHouse(t)
	h.fill(100_000)
	for _, format := range []export.Format{export.JSONL, export.CSV} {
		x, err := h.Begin(t.Context(), h.alice(), export.Request{Format: format})
		require.NoError(t, err)
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		highest, blocks := uint64(0), 0
		sum, err := x.Write(t.Context(), &gate{0, func() error {
			if blocks++; blocks%100 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				highest = max(highest, now.HeapAlloc)
			}
			return nil
		}})
		require.NoError(t, err)
		require.Greater(t, sum.Rows, int64(100_000))
		require.Greater(t, blocks, 500)
		require.Less(t, highest, before.HeapAlloc+8<<20, "an export holds a page and a block")
	}
}

func TestTableReadsBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	odd := []string{
		`=1+1`, `+1`, `-1`, `@SUM(A1)`, "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x", "﹦1", "−1", " =1", "\u200b=1", "\ufeff=1", "'quoted", "''",
		`a "quoted" name`, "a,b", "a;b", " spaced ", "two\nlines", "", "plain", "日本語", "\u202eevil", "'=1", "#manifest",
	}
	for _, s := range odd {
		e := entry(1)
		e.UserAgent, e.Details = s, map[string]any{"note": s}
		_, err := h.log.Record(e)
		require.NoError(t, err)
	}
	text, sum := h.take(export.Request{Format: export.CSV, BOM: true})
	require.True(t, strings.HasPrefix(text, "\ufeffv,seq,id,at,"))

	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, audit.Columns(), records[0])
	require.Len(t, records, len(odd)+3) // header, opening row, manifest
	for i, s := range odd {
		got := records[i+1][13]
		if strings.ContainsRune("=+-@\t\r\n＝＋－＠﹦−", first(s)) || first(s) == '\'' || strings.HasSuffix(s, "=1") {
			require.True(t, strings.HasPrefix(got, "'"), "%q", got)
			got = got[1:]
		}
		require.Equal(t, s, got)
	}
	end := records[len(records)-1]
	require.Equal(t, "#manifest", end[0])
	m, _, err := proof.ParseManifest([]byte(end[1]), h.keys)
	require.NoError(t, err)
	require.Equal(t, sum.Bytes, m.Bytes)
	at := strings.LastIndex(text, "#manifest,")
	require.EqualValues(t, at, m.Bytes)
	hash := sha256.Sum256([]byte(text[:at]))
	require.Equal(t, hex.EncodeToString(hash[:]), m.SHA256)
}

func first(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// The table holds all that the hash is computed of: Python's reader and a few lines find the chain whole.
func TestTableReadsBackInPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	require.NoError(t, err, "the tests need python3")
	h := newHouse(t)
	h.fill(20)
	for _, s := range []string{"=1+1", "'x", "a\nb", `say "hi", twice`, "＝1", "\u200b+1"} {
		e := entry(1)
		e.UserAgent, e.Details = s, map[string]any{"note": s}
		_, err := h.log.Record(e)
		require.NoError(t, err)
	}
	text, sum := h.take(export.Request{Format: export.CSV})
	file := filepath.Join(t.TempDir(), "export.csv")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, err := exec.CommandContext(t.Context(), python, "testdata/chain.py", file).CombinedOutput()
	require.NoError(t, err, string(out))
	rows, last := strings.TrimSpace(string(out)), h.newest(2)[1]
	require.Equal(t, last.Hash, strings.Fields(rows)[1])
	require.EqualValues(t, last.Seq, sum.Rows)
}

func FuzzRecord(f *testing.F) {
	f.Add("=1", "a,b")
	f.Add("'", "\"")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "\r") {
			return // Go's reader makes CR LF in a cell to LF
		}
		records, err := csv.NewReader(bytes.NewReader(export.AppendRecord(nil, []string{"0", a, b}))).ReadAll()
		require.NoError(t, err)
		for i, want := range []string{"0", a, b} {
			got := records[0][i]
			require.True(t, got == want || got == "'"+want, "%q as %q", want, got)
			if got != "" && strings.ContainsRune("=+-@\t\n", first(got)) {
				t.Fatalf("%q is computed", got)
			}
		}
	})
}
