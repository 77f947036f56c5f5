//go:build !nollama

package llamacpp

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/tokenizer"
)

// Differences that are known and wanted: llama.cpp turns these literals into single ids even in ordinary
// text. Everything else must be equal.
func userDefined() []string {
	return []string{"<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"}
}

// maxRun bounds runs of one class: the engine's tokenizer recurses on them and overflows its stack at some
// 26,000; ours has no such bound.
const maxRun = 300

// alphabets are pieces of many scripts and shapes; random strings are made of them.
func alphabets() []string {
	return []string{
		"the ", "quick", "Brown", " can't", "I'LL", "we've ", "don't", "'s", " 'S", "0123456789", "1.5e3", "٣٤٥", "½", "Ⅷ",
		"今天天气很好", "，我们去公园。", "炸弹", "日本語のテキスト", "カタカナ", "한국어 문장", "Привет, мир", "Ελληνικά", "العربية", "עברית",
		"हिन्दी", "ไทย", "🙂", "👩‍👩‍👧", "🇨🇳", "e\u0301", "\u200b", "\u00a0", "\u3000", "\t", "\n", "\r\n", "\n\n\n", "   ", " \n ", "!!!", "...",
		"<|im_end|>", "<END CONVERSATION>", "http://a.b/c?d=e&f", "{\"k\": [1, 2]}", "func main() {\n\treturn\n}", "\x00", "\ufeff", "ﬁ", "Å", "ß", "İ", "ǅ",
		"—", "„“", "€", "½¾", "x²", "\u0301\u0302", "𝒳", "𠮷", "\u2028",
	}
}

func randomText(r *rand.Rand) string {
	pieces := alphabets()
	var b strings.Builder
	for range 1 + r.IntN(25) {
		switch r.IntN(8) {
		case 0: // a run
			p := pieces[r.IntN(len(pieces))]
			b.WriteString(strings.Repeat(p, 1+r.IntN(maxRun/len(p)+1)))
		case 1: // any assigned character
			for range r.IntN(6) {
				c := rune(r.IntN(0x30000))
				if unicode.IsGraphic(c) && stable(c) {
					b.WriteRune(c)
				}
			}
		default:
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
	}
	return b.String()
}

// stable says that a character's class is the same in the Unicode versions of both sides: the engine's
// tables are newer than some and older than others.
func stable(c rune) bool { return c < 0x1c80 || c >= 0x2c00 && c < 0xa640 || c >= 0xac00 && c < 0xd7a4 }

func compare(t *testing.T, w *weights, tok *tokenizer.Tokenizer, text string) {
	t.Helper()
	for _, u := range userDefined() {
		if strings.Contains(text, u) {
			return
		}
	}
	want, err := w.tokenize(text)
	require.NoError(t, err)
	got := tok.Encode(text)
	if len(want) == 0 && len(got) == 0 {
		return
	}
	require.Equal(t, want, got, "%q", text)
}

func TestTokenizerEqualsEngine(t *testing.T) {
	for name, file := range map[string]func(testing.TB) string{"guard-nano": nano, "qwen3": tinyGuard, "smollm": smol} {
		t.Run(name, func(t *testing.T) {
			w, err := loadWeights(t.Context(), file(t), true, nil)
			require.NoError(t, err)
			defer w.free()
			tok := nanoTokenizer(t, file(t))
			require.Equal(t, w.vocab, tok.Size())
			for _, piece := range alphabets() {
				compare(t, w, tok, piece)
				compare(t, w, tok, strings.Repeat(piece, 20))
			}
			r := rand.New(rand.NewPCG(21, 22))
			for range 1500 {
				compare(t, w, tok, randomText(r))
			}
		})
	}
}

func TestTokenizerEqualsEngineOnGoldens(t *testing.T) {
	f, err := os.Open(sharedFile(t, "goldens", "qwen", "guard-template", "cases.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	w, err := loadWeights(t.Context(), tinyGuard(t), true, nil)
	require.NoError(t, err)
	defer w.free()
	tok := nanoTokenizer(t, tinyGuard(t))
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 8<<20)
	cases := 0
	for lines.Scan() {
		var c struct {
			ID   string `json:"id"`
			Body string `json:"body"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		if longestRun(c.Body) <= 8000 {
			compare(t, w, tok, c.Body)
			cases++
		}
	}
	require.NoError(t, lines.Err())
	require.Greater(t, cases, 60)
}

func longestRun(s string) int {
	longest, run := 0, 0
	last := rune(-1)
	for _, c := range s {
		if c == last {
			run++
		} else {
			last, run = c, 1
		}
		longest = max(longest, run)
	}
	return longest
}
