package moderation

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"guardhouse/internal/fault"
	"guardhouse/internal/prompt"
)

// maxDepth bounds the nesting of a line: the deepest legal one is object, array, object.
const maxDepth = 8

// ParseLine reads one line of `moderate --jsonl`: {"id"?, "input"}, where input is a text or a list of
// {"role","content"}. ref is the line's id, nil if it has none or cannot be read. It refuses invalid
// UTF-8, unknown or repeated members, other types, trailing data, and ids that are no text or number.
func ParseLine(line []byte) (ref any, in Input, err error) {
	if !utf8.Valid(line) {
		return nil, Input{}, badLine("it is not valid UTF-8")
	}
	if err := plainJSON(line); err != nil {
		return nil, Input{}, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil || raw == nil {
		return nil, Input{}, badLine("it is not a JSON object")
	}
	if ref, err = lineID(raw["id"]); err != nil {
		return nil, Input{}, err
	}
	for name := range raw {
		if name != "id" && name != "input" {
			return ref, Input{}, badLine("it has a member other than id and input")
		}
	}
	if in, err = lineInput(raw["input"]); err != nil {
		return ref, Input{}, err
	}
	return ref, in, nil
}

func badLine(why string) error {
	return fault.New(fault.Invalid, "The line cannot be judged: "+why+".")
}

func lineID(raw json.RawMessage) (any, error) {
	if raw == nil {
		return nil, nil //nolint:nilnil // no id is a valid id
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var id any
	if err := dec.Decode(&id); err != nil {
		return nil, badLine("its id cannot be read")
	}
	switch id.(type) {
	case nil, string, json.Number:
		return id, nil
	}
	return nil, badLine("its id is neither text nor number")
}

func lineInput(raw json.RawMessage) (Input, error) {
	var s *string
	if raw != nil && json.Unmarshal(raw, &s) == nil && s != nil {
		return Input{Messages: []prompt.Message{{Role: "user", Content: *s}}}, nil
	}
	var list []map[string]*string
	if raw == nil || json.Unmarshal(raw, &list) != nil || list == nil {
		return Input{}, badLine("input must be a text or a list of {role, content}")
	}
	var in Input
	for _, m := range list {
		role, content := m["role"], m["content"]
		if len(m) != 2 || role == nil || content == nil {
			return Input{}, badLine("each message has exactly role and content, both texts")
		}
		in.Messages = append(in.Messages, prompt.Message{Role: *role, Content: *content})
	}
	return in, nil
}

// plainJSON refuses what decoders read differently from each other: repeated members, trailing data,
// deep nesting.
func plainJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	type level struct {
		names map[string]bool // nil in a list
		key   bool            // the next token is a member's name
	}
	var stack []level
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if len(stack) > 0 {
				return badLine("it is cut off")
			}
			return nil
		}
		if err != nil {
			return badLine("it is not JSON")
		}
		top := len(stack) - 1
		if name, ok := tok.(string); ok && top >= 0 && stack[top].key {
			if stack[top].names[name] {
				return badLine("a member stands in it twice")
			}
			stack[top].names[name], stack[top].key = true, false
			continue
		}
		if top >= 0 && stack[top].names != nil {
			stack[top].key = true
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, level{names: map[string]bool{}, key: true})
		case json.Delim('['):
			stack = append(stack, level{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
		if len(stack) > maxDepth {
			return badLine("it is nested too deeply")
		}
	}
}
