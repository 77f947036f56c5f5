package tokenizer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
	"guardhouse/internal/tokenizer"
)

// smol answers a vocabulary of bytes, without those that the family lacks, and a few merges.
func smol(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	v := tokenizer.Vocab{Pre: "smollm"}
	add := func(s string, kind int32) { v.Tokens, v.Types = append(v.Tokens, s), append(v.Types, kind) }
	for b, r := range gguf.ByteAlphabet() {
		if !gguf.RareByte(byte(b)) {
			add(string(r), gguf.TokenNormal)
		}
	}
	for _, m := range []string{"a a", "aa aa", "Ġ a"} {
		v.Merges = append(v.Merges, m)
		add(strings.ReplaceAll(m, " ", ""), gguf.TokenNormal)
	}
	v.EOS = int32(len(v.Tokens))
	add("<|im_end|>", gguf.TokenControl)
	tok, err := tokenizer.New(v)
	require.NoError(t, err)
	return tok
}

// The splits that the reference makes: its numbers stand alone, and cut the white space before them off.
func TestSmollmSplits(t *testing.T) {
	tok := smol(t)
	for text, want := range map[string]string{
		"it's 42 degrees":     "it|'s| |4|2| degrees",
		"IT'S":                "IT|'|S",
		"a  b":                "a| | b",
		"a  1":                "a|  |1",
		"a \n\n b":            "a| \n\n| b",
		"end  ":               "end|  ",
		"tab\tbed":            "tab|\t|bed",
		"x!!! y":              "x|!!!| y",
		"we'll, 'tis":         "we|'ll|,| '|tis",
		"1.5e3":               "1|.|5|e|3",
		"½٣x":                 "½|٣|x",
		"(a) #b\n":            "(|a|)| #|b|\n",
		"字 字":                 "字| 字",
		"? 'd":                "?| '|d",
		"'d'd":                "'d|'d",
		"\u00a0x\u3000\u3000": "\u00a0|x|\u3000\u3000",
	} {
		var parts []string
		from := 0
		tok.Words(text, func(end int) bool {
			parts = append(parts, text[from:end])
			from = end
			return true
		})
		require.Equal(t, want, strings.Join(parts, "|"), "%q", text)
	}
}

func TestSmollmLeavesOutWhatItCannotWrite(t *testing.T) {
	tok := smol(t)
	require.Equal(t, tok.Encode("ab"), tok.Encode("a\x04b\x00"), "and not the merge across it")
	require.Empty(t, tok.Encode("\x00\x01"))
	long := strings.Repeat("a\x04", 100)
	require.Len(t, tok.Encode(long), 100, "what stands apart is not merged")
	require.Equal(t, "<|im_end|>", tok.Decode(tok.Encode("<|im_end|>")))
	for _, id := range tok.Encode("<|im_end|>") {
		require.True(t, tok.Ordinary(id))
	}
}

// Runs of every class are hostile to the reference's own code; here they take linear time.
func TestSmollmTakesLinearTime(t *testing.T) {
	tok := smol(t)
	for _, piece := range []string{"a", " ", "\n", "1", "!", "'", "字", " a", "  1", "\x00", "\u0301", "'s", " \n"} {
		text := strings.Repeat(piece, 1<<20/len(piece))
		start := time.Now()
		tok.Encode(text)
		require.Less(t, time.Since(start), 5*time.Second, "%q", piece)
	}
}
