package export

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// mark stands before a cell that a spreadsheet would take for a formula. A cell that begins with the mark itself has one more,
// so that taking one away gives every cell back as it was.
const mark = '\''

// bom says to programs of one maker that the text is UTF-8.
const bom = "\uFEFF"

// appendRecord writes one record of RFC 4180.
func appendRecord(b []byte, cells []string) []byte {
	for i, c := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCell(b, c)
	}
	return append(b, '\r', '\n')
}

// appendCell quotes where a reader could cut or trim the cell otherwise, and marks what is not to be computed.
func appendCell(b []byte, cell string) []byte {
	marked := formula(cell)
	if !marked && !strings.ContainsAny(cell, ",;\"\t\r\n") && strings.TrimSpace(cell) == cell {
		return append(b, cell...)
	}
	b = append(b, '"')
	if marked {
		b = append(b, mark)
	}
	return append(append(b, strings.ReplaceAll(cell, `"`, `""`)...), '"')
}

// formula says that a cell begins with what makes a spreadsheet compute, or with the mark (threat W2): = + - @ in any of their
// forms (full width, small, raised), a tab, CR or LF. What is not seen before it, space and characters of format, does not hide it.
func formula(cell string) bool {
	for i, r := range cell {
		switch {
		case i == 0 && (r == '\t' || r == '\r' || r == '\n' || r == mark):
			return true
		case unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Cc):
			continue
		case r < utf8.RuneSelf:
			return strings.ContainsRune("=+-@", r)
		}
		return r == '\u2212' || strings.ContainsAny(norm.NFKC.String(string(r))[:1], "=+-@")
	}
	return false
}
