//go:build !nollama

package llamacpp_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
	"guardhouse/internal/gguf/malform"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/trial"
)

// What scripts/asan-models.sh asks for. Without them the tests here take a second.
//
//nolint:gochecknoglobals // test flags
var (
	strangers = flag.Int("strangers", 12, "siblings by chance and models of any shape, each")
	siblings  = flag.Bool("siblings", false, "every sibling of a sound file")
	corpora   = flag.String("corpora", filepath.Dir(soundModel), "folders with models and with what fuzzers kept, separated by colons")
	chance    = flag.Uint64("chance", 1, "seed of what is made by chance")
	unchecked = flag.Bool("unchecked", false, "load what the reader refuses as well: a sanitizer must find something")
	keep      = flag.String("keep", "", "folder for the file that is being tried: it is left there when the process dies")
)

const soundModel = "../../../testdata/gguf/tiny.gguf"

// reader says whether ours passes the file, and how many words it has.
func reader(b []byte) (words int, ok bool) {
	f, err := gguf.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil || f.CheckLlama() != nil {
		return 0, false
	}
	tokens, _ := f.Strings("tokenizer.ggml.tokens")
	return len(tokens), true
}

// outcome is that of one trial load as internal/trial makes it, in this process and unconfined: under a sanitizer a mistake ends it.
func outcome(t testing.TB, path string, ids []int32) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	order, err := json.Marshal(map[string]any{"prompt": ids})
	require.NoError(t, err)
	answer, err := trial.Job(llamacpp.New())(order, []*os.File{f})
	require.NoError(t, err)
	told, err := json.Marshal(answer)
	require.NoError(t, err)
	var r struct{ Outcome string }
	require.NoError(t, json.Unmarshal(told, &r))
	return r.Outcome
}

// someIDs answers a prompt of 1 to 100 ids, the last of the vocabulary often among them.
func someIDs(r *rand.Rand, words int) []int32 {
	ids := make([]int32, 1+r.IntN(pick(r, 3, 40, 100)))
	for i := range ids {
		ids[i] = int32(r.IntN(words))
	}
	if r.IntN(2) == 0 {
		ids[r.IntN(len(ids))] = int32(words - 1)
	}
	return ids
}

func pick(r *rand.Rand, from ...int) int { return from[r.IntN(len(from))] }

// ledger tries files one after the other and counts what became of them.
type ledger struct {
	path     string
	r        *rand.Rand
	seen     int
	outcomes map[string]int
}

func newLedger(t testing.TB) *ledger {
	dir := *keep
	if dir == "" {
		dir = t.TempDir()
	}
	return &ledger{path: filepath.Join(dir, "current.gguf"), r: rand.New(rand.NewPCG(*chance, 5)), outcomes: map[string]int{}}
}

// try loads what the reader passes.
func (l *ledger) try(t testing.TB, name string, b []byte) {
	t.Helper()
	l.seen++
	words, ok := reader(b)
	if !ok && !*unchecked {
		return
	}
	require.NoError(t, os.WriteFile(l.path, b, 0o600))
	if *keep != "" {
		require.NoError(t, os.WriteFile(l.path+".name", []byte(name), 0o600))
	}
	l.outcomes[outcome(t, l.path, someIDs(l.r, max(1, words)))]++
}

func (l *ledger) log(t testing.TB, what string) {
	total := 0
	for _, n := range l.outcomes {
		total += n
	}
	t.Logf("%s: %d files, %d of them pass the reader and were loaded: %v", what, l.seen, total, l.outcomes)
}

