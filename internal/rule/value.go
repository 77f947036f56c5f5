package rule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"guardhouse/internal/fault"
)

// kind is what a value is in either text.
type kind int

const (
	isString kind = iota
	isList
	isMap
	isOther // number, truth value, null
)

// maxDepth is how deep values may stand inside one another: a file's rules, a rule, its conditions, their ranges, an address.
const maxDepth = 6

// value is one piece of JSON or YAML, read but not understood yet. In a map, keys[i] names items[i].
type value struct {
	kind  kind
	text  string
	line  int // 0 in JSON
	keys  []string
	items []*value
}

// refuse answers what is wrong with v, by field and, in a file, by line. Nothing of the text is repeated but what format holds.
func (v *value) refuse(field, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if field != "" {
		text = field + ": " + text
	}
	if v.line > 0 {
		text = fmt.Sprintf("line %d: %s", v.line, text)
	}
	return fault.New(fault.Invalid, text).WithField(field)
}

// put adds a member, refusing a key that is there already.
func (v *value) put(key string, item *value) error {
	if slices.Contains(v.keys, key) {
		return item.refuse("", "the field %s stands there twice", shown(key))
	}
	v.keys, v.items = append(v.keys, key), append(v.items, item)
	return nil
}

// shown is a key as a message may repeat it.
func shown(key string) string {
	if len(key) > 40 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "(not shown)"
	}
	return fmt.Sprintf("%q", key)
}

// maxKeys is how many members an object of either text has at most, so that looking for repeated ones costs nothing.
const maxKeys = 32

// parseJSON answers the one value in data. It refuses repeated members, lone surrogates, trailing data and depth.
func parseJSON(data []byte) (*value, error) {
	root := &value{}
	if len(data) > maxJSON {
		return nil, fault.Newf(fault.Invalid, "a rule has at most %d bytes", maxJSON)
	}
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, root.refuse("", "this is no valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := jsonValue(d, 1)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, root.refuse("", "there is more after the value")
	}
	return v, nil
}

func jsonValue(d *json.Decoder, depth int) (*value, error) {
	v := &value{}
	if depth > maxDepth {
		return nil, v.refuse("", "values are nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "this is no valid JSON")
	}
	switch t := t.(type) {
	case string:
		if strings.ContainsRune(t, utf8.RuneError) {
			return nil, v.refuse("", "a text holds a character that is none")
		}
		v.text = t
	case json.Delim:
		if err := v.fill(d, t, depth); err != nil {
			return nil, err
		}
	default:
		v.kind = isOther
	}
	return v, nil
}

// fill reads what stands in an object or a list, and its end.
func (v *value) fill(d *json.Decoder, open json.Delim, depth int) error {
	v.kind = isList
	if open == '{' {
		v.kind = isMap
	}
	for d.More() {
		if v.kind == isList && len(v.items) == maxRanges { // no list is longer, and none is read to its end to say so
			return v.refuse("", "a list has at most %d entries", maxRanges)
		}
		var key string
		if v.kind == isMap {
			t, err := d.Token()
			if err != nil {
				return fault.Wrap(err, fault.Invalid, "this is no valid JSON")
			}
			key, _ = t.(string)
			if len(v.keys) == maxKeys {
				return v.refuse("", "an object has at most %d fields", maxKeys)
			}
		}
		item, err := jsonValue(d, depth+1)
		if err != nil {
			return err
		}
		if v.kind == isList {
			v.items = append(v.items, item)
		} else if err := v.put(key, item); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fault.Wrap(err, fault.Invalid, "this is no valid JSON")
	}
	return nil
}
