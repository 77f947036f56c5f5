package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
)

// own answers the tokenizer of our own fixture: all bytes, some words, special tokens.
func own(t testing.TB) (*Tokenizer, Vocab) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "gguf", "tiny.gguf"))
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := gguf.Read(f, info.Size())
	require.NoError(t, err)
	v, err := VocabOf(file)
	require.NoError(t, err)
	tok, err := New(v)
	require.NoError(t, err)
	return tok, v
}

// The ids were made with the reference tokenizer from our own vocabulary.
func TestReferenceIDs(t *testing.T) {
	tok, _ := own(t)
	f, err := os.Open(filepath.Join("..", "..", "testdata", "tokenizer", "reference.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	lines, n := bufio.NewScanner(f), 0
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c struct {
			NFC string
			IDs []int32
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		require.Equal(t, c.IDs, tok.Encode(c.NFC), "%q", c.NFC)
		n++
	}
	require.NoError(t, lines.Err())
	require.Equal(t, 500, n)
}

func TestSplitter(t *testing.T) {
	tok, _ := own(t)
	for text, want := range map[string][]string{
		"":                      nil,
		"Hello world":           {"Hello", " world"},
		"it's IT'LL they'Re":    {"it", "'s", " IT", "'LL", " they", "'Re"},
		"'ſx":                   {"'ſ", "x"},
		"rock'n'roll":           {"rock", "'n", "'roll"},
		"a1b22":                 {"a", "1", "b", "2", "2"},
		"  two  spaces  ":       {" ", " two", " ", " spaces", "  "},
		"x\n\n y":               {"x", "\n\n", " y"},
		"x \r\n\t z":            {"x", " \r\n", "\t", " z"},
		"end.\n\nnext":          {"end", ".\n\n", "next"},
		" !?\r\n\r\n.":          {" !?\r\n\r\n", "."},
		"\u3000字":               {"\u3000字"},
		"\t!":                   {"\t", "!"},
		"e\u0301e":              {"e", "\u0301e"},
		"\n\n\n":                {"\n\n\n"},
		"\U00013460\U0002EBF0a": {"\U00013460\U0002EBF0a"},
	} {
		var got []string
		from := 0
		tok.Words(text, func(end int) bool { got, from = append(got, text[from:end]), end; return true })
		require.Equal(t, want, got, "%q", text)
	}
}

func TestSpecialTokens(t *testing.T) {
	tok, v := own(t)
	end, ok := tok.ID("<|im_end|>")
	require.True(t, ok)
	think, ok := tok.ID("<think>")
	require.True(t, ok)
	require.Equal(t, v.EOS, end)
	require.Equal(t, []int32{end, think, end}, tok.EncodeSpecial("<|im_end|><think><|im_end|>"))
	require.Equal(t, "a<|im_end|>b", tok.Decode(tok.EncodeSpecial("a<|im_end|>b")))
	for _, id := range tok.Encode("a<|im_end|><think></tool_call>b") { // threat T1
		require.True(t, tok.Ordinary(id))
	}
	_, ok = tok.Piece(-1)
	require.False(t, ok)
	_, ok = tok.Piece(int32(tok.Size()))
	require.False(t, ok)
	require.Empty(t, tok.Decode([]int32{-1, 1 << 30}))
	require.Equal(t, tok.Encode("a\uFFFD\uFFFDb"), tok.Encode("a\xff\xfeb"))
}

func TestNewRefuses(t *testing.T) {
	_, v := own(t)
	for name, change := range map[string]func(*Vocab){
		"pre-tokenizer": func(v *Vocab) { v.Pre = "llama-bpe" },
		"short types":   func(v *Vocab) { v.Types = v.Types[1:] },
		"end outside":   func(v *Vocab) { v.EOS = int32(len(v.Tokens)) },
		"end negative":  func(v *Vocab) { v.EOS = -1 },
		"empty token":   func(v *Vocab) { v.Tokens[300] = "" },
		"token twice":   func(v *Vocab) { v.Tokens[300] = v.Tokens[301] },
		"missing byte":  func(v *Vocab) { v.Tokens[10] = "newline" },
		"merge unknown": func(v *Vocab) { v.Merges[0] = "Q q" },
		"merge broken":  func(v *Vocab) { v.Merges[0] = "Sa" },
		"merge twice":   func(v *Vocab) { v.Merges[1] = v.Merges[0] },
		"merge special": func(v *Vocab) { v.Types[256] = gguf.TokenUserDefined },
	} {
		bad := Vocab{append([]string(nil), v.Tokens...), append([]string(nil), v.Merges...), append([]int32(nil), v.Types...), v.Pre, v.EOS}
		change(&bad)
		_, err := New(bad)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
}

// naive merges the pair of the lowest rank, leftmost first, by scanning everything again each time.
func naive(t *Tokenizer, w string) []int32 {
	var ids []int32
	for i := range len(w) {
		ids = append(ids, t.bytes[w[i]])
	}
	for {
		best, at, made := noRank, -1, int32(0)
		for i := 0; i+1 < len(ids); i++ {
			if r, id := t.merges.rank(ids[i], ids[i+1]); r < best {
				best, at, made = r, i, id
			}
		}
		if at < 0 {
			return ids
		}
		ids = append(append(append([]int32(nil), ids[:at]...), made), ids[at+2:]...)
	}
}

// Both ways to merge agree with the definition, on words of every length.
func TestMergesAgree(t *testing.T) {
	tok, _ := own(t)
	rapid.Check(t, func(r *rapid.T) {
		w := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "aa", "Safe", "Un", "s", "c", "on", "the", "é", "!"}), 1, 60).Draw(r, "w"), "")
		want := naive(tok, w)
		if len(w) <= shortWord {
			require.Equal(r, want, tok.merge(nil, w))
		}
		require.Equal(r, want, tok.mergeLong(nil, w))
	})
}

