package rule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"guardhouse/internal/fault"
)

// Bounds of texts. MaxRules rules fit with some 50 values each, which is all their conditions and a handful of principals.
const (
	MaxRules = 10_000  // in one file
	MaxFile  = 8 << 20 // bytes of one file
	maxJSON  = 1 << 20 // bytes of one rule
	maxNodes = 600_000 // values of one file, as bounded counts them
)

// parseYAML answers the one document in data. What could make a small file large (anchors, aliases, merges, tags) or a large
// one slow (size, depth, number of values) is refused, most of it before the reader sees it.
func parseYAML(data []byte) (v *value, err error) {
	if err := bounded(data); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil { // a reader of hostile text must not end the server that watches the file
			v, err = nil, fault.Wrap(fmt.Errorf("the YAML reader panicked: %v", r), fault.Invalid, "this is no valid YAML")
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "the file is empty")
	} else if err != nil {
		return nil, yamlFault(err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "the file holds more than one document")
	}
	if len(doc.Content) != 1 {
		return nil, fault.New(fault.Invalid, "the file is empty")
	}
	return yamlValue(doc.Content[0], 1)
}

// yamlFault keeps the line that the reader names and nothing of the text.
func yamlFault(err error) error {
	line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ":")
	if n, found := strings.CutPrefix(line, "line "); !found || strings.Trim(n, "0123456789") != "" {
		return fault.Wrap(err, fault.Invalid, "this is no valid YAML")
	}
	return fault.Wrap(err, fault.Invalid, line+": this is no valid YAML")
}

// bounded refuses a file that is too large, is no UTF-8 or may hold too many values. Each value is set apart from the one
// before by a line end, a bracket, a comma or an indicator. A comma counts twice, as in {a,a} it sets pairs apart; a colon
// counts where it can stand between key and value: with space after it, or not behind a word (flow text takes "a":1).
func bounded(data []byte) error {
	if len(data) > MaxFile {
		return fault.Newf(fault.Invalid, "the file has more than %d bytes", MaxFile)
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return fault.New(fault.Invalid, "the file is no UTF-8 text")
	}
	if values(data) > maxNodes {
		return fault.Newf(fault.Invalid, "the file holds more than %d values", maxNodes)
	}
	return nil
}

// values answers how many values data may hold at most.
func values(data []byte) int {
	n := 0
	for i, c := range data {
		switch c {
		case '\n', '\r', '[', '{':
			n++
		case ',':
			n += 2
		case '-', '?':
			if blank(data, i+1) {
				n++
			}
		case ':':
			if blank(data, i+1) || i == 0 || !wordByte(data[i-1]) {
				n++
			}
		}
	}
	for _, end := range []string{"\u0085", "\u2028", "\u2029"} { // YAML 1.1 ends lines there too
		n += bytes.Count(data, []byte(end))
	}
	return n
}

// blank says whether a space or a line's or the data's end stands at i.
func blank(data []byte, i int) bool {
	return i >= len(data) || data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r'
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func yamlValue(n *yaml.Node, depth int) (*value, error) {
	v := &value{line: n.Line}
	switch {
	case depth > maxDepth:
		return nil, v.refuse("", "values are nested too deeply")
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return nil, v.refuse("", "anchors and aliases are not read here")
	case n.Style&yaml.TaggedStyle != 0:
		return nil, v.refuse("", "tags are not read here")
	case n.Kind == yaml.ScalarNode:
		v.text, v.kind = n.Value, isOther
		if t := n.ShortTag(); t == "!!str" || t == "!!timestamp" {
			v.kind = isString
		}
		return v, nil
	case n.Kind == yaml.SequenceNode:
		v.kind = isList
		v.items = make([]*value, 0, len(n.Content))
		for _, c := range n.Content {
			item, err := yamlValue(c, depth+1)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		return v, nil
	}
	return v, v.fillYAML(n, depth)
}

func (v *value) fillYAML(n *yaml.Node, depth int) error {
	v.kind = isMap
	if len(n.Content) > 2*maxKeys {
		return v.refuse("", "an object has at most %d fields", maxKeys)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, err := yamlValue(n.Content[i], depth+1)
		if err != nil {
			return err
		}
		if key.kind != isString {
			return key.refuse("", "a field's name must be a text")
		}
		item, err := yamlValue(n.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if err := v.put(key.text, item); err != nil {
			return err
		}
	}
	return nil
}
