// Package names decides what may be a user's name and which names are one. It is pure: text in, text out. The keys that
// Skeleton makes stand in databases, so it changes only together with a migration that rewrites them.
package names

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/fault"
)

const (
	minRunes = 2
	maxRunes = 64
	// MaxBytes bounds a name before it is looked at.
	MaxBytes = 256
)

// Clean answers the name as it is stored and shown: NFKC, so that width variants are one name. It refuses anything
// but 2 to 64 letters, digits and ._-@ with at least one letter or digit among them, in scripts that belong together.
func Clean(raw string) (string, error) {
	refuse := func() (string, error) {
		return "", fault.New(fault.Invalid, "A user name has 2 to 64 letters, digits, dots, underscores, hyphens and @ signs.").WithField("username")
	}
	if len(raw) > MaxBytes || !utf8.ValidString(raw) {
		return refuse()
	}
	name := norm.NFKC.String(raw)
	if n := utf8.RuneCountInString(name); n < minRunes || n > maxRunes || len(name) > MaxBytes {
		return refuse()
	}
	meaning := false
	for _, r := range name {
		word := (unicode.IsLetter(r) || unicode.Is(unicode.Nd, r)) && !isInvisibleLetter(r)
		if !word && !strings.ContainsRune("._-@", r) {
			return refuse()
		}
		meaning = meaning || word
	}
	if !meaning {
		return refuse()
	}
	if !isOneHand(name) {
		return "", fault.New(fault.Invalid, "The letters of a user name are of one script that names are written in.").WithField("username")
	}
	return name, nil
}

// isInvisibleLetter finds the Hangul fillers: letters by their class, blanks on the screen.
func isInvisibleLetter(r rune) bool {
	return r == 0x115F || r == 0x1160 || r == 0x3164 || r == 0xFFA0
}

// Fold makes names equal that differ in case or width only. It is what a person may vary when signing in.
func Fold(name string) string {
	folded := cases.Fold().String(norm.NFKC.String(name))
	return norm.NFKC.String(folded)
}

// Skeleton makes names equal that look alike: case, width, accents, digits of other scripts, and letters of Latin,
// Cyrillic and Greek that share a shape. Two users never share a skeleton, and it is never freed (threats Z7, A5).
func Skeleton(name string) string {
	s := norm.NFKC.String(name)
	if hasLatin(s) {
		s = mapRunes(s, greekAmongLatin)
	}
	s = norm.NFD.String(Fold(s))
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 0x300 && r <= 0x36F: // combining accents
		case unicode.Is(unicode.Nd, r):
			b.WriteRune(shape('0' + digitValue(r)))
		default:
			b.WriteRune(shape(r))
		}
	}
	// Two narrow letters that read as one wide letter.
	return strings.NewReplacer("rn", "m", "vv", "w").Replace(b.String())
}

func shape(r rune) rune {
	if latin, ok := lookAlike(r); ok {
		return latin
	}
	return r
}

func hasLatin(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
}

func mapRunes(s string, f func(rune) rune) string { return strings.Map(f, s) }

// digitValue relies on the standard's promise that decimal digits stand in runs of ten, zero first.
func digitValue(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if lo, hi := rune(t.Lo), rune(t.Hi); r >= lo && r <= hi {
			return (r - lo) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if lo, hi := rune(t.Lo), rune(t.Hi); r >= lo && r <= hi {
			return (r - lo) % 10
		}
	}
	return 0
}
