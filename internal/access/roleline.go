package access

import (
	"unicode"
	"unicode/utf8"
)

// plainLine accepts valid text of at most limit characters without control or direction-changing ones (threat W3).
func plainLine(s string, limit int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit {
		return false
	}
	for _, r := range s {
		if unicode.Is(unicode.C, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return false
		}
	}
	return true
}
