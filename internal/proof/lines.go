package proof

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// timeLayout is RFC 3339 in UTC with exactly three decimals, as in audit rows.
const timeLayout = "2006-01-02T15:04:05.000Z"

// maxWhole is the largest whole number that every reader of JSON keeps exactly: 2^53 - 1.
const maxWhole = 1<<53 - 1

// Field is one line of a note's text: a word, a space and the rest of the line.
type Field struct{ Word, Value string }

// Fields are the lines below the kind, in their order.
type Fields []Field

// Get answers the first value of word, "" where there is none.
func (f Fields) Get(word string) string {
	for _, x := range f {
		if x.Word == word {
			return x.Value
		}
	}
	return ""
}

// render writes a note's text.
func render(kind string, fields Fields) []byte {
	b := []byte(kind + "\n")
	for _, f := range fields {
		b = append(append(append(append(b, f.Word...), ' '), f.Value...), '\n')
	}
	return b
}

// parseLines reads the text of a note of one kind. Words are lower-case letters and digits, values are not empty and hold no
// control character.
func parseLines(text, kind string) (Fields, error) {
	rest, ok := strings.CutPrefix(text, kind+"\n")
	if !ok || len(text) > boundOf(kind) || !utf8.ValidString(text) {
		return nil, formError("it does not begin with its kind")
	}
	fields := make(Fields, 0, min(strings.Count(rest, "\n"), 64))
	for rest != "" {
		var line string
		if line, rest, ok = strings.Cut(rest, "\n"); !ok {
			return nil, formError("its last line has no end")
		}
		word, value, ok := strings.Cut(line, " ")
		if !ok || !isWord(word) || !isValue(value) {
			return nil, formError("a line is not a word and a value")
		}
		fields = append(fields, Field{word, value})
	}
	return fields, nil
}

func isWord(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// isValue refuses what a terminal or a second parser could take for something else than text.
func isValue(s string) bool {
	if s == "" || len(s) > maxLine {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' }) < 0
}

// isID accepts what may stand between the slashes of a signer's name.
func isID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func isHash(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32 && strings.ToLower(s) == s
}

// Plain answers s as a value may hold it: control characters and line separators become U+FFFD, an empty text a hyphen, and
// what is longer than 256 bytes is cut.
func Plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !isValue(string(r)) {
			return utf8.RuneError
		}
		return r
	}, s)
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "")
	}
	if s == "" {
		return nothing
	}
	return s
}

// reader takes fields in the order of their kind and keeps the first thing wrong.
type reader struct {
	fields Fields
	err    error
}

func (r *reader) take(word string, ok func(string) bool) string {
	switch {
	case r.err != nil:
		return ""
	case len(r.fields) == 0 || r.fields[0].Word != word:
		r.err = formError("the line " + word + " is not where it belongs")
		return ""
	case !ok(r.fields[0].Value):
		r.err = formError("the line " + word + " has a value that it cannot have")
		return ""
	}
	v := r.fields[0].Value
	r.fields = r.fields[1:]
	return v
}

func (r *reader) id(word string) string   { return r.take(word, isID) }
func (r *reader) hash(word string) string { return r.take(word, isHash) }
func (r *reader) text(word string) string { return r.take(word, isValue) }

func (r *reader) whole(word string) (n int64) {
	r.take(word, func(s string) (ok bool) {
		n, ok = parseWhole(s)
		return ok
	})
	return n
}

func (r *reader) time(word string) (at time.Time) {
	r.take(word, func(s string) bool {
		var err error
		at, err = time.Parse(timeLayout, s)
		return err == nil && at.Format(timeLayout) == s
	})
	return at
}

// maybe reads a time, or the hyphen that stands for none.
func (r *reader) maybe(word string) time.Time {
	if r.err == nil && len(r.fields) > 0 && r.fields[0] == (Field{word, nothing}) {
		r.fields = r.fields[1:]
		return time.Time{}
	}
	return r.time(word)
}

// head reads the end of a chain: a number and a hash, Zero for a log without rows.
func (r *reader) head() (seq int64, hash string) {
	r.take("head", func(s string) (ok bool) {
		var number string
		number, hash, _ = strings.Cut(s, " ")
		seq, ok = parseWhole(number)
		return ok && isHash(hash) && (seq == 0) == (hash == Zero)
	})
	return seq, hash
}

// oneOf reads a value out of a closed list.
func (r *reader) oneOf(word string, list ...string) string {
	return r.take(word, func(s string) bool {
		for _, x := range list {
			if s == x {
				return true
			}
		}
		return false
	})
}

// must keeps why as the thing wrong where ok is false.
func (r *reader) must(ok bool, why string) {
	if r.err == nil && !ok {
		r.err = formError(why)
	}
}

// end answers the first thing wrong; lines that nobody took are one.
func (r *reader) end() error {
	r.must(len(r.fields) == 0, "it has a line too many")
	return r.err
}

func parseWhole(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= maxWhole && strconv.FormatInt(n, 10) == s
}

func whole(word string, n int64) Field { return Field{word, strconv.FormatInt(n, 10)} }

func when(word string, t time.Time) Field { return Field{word, t.UTC().Format(timeLayout)} }

// nothing stands where there is no value.
const nothing = "-"

// maybe is when for a time that may be zero.
func maybe(word string, t time.Time) Field {
	if t.IsZero() {
		return Field{word, nothing}
	}
	return when(word, t)
}
