package prompt

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd        tokenKind = iota
	tokData                 // text between tags
	tokOpenBlock            // {%
	tokCloseBlock           // %}
	tokOpenValue            // {{
	tokCloseValue           // }}
	tokName
	tokText
	tokNumber
	tokSign // operators and brackets
)

type token struct {
	kind tokenKind
	s    string
	n    int64
}

// word answers the token for an error text.
func (t token) word() string {
	if t.kind == tokName || t.kind == tokSign {
		if len(t.s) > 40 {
			return t.s[:40]
		}
		return t.s
	}
	return "here"
}

// lexer cuts a template into tokens as Jinja does with trim_blocks and lstrip_blocks, the setting of
// Hugging Face.
type lexer struct {
	src       string
	at        int
	out       []token
	lineStart bool // what comes next begins a line
	trim      bool // the tag before ended with -%}
}

func lex(src string) ([]token, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	src = strings.TrimSuffix(src, "\n")
	l := &lexer{src: src, lineStart: true}
	for l.at < len(l.src) {
		if err := l.step(); err != nil {
			return nil, err
		}
	}
	return append(l.out, token{kind: tokEnd}), nil
}

// step reads data up to the next tag, and the tag.
func (l *lexer) step() error {
	rest := l.src[l.at:]
	open := nextTag(rest)
	data := rest[:open]
	if l.trim {
		data = strings.TrimLeftFunc(data, unicode.IsSpace)
		cut := rest[:open-len(data)]
		l.lineStart = l.lineStart || strings.HasSuffix(cut, "\n")
		l.trim = false
	}
	if open == len(rest) {
		l.data(data)
		l.at = len(l.src)
		return nil
	}
	kind := rest[open+1]
	sign := byte(0)
	if open+2 < len(rest) && (rest[open+2] == '-' || rest[open+2] == '+') {
		sign = rest[open+2]
	}
	switch {
	case sign == '-':
		data = strings.TrimRightFunc(data, unicode.IsSpace)
	case sign == 0 && kind != '{':
		data = l.leftStrip(data)
	}
	l.data(data)
	l.at += open + 2
	if sign != 0 {
		l.at++
	}
	switch kind {
	case '#':
		return l.comment()
	case '%':
		return l.tag(tokOpenBlock, tokCloseBlock, "%}")
	}
	return l.tag(tokOpenValue, tokCloseValue, "}}")
}

// nextTag answers where the next {{, {% or {# begins, len(s) if none does.
func nextTag(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%' || s[i+1] == '#') {
			return i
		}
	}
	return len(s)
}

func (l *lexer) data(s string) {
	if s != "" {
		l.out = append(l.out, token{kind: tokData, s: s})
	}
}

// leftStrip drops the blanks between the start of the line and a block.
func (l *lexer) leftStrip(data string) string {
	from := strings.LastIndexByte(data, '\n') + 1
	if (from > 0 || l.lineStart) && strings.TrimSpace(data[from:]) == "" {
		return data[:from]
	}
	return data
}

// closed notes how a tag ended: -%} trims what follows, %} drops one line break, +%} nothing.
func (l *lexer) closed(sign byte, block bool) {
	l.lineStart = false
	switch {
	case sign == '-':
		l.trim = true
	case block && sign == 0 && strings.HasPrefix(l.src[l.at:], "\n"):
		l.at++
		l.lineStart = true
	}
}

func (l *lexer) comment() error {
	end := strings.Index(l.src[l.at:], "#}")
	if end < 0 {
		return invalid("a comment is not closed")
	}
	sign := byte(0)
	if end > 0 && (l.src[l.at+end-1] == '-' || l.src[l.at+end-1] == '+') {
		sign = l.src[l.at+end-1]
	}
	l.at += end + 2
	l.closed(sign, true)
	return nil
}

