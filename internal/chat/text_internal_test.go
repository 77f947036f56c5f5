package chat

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
	"guardhouse/internal/tokenizer"
	"guardhouse/models"
)

func vocabulary(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	g, err := catalog.InspectGuard(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
	require.NoError(t, err)
	return g.Tokenizer
}

// spoken answers what a listener puts together of ids, piece by piece.
func spoken(t interface{ Fatalf(string, ...any) }, tok *tokenizer.Tokenizer, ids []int32, stops []string) (text string, tokens []Token) {
	s := &speech{tok: tok, stops: stops, tokens: true}
	hear := func(p Piece) {
		if !utf8.ValidString(p.Text) {
			t.Fatalf("%q is not whole characters", p.Text)
		}
		text += p.Text
		tokens = append(tokens, p.Tokens...)
	}
	for _, id := range ids {
		hear(s.add(inference.Token{ID: id}))
		if s.finished {
			break
		}
	}
	hear(s.end())
	return text, tokens
}

// TestATextIsTheSameInPieces: whatever ids it comes in and wherever characters are cut, the pieces are the text up to its first stop.
func TestATextIsTheSameInPieces(t *testing.T) {
	tok := vocabulary(t)
	alphabet := []string{"a", "b", "ab", " ", "é", "日", "本", "🙂", "\n", "stop", "s", "st"}
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 40).Draw(r, "text"), "")
		stops := rapid.SliceOfN(rapid.SampledFrom([]string{"stop", "ab", "本🙂", "\n\n", "b s", "é"}), 0, 4).Draw(r, "stops")
		var ids []int32
		for _, b := range []byte(text) { // the most pieces that there can be
			ids = append(ids, byteID(r, tok, b))
		}
		if rapid.Bool().Draw(r, "whole") {
			ids = tok.Encode(text)
			text = tok.Decode(ids)
		}
		want := text
		for _, stop := range stops {
			before, _, _ := strings.Cut(text, stop)
			if len(before) < len(want) {
				want = before
			}
		}
		got, tokens := spoken(r, tok, ids, stops)
		// A stop is looked for as soon as a token is there, so of two that overlap the one that ends first counts.
		if !strings.HasPrefix(text, got) {
			r.Fatalf("%q is no beginning of %q", got, text)
		}
		if len(got) < len(want) {
			r.Fatalf("%q, want %q of %q", got, want, text)
		}
		for _, stop := range stops {
			if strings.Contains(got, stop) {
				r.Fatalf("%q holds the stop %q", got, stop)
			}
		}
		var all []byte
		for _, token := range tokens {
			all = append(all, token.Bytes...)
		}
		if !bytes.HasPrefix(all, []byte(got)) {
			r.Fatalf("tokens %q do not make %q", all, got)
		}
	})
}

// byteID answers the token that is one byte.
func byteID(t *rapid.T, tok *tokenizer.Tokenizer, b byte) int32 {
	for id := range int32(tok.Size()) {
		if piece, _ := tok.Piece(id); len(piece) == 1 && piece[0] == b && !tok.Control(id) {
			return id
		}
	}
	t.Fatalf("no token for the byte %x", b)
	return 0
}

// TestBytesThatAreNoText: a model may write half a character and stop there; marks of the template are no text.
func TestBytesThatAreNoText(t *testing.T) {
	tok := vocabulary(t)
	find := func(ok func(id int32) bool) int32 {
		for id := range int32(tok.Size()) {
			if ok(id) {
				return id
			}
		}
		require.FailNow(t, "no such token")
		return 0
	}
	half := find(func(id int32) bool { p, _ := tok.Piece(id); return len(p) == 1 && p[0] == 0xe6 })
	mark := find(tok.Control)
	a := tok.Encode("a")[0]
	text, tokens := spoken(t, tok, []int32{a, half}, nil)
	require.Equal(t, "a\uFFFD", text)
	require.Len(t, tokens, 2)
	text, _ = spoken(t, tok, []int32{half, a, mark, a}, nil)
	require.Equal(t, "\uFFFDaa", text)
	text, _ = spoken(t, tok, []int32{-1, int32(tok.Size()), a}, nil)
	require.Equal(t, "a", text)
}
