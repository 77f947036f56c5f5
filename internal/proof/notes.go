package proof

import (
	"bytes"
	"iter"
	"slices"
)

// Notes answers the notes of a file in which they stand one after the other, empty lines between them. Each begins where a line
// is a kind and ends behind its signatures; what stands between is answered too, and what was torn off is as it is: nothing
// about any is proved.
func Notes(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start, at, signed := 0, 0, false
		for line := range bytes.Lines(data) {
			signature := bytes.HasPrefix(line, []byte("\u2014 "))
			if KindOf(line) != "" || signed && !signature {
				if !hand(data[start:at], yield) {
					return
				}
				start = at
			}
			signed = signature
			at += len(line)
		}
		hand(data[start:], yield)
	}
}

// hand passes on what holds more than empty lines, and answers whether to go on.
func hand(chunk []byte, yield func([]byte) bool) bool {
	return len(bytes.TrimSpace(chunk)) == 0 || yield(trimmed(chunk))
}

// Mended answers a file of public keys without what a crash has torn: a line that a later one begins with, and a last line that
// has no end and is no key.
func Mended(text []byte) []byte {
	lines := slices.Collect(bytes.Lines(text))
	if len(lines) > 4*maxKeys {
		return text
	}
	out := make([]byte, 0, len(text))
	for i, line := range lines {
		torn := bytes.TrimRight(line, "\n")
		again := func(l []byte) bool { return bytes.HasPrefix(l, torn) && len(bytes.TrimRight(l, "\n")) > len(torn) }
		if len(torn) > 0 && slices.ContainsFunc(lines[i+1:], again) {
			continue
		}
		if _, err := verifier(string(torn)); err != nil && len(torn) == len(line) && line[0] != '#' {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// trimmed takes away the empty lines behind a note.
func trimmed(chunk []byte) []byte {
	cut := bytes.TrimRight(chunk, "\n")
	return chunk[:min(len(cut)+1, len(chunk))]
}

// Peek answers what a note says before anything about it is proved, and false for what has no text or no signature.
func Peek(signed []byte) (Fields, bool) {
	kind := KindOf(signed)
	end := bytes.LastIndex(signed, []byte("\n\n\u2014 "))
	if kind == "" || end < 0 || len(signed) > boundOf(kind) || signed[len(signed)-1] != '\n' {
		return nil, false
	}
	fields, err := parseLines(string(signed[:end+1]), kind)
	return fields, err == nil
}

// SignerOf answers the name in a note's first signature, "" where there is none. It proves nothing.
func SignerOf(signed []byte) string {
	_, rest, _ := bytes.Cut(signed, []byte("\n\n\u2014 "))
	name, _, _ := bytes.Cut(rest, []byte(" "))
	return string(name)
}
