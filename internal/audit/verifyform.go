package audit

import (
	"bytes"
	"unicode/utf8"
)

// maxFormDepth is how deep details are followed without decoding them.
const maxFormDepth = 32

// canonicalObject says that raw is the canonical form of an object that details can hold, without decoding it. It may answer
// false for one that is, where that is rare: encoding/json then decides.
func canonicalObject(raw []byte) bool {
	rest, ok := skipObject(raw, maxFormDepth)
	return ok && len(rest) == 0
}

// canonicalStrings says that raw is the canonical form of a list of strings.
func canonicalStrings(raw []byte) bool {
	if len(raw) < 2 || raw[0] != '[' {
		return false
	}
	if raw[1] == ']' {
		return len(raw) == 2
	}
	rest, ok := skipString(raw[1:])
	for ok && len(rest) > 0 && rest[0] == ',' {
		rest, ok = skipString(rest[1:])
	}
	return ok && len(rest) == 1 && rest[0] == ']'
}

// skipValue answers what follows a value in its canonical form; false for anything else.
func skipValue(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth == 0 {
		return nil, false
	}
	switch b[0] {
	case '"':
		return skipString(b)
	case '{':
		return skipObject(b, depth-1)
	case '[':
		return skipList(b, depth-1)
	case 't':
		return bytes.CutPrefix(b, []byte("true"))
	case 'f':
		return bytes.CutPrefix(b, []byte("false"))
	case 'n':
		return bytes.CutPrefix(b, []byte("null"))
	}
	return skipWhole(b)
}

// skipWhole accepts whole numbers below 10^15, which is below 2^53, as Append writes them.
func skipWhole(b []byte) (rest []byte, ok bool) {
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	if n == 0 || n > 15 || digits[0] == '0' && (n > 1 || b[0] == '-') {
		return nil, false
	}
	return digits[n:], true
}

func skipList(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) > 1 && b[1] == ']' {
		return b[2:], true
	}
	rest, ok = skipValue(b[1:], depth)
	for ok && len(rest) > 0 && rest[0] == ',' {
		rest, ok = skipValue(rest[1:], depth)
	}
	if !ok {
		return nil, false
	}
	return bytes.CutPrefix(rest, []byte("]"))
}

// skipObject wants the names in their order, each once, and spelled in the one way that needs no escape.
func skipObject(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '{' {
		return nil, false
	}
	if b[1] == '}' {
		return b[2:], true
	}
	var before []byte
	for rest = b; ; {
		name := rest[1:]
		if rest, ok = skipString(name); !ok || len(rest) == 0 || rest[0] != ':' {
			return nil, false
		}
		name = name[1 : len(name)-len(rest)-1]
		if !plainName(name) || before != nil && bytes.Compare(before, name) >= 0 {
			return nil, false
		}
		before = name
		if rest, ok = skipValue(rest[1:], depth); !ok || len(rest) == 0 {
			return nil, false
		}
		if rest[0] != ',' {
			return bytes.CutPrefix(rest, []byte("}"))
		}
	}
}

// plainName is true for names whose order by bytes is that by UTF-16 code units.
func plainName(name []byte) bool {
	for _, c := range name {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// skipString accepts exactly the escapes that appendString writes.
func skipString(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, false
	}
	high := byte(0)
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[i+1:], high < 0x80 || utf8.Valid(b[1:i])
		case c < 0x20:
			return nil, false
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return nil, false
			}
			i += n - 1
		default:
			high |= c
		}
	}
	return nil, false
}

// escapeLen answers how long an escape is, 0 for one that the canonical form does not have.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', 'b', 't', 'n', 'f', 'r':
		return 2
	case 'u':
	default:
		return 0
	}
	if len(b) < 6 || b[2] != '0' || b[3] != '0' || b[4] != '0' && b[4] != '1' {
		return 0
	}
	low := b[5]
	if (low < '0' || low > '9') && (low < 'a' || low > 'f') {
		return 0
	}
	if b[4] == '0' && bytes.IndexByte([]byte("89acd"), low) >= 0 { // those have a short form
		return 0
	}
	return 6
}
