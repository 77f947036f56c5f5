package moderation

import (
	"strings"
	"unicode/utf8"

	"guardhouse/internal/prompt"
	"guardhouse/internal/tokenizer"
)

// text is a message with the end of each of its tokens, so that it can be cut by tokens.
type text struct {
	role string
	s    string
	ends []int
}

func (t text) len() int { return len(t.ends) }

// slice answers the text of tokens from..to, widened to whole characters.
func (t text) slice(from, to int) string {
	start, end := 0, 0
	if from > 0 {
		start = t.ends[from-1]
	}
	if to > 0 {
		end = t.ends[to-1]
	}
	for start > 0 && start < len(t.s) && !utf8.RuneStart(t.s[start]) {
		start--
	}
	for end < len(t.s) && !utf8.RuneStart(t.s[end]) {
		end++
	}
	return t.s[start:end]
}

// split normalises twice: a mark behind an invisible character joins its letter only once that is gone. What it answers
// is stable, so that each piece of it stands in its window's prompt as it is here.
func (l *loaded) split(m prompt.Message) text {
	s := l.guard.Prompt.Normalize(l.guard.Prompt.Normalize(m.Content))
	return text{role: m.Role, s: s, ends: tokenEnds(l.guard.Tokenizer, s)}
}

// tokenEnds answers where each token of s ends. Should a vocabulary not give the text back byte by byte,
// characters stand in for tokens.
func tokenEnds(tok *tokenizer.Tokenizer, s string) []int {
	ids := tok.Encode(s)
	ends, at := make([]int, 0, len(ids)), 0
	for _, id := range ids {
		piece, ok := tok.Piece(id)
		if !ok || !strings.HasPrefix(s[min(at, len(s)):], string(piece)) {
			return characterEnds(s)
		}
		at += len(piece)
		ends = append(ends, at)
	}
	if at != len(s) {
		return characterEnds(s)
	}
	return ends
}

func characterEnds(s string) []int {
	var ends []int
	for i := range s {
		if i > 0 {
			ends = append(ends, i)
		}
	}
	return append(ends, len(s))
}
