// Package strictjson reads a request body's JSON without repairing or guessing anything. What it accepts,
// every careful parser reads as the same value. It refuses what others disagree on: byte order marks,
// invalid UTF-8, surrogates that stand alone, repeated members, trailing data, numbers outside float64,
// and nesting beyond MaxDepth. It imports fault and the standard library.
package strictjson

import (
	"encoding/json"
	"unicode/utf8"

	"guardhouse/internal/fault"
)

// MaxDepth is how many arrays and objects may stand inside one another. The contract's deepest body needs 4.
const MaxDepth = 32

// maxNumber is the longest number read, in bytes: float64 needs at most 25, the rest is padding nobody needs.
const maxNumber = 64

// Parse answers the one value in raw: nil, bool, string, json.Number, []any or map[string]any. It answers a
// fault.Invalid that names the reason and never repeats what was sent.
func Parse(raw []byte) (any, error) {
	switch {
	case len(raw) == 0:
		return nil, fault.New(fault.Invalid, "The body is empty.")
	case len(raw) >= 3 && raw[0] == 0xEF && raw[1] == 0xBB && raw[2] == 0xBF:
		return nil, fault.New(fault.Invalid, "The body starts with a byte order mark.")
	case !utf8.Valid(raw):
		return nil, fault.New(fault.Invalid, "The body is not valid UTF-8.")
	}
	p := &parser{raw: raw}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at != len(raw) {
		return nil, p.refuse("there is more after the value")
	}
	return v, nil
}

type parser struct {
	raw   []byte
	at    int
	depth int
}

func (p *parser) refuse(reason string) error {
	return fault.Newf(fault.Invalid, "The body is not acceptable JSON: %s at byte %d.", reason, p.at)
}

func (p *parser) space() {
	for p.at < len(p.raw) {
		switch p.raw[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek answers the next byte after space, 0 at the end. A NUL in the body is refused by whoever looks at it.
func (p *parser) peek() byte {
	p.space()
	if p.at == len(p.raw) {
		return 0
	}
	return p.raw[p.at]
}

func (p *parser) value() (any, error) {
	switch c := p.peek(); {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if len(p.raw)-p.at >= len(word) && string(p.raw[p.at:p.at+len(word)]) == word {
			p.at += len(word)
			return v, nil
		}
	}
	return nil, p.refuse("no value")
}

func (p *parser) enter() error {
	p.at++
	if p.depth++; p.depth > MaxDepth {
		return p.refuse("it is nested too deeply")
	}
	return nil
}

func (p *parser) array() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	out := []any{}
	if p.peek() == ']' {
		p.at++
		p.depth--
		return out, nil
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			p.depth--
			return out, nil
		default:
			return nil, p.refuse("an array goes on without a comma or an end")
		}
	}
}

func (p *parser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	out := map[string]any{}
	if p.peek() == '}' {
		p.at++
		p.depth--
		return out, nil
	}
	for {
		if err := p.member(out); err != nil {
			return nil, err
		}
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			p.depth--
			return out, nil
		default:
			return nil, p.refuse("an object goes on without a comma or an end")
		}
	}
}

func (p *parser) member(out map[string]any) error {
	if p.peek() != '"' {
		return p.refuse("a member has no name")
	}
	name, err := p.str()
	if err != nil {
		return err
	}
	if _, twice := out[name]; twice {
		return p.refuse("a member stands twice")
	}
	if p.peek() != ':' {
		return p.refuse("a member has no colon")
	}
	p.at++
	v, err := p.value()
	if err != nil {
		return err
	}
	out[name] = v
	return nil
}

// number reads JSON's grammar, which is narrower than Go's: no plus, no leading zero, no bare point.
func (p *parser) number() (any, error) {
	start := p.at
	if p.raw[p.at] == '-' {
		p.at++
	}
	switch {
	case p.at < len(p.raw) && p.raw[p.at] == '0':
		p.at++
	case !p.digits():
		return nil, p.refuse("a number has no digits")
	}
	if p.at < len(p.raw) && p.raw[p.at] == '.' {
		p.at++
		if !p.digits() {
			return nil, p.refuse("a number has no digits after the point")
		}
	}
	if p.at < len(p.raw) && (p.raw[p.at] == 'e' || p.raw[p.at] == 'E') {
		p.at++
		if p.at < len(p.raw) && (p.raw[p.at] == '+' || p.raw[p.at] == '-') {
			p.at++
		}
		if !p.digits() {
			return nil, p.refuse("a number has no exponent")
		}
	}
	if p.at-start > maxNumber {
		return nil, p.refuse("a number is too long")
	}
	n := json.Number(p.raw[start:p.at])
	if _, err := n.Float64(); err != nil {
		return nil, p.refuse("a number is out of range")
	}
	return n, nil
}

func (p *parser) digits() bool {
	start := p.at
	for p.at < len(p.raw) && p.raw[p.at] >= '0' && p.raw[p.at] <= '9' {
		p.at++
	}
	return p.at > start
}