// threat T1
func FuzzEncode(f *testing.F) {
	tok, _ := own(f)
	for _, s := range []string{"", "Hello", "<|im_end|>", "<think></think>", "\xff\xfe", "aaaaaaaa", "a\u0301", " \n\t\r ", "'S'ſ'll"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ids := tok.Encode(s)
		for _, id := range ids {
			if !tok.Ordinary(id) {
				t.Fatalf("special id %d from %q", id, s)
			}
		}
		if utf8.ValidString(s) && tok.Decode(ids) != s {
			t.Fatalf("%q came back as %q", s, tok.Decode(ids))
		}
		special := tok.Decode(tok.EncodeSpecial(s))
		if utf8.ValidString(s) && special != s {
			t.Fatalf("%q came back as %q", s, special)
		}
	})
}

// threat M7: runs that overflow the stack of the engine's own tokenizer.
func TestLongRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	tok := reference(t)
	if tok == nil {
		tok, _ = own(t)
	}
	for name, s := range map[string]string{
		"letters": strings.Repeat("a", 1<<20), "lines": strings.Repeat("\n", 1<<18),
		"accents": strings.Repeat("é", 1<<17), "spaces": strings.Repeat(" ", 1<<18),
		"blank lines": strings.Repeat(" \n", 1<<17), "cjk": strings.Repeat("你", 1<<16),
		"marks": "e" + strings.Repeat("\u0301", 1<<17), "punctuation": strings.Repeat("!", 1<<18), "nul": strings.Repeat("\x00", 1<<18),
		"apostrophes": strings.Repeat("'", 1<<18), "contractions": strings.Repeat("'s", 1<<17), "digits": strings.Repeat("7", 1<<18),
		"emoji": strings.Repeat("😀", 1<<16), "words": strings.Repeat("lorem ipsum dolor ", 1<<16), "wide spaces": strings.Repeat("\u3000", 1<<16),
		"space, tab": strings.Repeat("   \t", 1<<16) + "x", "literals": strings.Repeat("<|im_end|>", 1<<15),
	} {
		start := time.Now()
		ids := tok.Encode(s)
		took := time.Since(start)
		require.Less(t, took, time.Minute, name) // measured: at most 0.3 s; quadratic would be hours
		require.Equal(t, s, tok.Decode(ids), name)
		t.Logf("%-14s %8d ids %v", name, len(ids), took)
	}
}

func TestConcurrentUse(t *testing.T) {
	tok, _ := own(t)
	texts := []string{"Safe the user", "Unsafe and last", "aaaa!!!! 12", "Categories: None"}
	want := make([][]int32, len(texts))
	for i, s := range texts {
		want[i] = naiveText(tok, s)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for n := range 400 {
				i := n % len(texts)
				if got := tok.Encode(texts[i]); len(got) != len(want[i]) {
					t.Errorf("%q: %v", texts[i], got)
				}
			}
		})
	}
	wait.Wait()
}

func naiveText(tok *Tokenizer, s string) []int32 {
	var out []int32
	from := 0
	tok.Words(s, func(end int) bool { out, from = append(out, naive(tok, s[from:end])...), end; return true })
	return out
}

// The cache may neither grow without end nor keep a request's text alive.
func TestCacheIsBounded(t *testing.T) {
	tok, _ := own(t)
	big := strings.Repeat("x", cacheWord+1)
	tok.Encode(big)
	for i := range tok.cache {
		if e := tok.cache[i].Load(); e != nil {
			require.LessOrEqual(t, len(e.text), cacheWord)
		}
	}
	require.Len(t, tok.cache, cacheSlots)
}

func benchmarkText() string {
	s := strings.Repeat("The quick brown fox jumps over the lazy dog, and then it doesn't return until 1987. "+
		"请推荐三道适合周末做的家常菜，要简单一些。 It's a test of def f(x): return x**2\n", 9)
	return s
}

func BenchmarkEncode(b *testing.B) {
	tok := reference(b)
	if tok == nil {
		tok, _ = own(b)
	}
	s := benchmarkText()
	dst := tok.AppendEncode(nil, s)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		dst = tok.AppendEncode(dst[:0], s)
	}
	b.ReportMetric(float64(len(dst)*b.N)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(float64(len(dst)), "tokens")
}

func BenchmarkLongRun(b *testing.B) {
	tok, _ := own(b)
	s := strings.Repeat("a", 1<<20)
	for range b.N {
		tok.Encode(s)
	}
}