// TestStrangersLoadWithoutAMistake holds our reader against the engine's own: what ours passes, the engine loads or refuses.
// Compiled with sanitizers (scripts/asan-models.sh) it shows that this is without a read or write out of bounds.
// threats M1, M2, M3
func TestStrangersLoadWithoutAMistake(t *testing.T) {
	sound, err := os.ReadFile(soundModel)
	require.NoError(t, err)
	p := malform.Split(sound)
	if *siblings {
		l := newLedger(t)
		for _, c := range malform.Cases(sound) {
			l.try(t, c.Class+": "+c.Name, c.Bytes)
		}
		l.log(t, "siblings")
	}
	byChance, shapes, near := newLedger(t), newLedger(t), newLedger(t)
	made := rand.New(rand.NewPCG(*chance, 3))
	for range *strangers {
		c := malform.Shape(p, made)
		shapes.try(t, c.Name, c.Bytes)
		near.try(t, c.Name+", changed", changed(near.r, c.Bytes))
		c = malform.Chance(sound, p, made)
		byChance.try(t, c.Name, c.Bytes)
	}
	shapes.log(t, "shapes by chance")
	near.log(t, "shapes by chance, changed")
	byChance.log(t, "siblings by chance")
}

// TestKeptStrangersLoadWithoutAMistake does the same with models of folders, with what fuzzers found, and with what a few other bytes make
// of those that pass.
func TestKeptStrangersLoadWithoutAMistake(t *testing.T) {
	for folder := range strings.SplitSeq(*corpora, ":") {
		kept, near := newLedger(t), newLedger(t)
		require.NoError(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b = unpacked(b)
			kept.try(t, path, b)
			if words, ok := reader(b); ok && words < 1000 {
				for range *strangers / 20 {
					near.try(t, path+", changed", changed(near.r, b))
				}
			}
			return nil
		}))
		kept.log(t, filepath.Base(folder))
		near.log(t, filepath.Base(folder)+", changed")
	}
}

// changed answers b with one to four other bytes, most of them before the weights of a small model.
func changed(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(4) {
		at := r.IntN(pick(r, len(b), min(len(b), 16<<10), min(len(b), 1500)))
		b[at] ^= 1 << r.IntN(8)
	}
	return b
}

// unpacked answers what stands in a file of a fuzzer's corpus, parts joined, and any other file as it is.
func unpacked(b []byte) []byte {
	text, found := strings.CutPrefix(string(b), "go test fuzz v1\n")
	if !found {
		return b
	}
	var parts []gguf.Part
	var last []byte
	for line := range strings.Lines(text) {
		quoted, _ := strings.CutPrefix(line, "[]byte(")
		s, err := strconv.Unquote(strings.TrimSuffix(quoted, ")\n"))
		if err != nil {
			return b
		}
		last = []byte(s)
		parts = append(parts, gguf.Part{R: bytes.NewReader(last), Size: int64(len(last))})
	}
	if len(parts) == 1 {
		return last
	}
	j, err := gguf.Join(parts)
	if err != nil {
		return b
	}
	var whole bytes.Buffer
	if _, err := j.WriteTo(&whole); err != nil {
		return b
	}
	return whole.Bytes()
}

// FuzzStrangers changes models of any shape in a few places: what the reader still passes, the engine survives.
func FuzzStrangers(f *testing.F) {
	sound, err := os.ReadFile(soundModel)
	require.NoError(f, err)
	p := malform.Split(sound)
	for seed := range uint64(8) {
		f.Add(seed, []byte{})
		f.Add(seed, []byte("\x00\x20\x01\x04\xff\x00\x01\x01"))
	}
	f.Fuzz(func(t *testing.T, seed uint64, changes []byte) {
		b := malform.Shape(p, rand.New(rand.NewPCG(seed, 7))).Bytes
		if len(b) > 1<<20 {
			t.Skip("under a sanitizer its trial may take longer than a fuzzer waits")
		}
		for ; len(changes) >= 4; changes = changes[4:] {
			at := int(changes[0])<<8 | int(changes[1]) // metadata are below, of a large model the table as well
			b[at%min(len(b), 1<<(8+changes[2]%9))] ^= changes[3]
		}
		newLedger(t).try(t, "fuzz", b)
	})
}
