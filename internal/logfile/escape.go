package logfile

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape answers a writer that passes lines on with every character that is not printable as \uXXXX, as JSON spells it
// (threat W3). slog's own handlers quote control characters but let DEL, C1 controls and direction marks through in JSON.
func Escape(w io.Writer) io.Writer { return escaper{w} }

type escaper struct{ w io.Writer }

// Write passes lines on. Line feeds stay; all else that is no printable character is spelled out.
func (e escaper) Write(lines []byte) (int, error) {
	if printable(lines) {
		return e.w.Write(lines)
	}
	out := make([]byte, 0, len(lines)+64)
	for i := 0; i < len(lines); {
		r, n := utf8.DecodeRune(lines[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			out = append(out, `\ufffd`...)
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, lines[i:i+n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	if _, err := e.w.Write(out); err != nil {
		return 0, err
	}
	return len(lines), nil
}

// printable is the common case: plain ASCII.
func printable(lines []byte) bool {
	for _, b := range lines {
		if (b < ' ' && b != '\n') || b > '~' {
			return false
		}
	}
	return true
}
