//go:build !nollama

package main

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/gguf/malform"
	"guardhouse/internal/trial"
)

//nolint:gochecknoglobals // test flags
var (
	allSiblings = flag.Bool("siblings", false, "load every sibling that the reader passes, instead of one in ten")
	chances     = flag.Int("chances", 40, "siblings by chance that are loaded")
	seed        = flag.Uint64("seed", 1, "of the siblings by chance")
)

// tinyModel is a sound model of one layer.
const tinyModel = "../../testdata/gguf/tiny.gguf"

// passes says that the reader finds nothing wrong.
func passes(b []byte) bool {
	f, err := gguf.Read(bytes.NewReader(b), int64(len(b)))
	return err == nil && f.CheckLlama() == nil
}

// tried loads a file in a child and answers what became of it.
func tried(t *testing.T, path string, b []byte) error {
	t.Helper()
	require.NoError(t, os.WriteFile(path, b, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return trial.Load(t.Context(), f, []int32{1, 2, 3})
}

// survived says whether the engine loaded the file or refused it of its own accord.
func survived(t *testing.T, c malform.Case, err error, loaded map[string]int) {
	t.Helper()
	message := ""
	if err != nil {
		message = fault.From(err).Message
	}
	loaded[message]++
	if strings.Contains(message, "crashed") || strings.Contains(message, "too long") || strings.Contains(message, "no answer") {
		t.Errorf("the reader passed it, and the engine did not survive: %s: %s: %v", c.Class, c.Name, err)
	}
}

// TestWhatTheReaderPassesLoads holds our reader against the engine's own: no sibling that ours passes ends the child.
// threats M1, M2, M3
func TestWhatTheReaderPassesLoads(t *testing.T) {
	sound, err := os.ReadFile(tinyModel)
	require.NoError(t, err)
	path, loaded := filepath.Join(t.TempDir(), "x.gguf"), map[string]int{}
	require.NoError(t, tried(t, path, sound))
	n := 0
	for _, c := range malform.Cases(sound) {
		if !passes(c.Bytes) {
			continue
		}
		if n++; *allSiblings || n%10 == 0 {
			survived(t, c, tried(t, path, c.Bytes), loaded)
		}
	}
	p, r := malform.Split(sound), rand.New(rand.NewPCG(*seed, 3))
	for done := 0; done < *chances; {
		c := malform.Chance(sound, p, r)
		if passes(c.Bytes) {
			done++
			survived(t, c, tried(t, path, c.Bytes), loaded)
		}
	}
	t.Logf("%d siblings pass the reader; of those tried: %v", n, loaded)
}
