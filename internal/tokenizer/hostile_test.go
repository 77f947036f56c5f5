package tokenizer

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
)

// with answers a tokenizer of our own vocabulary and of other special tokens.
func with(t *testing.T, special ...string) *Tokenizer {
	t.Helper()
	_, v := own(t)
	for _, s := range special {
		v.Tokens, v.Types = append(v.Tokens, s), append(v.Types, gguf.TokenControl)
	}
	tok, err := New(v)
	require.NoError(t, err)
	return tok
}

// threat M1: a file may hold hundreds of thousands of special tokens that begin alike, and a template of nothing but that beginning.
func TestManySpecialTokensAreNoBurden(t *testing.T) {
	special := make([]string, 200_000)
	for i := range special {
		special[i] = "<zz" + strconv.Itoa(i) + ">"
	}
	tok := with(t, special...)
	start := time.Now()
	text := strings.Repeat("<z", 200_000)
	_, _, _, ok := tok.FindSpecial(text)
	require.False(t, ok)
	at, end, id, ok := tok.FindSpecial(text + "<zz199999>")
	require.True(t, ok)
	require.Equal(t, "<zz199999>", (text + "<zz199999>")[at:end])
	require.Equal(t, "<zz199999>", tok.pieces[id])
	require.Less(t, time.Since(start), 20*time.Second, "looking at each token at each place takes minutes")
}

// Of literals that begin alike the longest counts, wherever in the list it stands.
func TestTheLongestLiteralCounts(t *testing.T) {
	_, known := own(t)
	random := rand.New(rand.NewPCG(3, 4))
	word := func(n int) string {
		b := make([]byte, 1+random.IntN(n))
		for i := range b {
			b[i] = "<a~!"[random.IntN(4)]
		}
		return string(b)
	}
	seen := map[string]bool{}
	for _, token := range known.Tokens {
		seen[token] = true
	}
	var special []string
	for range 300 {
		if s := word(6); !seen[s] {
			seen[s] = true
			special = append(special, s)
		}
	}
	tok := with(t, special...)
	for range 5000 {
		text := word(12)
		wantAt, want := 0, ""
		for at := 0; at < len(text) && want == ""; at++ {
			for _, s := range special {
				if strings.HasPrefix(text[at:], s) && len(s) > len(want) {
					wantAt, want = at, s
				}
			}
		}
		at, end, id, ok := tok.FindSpecial(text)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, wantAt, at, text)
			require.Equal(t, want, text[at:end], text)
			require.Equal(t, want, tok.pieces[id], text)
		}
	}
}

// threat M1: whoever writes a file chooses the pairs, and may choose those that a known hash puts in one place.
func TestMergesCannotBeMadeToCollide(t *testing.T) {
	const n = 20_000
	m := newMergeTable(n)
	const known = 0x9E3779B97F4A7C15 // what the table once multiplied with
	made := 0
	for a := int32(0); made < n; a++ {
		for b := int32(0); b < 4096 && made < n; b++ {
			if (uint64(a)<<32|uint64(b)+1)*known>>m.shift < 64 {
				require.True(t, m.add(a, b, int32(made), 0))
				made++
			}
		}
	}
	longest, run := 0, 0
	for _, s := range m.slots {
		if run++; s.pair == 0 {
			run = 0
		}
		longest = max(longest, run)
	}
	require.Less(t, longest, n/4, "slots that are looked at one after the other")
}
