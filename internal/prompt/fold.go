package prompt

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// apartLeast is the number of letters from which on "k.i.l.l" is taken for a word set apart: "e.g." and "a/b" are not.
const apartLeast = 3

// foldContent is the normalisation of guardhouse.text_normalization = nfkc_fold: that of nfkc; then characters that are
// not seen and combining marks dropped, letters taken to the small Latin ones that they are or look like (after
// the confusables of Unicode's UTS 39), and words set apart by one mark between their letters put together.
func foldContent(s string) string {
	s = plainContent(s)
	if !ascii(s) {
		s = strings.Map(foldRune, s)
	}
	s = strings.Map(small, s)
	return strings.TrimFunc(together(s), blank)
}

func small(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// foldRune answers the letter that r is read as, or -1 for what is not seen.
func foldRune(r rune) rune {
	switch {
	case r < 0xC0:
		return r
	case unseen(r), combining(r):
		return -1
	case r < 0x250, r >= 0x370 && r < 0x530, r >= 0x1E00 && r < 0x2000: // Latin, Greek and Cyrillic letters with marks
		for _, first := range norm.NFD.String(string(r)) {
			return lookalike(first)
		}
	case r >= 0x1F150 && r <= 0x1F169: // white in a black circle
		return 'a' + r - 0x1F150
	case r >= 0x1F170 && r <= 0x1F189: // and in a black square
		return 'a' + r - 0x1F170
	case r >= 0x1F1E6 && r <= 0x1F1FF: // regional indicators
		return 'a' + r - 0x1F1E6
	}
	return lookalike(r)
}

// combining says whether r is of the blocks of combining marks that no script needs.
func combining(r rune) bool {
	return r >= 0x300 && r <= 0x36F || r >= 0x1AB0 && r <= 0x1AFF || r >= 0x1DC0 && r <= 0x1DFF ||
		r >= 0x20D0 && r <= 0x20FF || r >= 0xFE20 && r <= 0xFE2F
}

// unseen says whether r is a filler, a selector, a tag or a direction: Unicode's default ignorable ones that are left.
func unseen(r rune) bool {
	switch {
	case r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x200E, r == 0x200F,
		r >= 0x180B && r <= 0x180F, r >= 0x202A && r <= 0x202E, r >= 0x2061 && r <= 0x206F,
		r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE0FFF:
		return true
	}
	return false
}

// together answers s with words whose letters stand apart put together: at least apartLeast single letters with one and
// the same mark between all of them.
func together(s string) string {
	var out []rune
	list := []rune(s)
	done := 0
	for i := 0; i+2*(apartLeast-1) < len(list); i++ {
		end := apart(list, i)
		if end == 0 {
			continue
		}
		out = append(out, list[done:i]...)
		for j := i; j < end; j += 2 {
			out = append(out, list[j])
		}
		i, done = end-1, end
	}
	if done == 0 {
		return s
	}
	return string(append(out, list[done:]...))
}

// apart answers the end of the word that begins at list[at] and stands apart, 0 where none does.
func apart(list []rune, at int) int {
	if !letter(list[at]) || at > 0 && word(list[at-1]) || !between(list[at+1]) {
		return 0
	}
	end := at + 1
	for end+1 < len(list) && list[end] == list[at+1] && letter(list[end+1]) {
		if end+2 < len(list) && word(list[end+2]) {
			break
		}
		end += 2
	}
	if end-at < 2*apartLeast-1 {
		return 0
	}
	return end
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' }

func word(r rune) bool { return letter(r) || r >= '0' && r <= '9' }

// between says whether r is a mark or a picture that people set between letters: by ranges, since which characters are
// punctuation differs from one version of Unicode to the next.
func between(r rune) bool {
	switch {
	case r > 0x20 && r < 0x7F:
		return !word(r)
	case r >= 0xA1 && r <= 0xBF, r >= 0x2010 && r <= 0x2027, r >= 0x2030 && r <= 0x205E, r >= 0x2190 && r <= 0x2BFF,
		r >= 0x3001 && r <= 0x3003, r >= 0x1F000 && r <= 0x1FAFF:
		return true
	}
	return false
}
