package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is what the pre-tokenizer sees of a character.
type class uint8

const (
	other   class = iota // punctuation, symbols, marks, controls, unassigned
	letter               // \p{L}
	number               // \p{N}
	space                // \s without line breaks
	newline              // \r or \n
)

// lastClassed is past every letter, number and space of the tables; above it all are other.
const lastClassed = 0x33480

func newClasses() []class {
	c := make([]class, lastClassed)
	mark := func(table *unicode.RangeTable, as class) {
		for _, r := range table.R16 {
			for p := uint32(r.Lo); p <= uint32(r.Hi); p += uint32(r.Stride) {
				c[p] = as
			}
		}
		for _, r := range table.R32 {
			for p := r.Lo; p <= r.Hi && p < lastClassed; p += r.Stride {
				c[p] = as
			}
		}
	}
	mark(unicode.L, letter)
	mark(unicode.N, number)
	mark(newer(), letter)
	mark(newerNumbers(), number)
	mark(unicode.White_Space, space)
	c['\r'], c['\n'] = newline, newline
	return c
}

// newer answers the letters that the reference knows (Unicode 16) and Go's tables (Unicode 15) do not.
func newer() *unicode.RangeTable {
	return &unicode.RangeTable{
		R16: []unicode.Range16{{0x1C89, 0x1C8A, 1}, {0xA7CB, 0xA7CD, 1}, {0xA7DA, 0xA7DC, 1}},
		R32: []unicode.Range32{
			{0x105C0, 0x105F3, 1},
			{0x10D4A, 0x10D65, 1},
			{0x10D6F, 0x10D85, 1},
			{0x10EC2, 0x10EC4, 1},
			{0x11380, 0x11389, 1},
			{0x1138B, 0x1138B, 1},
			{0x1138E, 0x1138E, 1},
			{0x11390, 0x113B5, 1},
			{0x113B7, 0x113B7, 1},
			{0x113D1, 0x113D1, 1},
			{0x113D3, 0x113D3, 1},
			{0x11BC0, 0x11BE0, 1},
			{0x13460, 0x143FA, 1},
			{0x16100, 0x1611D, 1},
			{0x16D40, 0x16D6C, 1},
			{0x18CFF, 0x18CFF, 1},
			{0x1E5D0, 0x1E5ED, 1},
			{0x1E5F0, 0x1E5F0, 1},
			{0x2EBF0, 0x2EE5D, 1},
		},
	}
}

// newerNumbers is newer for numbers.
func newerNumbers() *unicode.RangeTable {
	return &unicode.RangeTable{R32: []unicode.Range32{
		{0x10D40, 0x10D49, 1},
		{0x116D0, 0x116E3, 1},
		{0x11BF0, 0x11BF9, 1},
		{0x16130, 0x16139, 1},
		{0x16D70, 0x16D79, 1},
		{0x1CCF0, 0x1CCF9, 1},
		{0x1E5F1, 0x1E5FA, 1},
	}}
}

// at answers the class and the length of the character at s[i:], 0 bytes at the end.
func (t *Tokenizer) at(s string, i int) (class, int) {
	if i >= len(s) {
		return other, 0
	}
	if s[i] < utf8.RuneSelf {
		return t.classes[s[i]], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if r >= lastClassed {
		return other, n
	}
	return t.classes[r], n
}

// run answers the end of the run of class want that begins at i.
func (t *Tokenizer) run(s string, i int, want class) int {
	for {
		c, n := t.at(s, i)
		if n == 0 || c != want {
			return i
		}
		i += n
	}
}

// next answers the end of the pre-token that begins at s[i]. It is the qwen2 expression, alternative
// by alternative, without backtracking:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N} | ?[^\s\p{L}\p{N}]+[\r\n]*
//	| \s*[\r\n]+ | \s+(?!\S) | \s+
func (t *Tokenizer) next(s string, i int) int {
	if t.smollm {
		return t.nextSmol(s, i)
	}
	c, n := t.at(s, i)
	if c == letter {
		return t.run(s, i+n, letter)
	}
	if s[i] == '\'' {
		if k := contraction(s[i+1:]); k > 0 {
			return i + 1 + k
		}
	}
	if c == number {
		return i + n
	}
	following, m := t.at(s, i+n)
	if c != newline && m > 0 && following == letter {
		return t.run(s, i+n+m, letter)
	}
	if c == other || (s[i] == ' ' && m > 0 && following == other) {
		return t.run(s, t.run(s, i+n, other), newline)
	}
	return t.blanks(s, i)
}

// blanks is next for white space: up to the last line break of the run; else all of a run at the end
// of the text; else all but the last character of it, which goes to what follows.
func (t *Tokenizer) blanks(s string, i int) int {
	lineEnd, lastStart, end := 0, i, i
	for {
		c, n := t.at(s, end)
		if n == 0 || (c != space && c != newline) {
			break
		}
		lastStart = end
		if end += n; c == newline {
			lineEnd = end
		}
	}
	switch {
	case lineEnd > 0:
		return lineEnd
	case end == len(s) || lastStart == i:
		return end
	}
	return lastStart
}

// contraction answers the length of s, t, re, ve, m, ll or d at the start of s in either case; the
// long s (U+017F) is the other case of s for the reference.
func contraction(s string) int {
	if s == "" {
		return 0
	}
	if len(s) > 1 && s[:2] == "\u017f" {
		return 2
	}
	switch s[0] | 0x20 {
	case 's', 't', 'm', 'd':
		return 1
	case 'r', 'v':
		if len(s) > 1 && s[1]|0x20 == 'e' {
			return 2
		}
	case 'l':
		if len(s) > 1 && s[1]|0x20 == 'l' {
			return 2
		}
	}
	return 0
}