func (l *lexer) tag(open, end tokenKind, mark string) error {
	l.out = append(l.out, token{kind: open})
	for {
		l.skipSpace()
		rest := l.src[l.at:]
		if rest == "" {
			return invalid("a tag is not closed")
		}
		sign := byte(0)
		if (rest[0] == '-' || (rest[0] == '+' && open == tokOpenBlock)) && strings.HasPrefix(rest[1:], mark) {
			sign, rest = rest[0], rest[1:]
			l.at++
		}
		if strings.HasPrefix(rest, mark) {
			l.at += 2
			l.out = append(l.out, token{kind: end})
			l.closed(sign, open == tokOpenBlock)
			return nil
		}
		if err := l.expression(rest); err != nil {
			return err
		}
	}
}

func (l *lexer) skipSpace() {
	for l.at < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.at:])
		if !unicode.IsSpace(r) {
			return
		}
		l.at += n
	}
}

// expression reads one token inside a tag.
func (l *lexer) expression(rest string) error {
	c := rest[0]
	switch {
	case c == '"' || c == '\'':
		return l.quoted(rest)
	case c >= '0' && c <= '9':
		return l.number(rest)
	case nameByte(c):
		n := 1
		for n < len(rest) && (nameByte(rest[n]) || (rest[n] >= '0' && rest[n] <= '9')) {
			n++
		}
		l.out = append(l.out, token{kind: tokName, s: rest[:n]})
		l.at += n
		return nil
	}
	for _, sign := range []string{"==", "!=", "<=", ">=", "//", "**", "<", ">", "+", "-", "~", "*", "/", "%", "(", ")", "[", "]", "{", "}", ".", ",", ":", "|", "="} {
		if strings.HasPrefix(rest, sign) {
			l.out = append(l.out, token{kind: tokSign, s: sign})
			l.at += len(sign)
			return nil
		}
	}
	return invalid("an unknown sign stands in a tag")
}

func nameByte(c byte) bool {
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

func (l *lexer) number(rest string) error {
	n, i := int64(0), 0
	for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
		if n = n*10 + int64(rest[i]-'0'); n > maxNumber {
			return invalid("a number is too large")
		}
		i++
	}
	if i < len(rest) && (nameByte(rest[i]) || (rest[i] == '.' && i+1 < len(rest) && rest[i+1] >= '0' && rest[i+1] <= '9')) {
		return invalid("only plain whole numbers are supported")
	}
	l.out = append(l.out, token{kind: tokNumber, n: n})
	l.at += i
	return nil
}

// quoted reads a text literal with Python's escapes.
func (l *lexer) quoted(rest string) error {
	var b strings.Builder
	quote := rest[0]
	for i := 1; i < len(rest); {
		switch c := rest[i]; {
		case c == quote:
			l.out = append(l.out, token{kind: tokText, s: b.String()})
			l.at += i + 1
			return nil
		case c == '\\' && i+1 < len(rest):
			n, err := escape(&b, rest[i+1:])
			if err != nil {
				return err
			}
			i += 1 + n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return invalid("a text is not closed")
}

// escape writes what the backslash before s stands for and answers how many bytes of s it took.
func escape(b *strings.Builder, s string) (int, error) {
	simple := map[byte]string{
		'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '\'': "'", '"': "\"", '\n': "",
		'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v",
	}
	if out, ok := simple[s[0]]; ok {
		b.WriteString(out)
		return 1, nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	switch {
	case digits > 0:
		r := rune(0)
		if len(s) < 1+digits {
			return 0, invalid("an escape in a text is cut short")
		}
		for _, c := range []byte(s[1 : 1+digits]) {
			v := strings.IndexByte("0123456789abcdef", c|0x20)
			if c < 'A' {
				v = strings.IndexByte("0123456789", c)
			}
			if v < 0 || r > unicode.MaxRune {
				return 0, invalid("an escape in a text is not valid")
			}
			r = r<<4 | rune(v)
		}
		if !utf8.ValidRune(r) {
			return 0, invalid("an escape in a text is no character")
		}
		b.WriteRune(r)
		return 1 + digits, nil
	case s[0] == 'N' || (s[0] >= '0' && s[0] <= '7'):
		return 0, invalid("octal and named escapes are not supported")
	}
	b.WriteByte('\\')
	return 0, nil
}
