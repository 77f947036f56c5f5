package gguf

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// shared answers a path below the shared folder, "" where it is absent.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	p := filepath.Join(append([]string{"..", "..", "..", "shared"}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Logf("NOT RUN: the reference outputs are not here (%s)", filepath.Join(parts...))
		return ""
	}
	return p
}

func load(t testing.TB, path string) (*File, error) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := Read(f, info.Size())
	if err != nil {
		return nil, err
	}
	return file, file.CheckLlama()
}

// patience is far above what anything here takes (40 ms at most), so that a busy machine with the race
// detector passes, and far below a hang.
const patience = 60 * time.Second

// bounded runs fn and demands that it ended and allocated less than 256 MB.
func bounded(t testing.TB, name string, fn func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	fn()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	require.Less(t, took, patience, name)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<20), name)
}

// threat M1, threat M2
func TestMalformedFiles(t *testing.T) {
	dir := shared(t, "goldens", "qwen", "malformed-gguf")
	if dir == "" {
		return
	}
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	var cases []struct{ File, Class, Why string }
	require.NoError(t, json.Unmarshal(b, &cases))
	require.Len(t, cases, 78)
	for _, c := range cases {
		var err error
		bounded(t, c.File, func() { _, err = load(t, filepath.Join(dir, c.File)) })
		if c.File == "template-include.gguf" {
			require.NoError(t, err, "the structure is sound: the template is refused by prompt")
			continue
		}
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%s: %s", c.File, c.Why)
		t.Logf("%-28s %s", c.File, fault.From(err).Message)
	}
	_, err = load(t, filepath.Join(dir, "valid-base.gguf"))
	require.NoError(t, err)
}

func TestRealFiles(t *testing.T) {
	for _, parts := range [][]string{
		{"goldens", "qwen", "tiny-guard", "tiny-guard-q8_0.gguf"},
		{"goldens", "qwen", "tiny-vl", "tiny-vl-q8_0.gguf"},
	} {
		p := shared(t, parts...)
		if p == "" {
			continue
		}
		var f *File
		var err error
		bounded(t, p, func() { f, err = load(t, p) })
		require.NoError(t, err, p)
		require.Equal(t, "Q8_0", f.Quantization())
		require.Positive(t, f.ContextLength())
	}
	p := shared(t, "goldens", "qwen", "tiny-vl", "mmproj-tiny-vl-f32.gguf")
	if p == "" {
		return
	}
	f, err := os.Open(p)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := Read(f, info.Size())
	require.NoError(t, err, "a projector's structure is sound")
	require.Error(t, file.CheckLlama(), "but it is no text model")
}
