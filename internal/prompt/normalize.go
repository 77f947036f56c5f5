package prompt

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// blank is white space as Python's str.strip has it.
func blank(r rune) bool { return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f) }

// invisible says whether r has no width and only hides or splits words.
func invisible(r rune) bool {
	switch r {
	case 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD:
		return true
	}
	return false
}

// longRun is the number of combining marks from which on we normalise ourselves: the library inserts
// a joiner after 30 (its stream-safe form), which the reference does not.
const longRun = 8

// normalize answers s in the form, whatever the length of runs of combining marks.
func normalize(form norm.Form, s string) string {
	if ascii(s) || form.QuickSpanString(s) == len(s) {
		return s
	}
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); {
		start, end := markRun(form, s, i)
		if end == start { // no long run any more
			break
		}
		start = boundaryBefore(form, s, done, start)
		out.WriteString(form.String(s[done:start]))
		end = boundaryAfter(form, s, end)
		compose(&out, form, s[start:end])
		i, done = end, end
	}
	if done == 0 {
		return form.String(s)
	}
	out.WriteString(form.String(s[done:]))
	return out.String()
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// markRun answers the next run of at least longRun characters that all combine with what stands before.
func markRun(form norm.Form, s string, from int) (start, end int) {
	n := 0
	for i := from; i < len(s); {
		p := form.PropertiesString(s[i:])
		size := max(p.Size(), 1)
		if p.BoundaryBefore() {
			if n >= longRun {
				return start, i
			}
			n = 0
		} else {
			if n == 0 {
				start = i
			}
			n++
		}
		i += size
	}
	if n >= longRun {
		return start, len(s)
	}
	return len(s), len(s)
}

// boundaryBefore answers the start of the character that the marks at s[at:] belong to.
func boundaryBefore(form norm.Form, s string, low, at int) int {
	for at > low {
		_, n := utf8.DecodeLastRuneInString(s[low:at])
		at -= n
		if form.PropertiesString(s[at:]).BoundaryBefore() {
			break
		}
	}
	return at
}

// boundaryAfter answers the next place at or after s[at] that nothing combines across.
func boundaryAfter(form norm.Form, s string, at int) int {
	for at < len(s) {
		p := form.PropertiesString(s[at:])
		if p.BoundaryBefore() {
			return at
		}
		at += max(p.Size(), 1)
	}
	return at
}

// letterMark is a character with its canonical combining class.
type letterMark struct {
	r   rune
	ccc uint8
}

// compose writes s, one character with very many marks, in composed form: decompose, order the marks
// stably by class, compose. It is linear but for the sort.
func compose(out *strings.Builder, form norm.Form, s string) {
	decomposed := norm.NFD
	if form == norm.NFKC {
		decomposed = norm.NFKD
	}
	var list []letterMark
	for i := 0; i < len(s); {
		p := decomposed.PropertiesString(s[i:])
		size := max(p.Size(), 1)
		part := s[i : i+size]
		if d := p.Decomposition(); d != nil {
			part = string(d)
		} else if r, _ := utf8.DecodeRuneInString(part); r >= 0xAC00 && r <= 0xD7A3 {
			part = decomposed.String(part) // Hangul is decomposed by arithmetic
		}
		for _, r := range part {
			list = append(list, letterMark{r, decomposed.PropertiesString(string(r)).CCC()})
		}
		i += size
	}
	for i := 0; i < len(list); {
		j := i
		for j < len(list) && list[j].ccc != 0 {
			j++
		}
		slices.SortStableFunc(list[i:j], func(a, b letterMark) int { return int(a.ccc) - int(b.ccc) })
		i = max(j, i+1)
	}
	for _, l := range recompose(list) {
		out.WriteRune(l.r)
	}
}

// recompose is the canonical composition: a mark joins the last starter unless one of its own or a
// higher class stands between.
func recompose(list []letterMark) []letterMark {
	out := list[:0]
	starter := -1
	last, failed := uint8(0), [2]rune{}
	for _, l := range list {
		between := len(out) - 1 - starter
		if starter >= 0 && (between == 0 || (last != 0 && last < l.ccc)) && failed != [2]rune{out[starter].r, l.r} {
			pair := [2]rune{out[starter].r, l.r}
			if r, ok := composite(pair); ok {
				out[starter].r = r
				continue
			}
			failed = pair // the same mark ten thousand times is asked about once
		}
		if l.ccc == 0 {
			starter = len(out)
		}
		last = l.ccc
		out = append(out, l)
	}
	return out
}

// composite answers the one character that two compose to.
func composite(pair [2]rune) (rune, bool) {
	s := norm.NFC.String(string(pair[:]))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}

// plainContent is the normalisation of guardhouse.text_normalization = nfkc: what the model saw when
// it was trained.
func plainContent(s string) string {
	s = normalize(norm.NFKC, s)
	if strings.ContainsFunc(s, invisible) {
		s = strings.Map(func(r rune) rune {
			if invisible(r) {
				return -1
			}
			return r
		}, s)
	}
	return strings.TrimFunc(s, blank)
}
