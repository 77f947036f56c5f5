package strictjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string. The body is known to be valid UTF-8, so only escapes can bring in what is not.
func (p *parser) str() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.raw) {
		switch c := p.raw[p.at]; {
		case c == '"':
			s := string(p.raw[start:p.at])
			p.at++
			return s, nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.refuse("a control character stands in a string")
		}
		p.at++
	}
	return "", p.refuse("a string has no end")
}

// escaped goes on with a string that began at start and has its first escape here.
func (p *parser) escaped(start int) (string, error) {
	out := append(make([]byte, 0, 2*(p.at-start)+16), p.raw[start:p.at]...)
	for p.at < len(p.raw) {
		c := p.raw[p.at]
		switch {
		case c == '"':
			p.at++
			return string(out), nil
		case c < 0x20:
			return "", p.refuse("a control character stands in a string")
		case c != '\\':
			out = append(out, c)
			p.at++
			continue
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, r)
	}
	return "", p.refuse("a string has no end")
}

// escape reads one escape, a surrogate pair being one. A surrogate without its other half is refused: parsers
// disagree on what it stands for.
func (p *parser) escape() (rune, error) {
	if p.at+1 >= len(p.raw) {
		return 0, p.refuse("a string has no end")
	}
	p.at++
	c := p.raw[p.at]
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.unicode()
	}
	return 0, p.refuse("an unknown escape")
}

func (p *parser) unicode() (rune, error) {
	r, ok := p.hex4()
	if !ok {
		return 0, p.refuse("an escape without four hex digits")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.at+1 < len(p.raw) && p.raw[p.at] == '\\' && p.raw[p.at+1] == 'u' {
		p.at += 2
		low, ok := p.hex4()
		if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, p.refuse("half a surrogate pair")
}

func (p *parser) hex4() (rune, bool) {
	if len(p.raw)-p.at < 4 {
		return 0, false
	}
	var r rune
	for _, c := range p.raw[p.at : p.at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	p.at += 4
	return r, true
}
