package audit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxPlainDepth is how deep plainValue goes by itself; encoding/json finds the rings beyond.
const maxPlainDepth = 16

// canonicalDetails answers the caller's map as a reader would parse it, and its canonical bytes.
func canonicalDetails(details map[string]any) (plain map[string]any, canonical []byte, err error) {
	if plain, err = plainDetails(details); err != nil {
		return nil, nil, err
	}
	canonical, err = appendObject(nil, plain)
	return plain, canonical, err
}

// plainDetails answers the caller's map as a reader would parse it from the column: null, booleans, strings, json.Number,
// []any and map[string]any alone. The map itself is left as it is. What rows usually hold is converted here; other Go
// types go through encoding/json, with the same result.
func plainDetails(details map[string]any) (map[string]any, error) {
	if len(details) == 0 {
		return map[string]any{}, nil
	}
	if v, ok := plainObject(details, maxPlainDepth); ok {
		return v, nil
	}
	raw, err := json.Marshal(details)
	if err != nil {
		return nil, err
	}
	return decodeDetails(raw)
}

func decodeDetails(raw []byte) (map[string]any, error) {
	if len(raw) == 0 {
		return map[string]any{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	out := map[string]any{}
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	return out, nil
}

// plainValue answers false for what it leaves to encoding/json.
func plainValue(v any, depth int) (any, bool) {
	switch x := v.(type) {
	case nil, bool:
		return x, true
	case string:
		return x, utf8.ValidString(x)
	case int:
		return json.Number(strconv.Itoa(x)), true
	case int64:
		return json.Number(strconv.FormatInt(x, 10)), true
	case json.Number:
		n, err := strconv.ParseInt(string(x), 10, 64)
		return x, err == nil && strconv.FormatInt(n, 10) == string(x)
	case []any:
		return plainList(x, depth)
	case map[string]any:
		if x == nil {
			return nil, true
		}
		return plainObject(x, depth-1)
	}
	return nil, false
}

func plainList(list []any, depth int) (any, bool) {
	if list == nil || depth == 0 {
		return nil, list == nil
	}
	out := make([]any, len(list))
	for i, v := range list {
		var ok bool
		if out[i], ok = plainValue(v, depth-1); !ok {
			return nil, false
		}
	}
	return out, true
}

func plainObject(object map[string]any, depth int) (map[string]any, bool) {
	if depth <= 0 {
		return nil, false
	}
	out := make(map[string]any, len(object))
	for name, v := range object {
		p, ok := plainValue(v, depth)
		if !ok || !utf8.ValidString(name) {
			return nil, false
		}
		out[name] = p
	}
	return out, true
}

// compareNames orders by UTF-16 code units, as RFC 8785 says. Up to the first difference the bytes decide as well, but
// where one of both lies beyond U+FFFF.
func compareNames(x, y string) int {
	for i := range min(len(x), len(y)) {
		if a, b := x[i], y[i]; a != b && a < 0xEE && b < 0xEE {
			return int(a) - int(b)
		} else if a != b {
			return slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
		}
	}
	return len(x) - len(y)
}
