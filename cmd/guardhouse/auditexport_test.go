package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/audit"
)

// The log leaves by the command line as it does by the API, and the file has its name once it is whole.
func TestAuditExportOnTheCommandLine(t *testing.T) {
	data := folder(t)
	text := on(t, data, exitGood, "", "audit", "export").out
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Contains(t, lines[len(lines)-1], `{"manifest":"guardhouse/export/v1\n`)
	var first audit.Event
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
	require.EqualValues(t, 1, first.Seq)
	require.Equal(t, first.Hash, first.ComputeHash())

	file := filepath.Join(t.TempDir(), "export.csv")
	require.Contains(t, on(t, data, exitGood, "", "audit", "export", "--format", "csv", "--action", "audit.export", "--out", file).out, "wrote "+file)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	records, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, audit.Columns(), records[0])
	require.Equal(t, "#manifest", records[len(records)-1][0])
	require.NoFileExists(t, file+".part")

	on(t, data, exitFailed, "", "audit", "export", "--out", file)
	on(t, data, exitUsage, "", "audit", "export", "--from", "yesterday")
	on(t, data, exitFailed, "", "audit", "export", "--format", "xlsx")
	on(t, data, exitFailed, "", "audit", "export", "--from", "2026-11-22", "--to", "2026-11-21")
	on(t, data, exitFailed, "", "audit", "export", "--to", "9999-12-31")
	require.Contains(t, on(t, data, exitFailed, "", "audit", "export", "schedule", "add", "archive").err, "The folder for scheduled exports is not set")
	require.Contains(t, on(t, data, exitGood, "", "audit", "export", "schedule", "list").out, "NAME")
	on(t, data, exitFailed, "", "audit", "export", "schedule", "remove", "archive")
}

// What a file or a program gets is what the manifest speaks of, byte by byte.
func TestAuditExportToAProgramIsWhole(t *testing.T) {
	data := folder(t)
	text := on(t, data, exitGood, "", "audit", "export", "--format", "csv", "--bom").out
	require.True(t, strings.HasPrefix(text, "\ufeffv,seq,"))
	rows, manifest, found := strings.Cut(text, "#manifest,")
	require.True(t, found)
	require.True(t, strings.HasSuffix(rows, "\r\n"))
	sum := sha256.Sum256([]byte(rows))
	require.Contains(t, manifest, hex.EncodeToString(sum[:]))
}

// threat W3: rows hold what strangers said, and have to stay as they are.
func TestAuditExportIsNotForATerminal(t *testing.T) {
	data := folder(t)
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, terminal.Close()) }()
	var said bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), []string{"audit", "export", "--data", data}, strings.NewReader(""), terminal, &said))
	require.Contains(t, said.String(), "--out FILE")
	require.Equal(t, 1, strings.Count(on(t, data, exitGood, "", "audit", "export").out, `"change":"begin"`), "it left no row")
}
