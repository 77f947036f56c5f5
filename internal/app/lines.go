package app

import (
	"fmt"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/strictjson"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

// ParseLine reads one line of `moderate --jsonl`, {"id"?, "input"}, as strictly as the body of
// POST /api/v1/moderations. ref is the id as it was written, nil without one; it is answered with an
// error too where it could be read.
func ParseLine(line []byte) (ref any, in moderation.Input, err error) {
	v, err := strictjson.Parse(line)
	if err != nil {
		return nil, in, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, in, fault.New(fault.Invalid, "a line must be an object")
	}
	ref = object["id"]
	switch ref.(type) {
	case nil, string, fmt.Stringer: // a number is read as json.Number
	default:
		return nil, in, fault.New(fault.Invalid, "id must be a string or a number").WithField("id")
	}
	for name := range object {
		if name != "id" && name != "input" {
			return ref, in, fault.New(fault.Invalid, "a line has the members id and input only")
		}
	}
	in, err = parseInput(object["input"])
	return ref, in, err
}

func parseInput(v any) (in moderation.Input, err error) {
	bad := fault.New(fault.Invalid, "input must be a text or a list of {role, content}").WithField("input")
	if text, ok := v.(string); ok {
		in.Messages = []prompt.Message{{Role: "user", Content: text}}
		return in, nil
	}
	list, ok := v.([]any)
	if !ok {
		return in, bad
	}
	for _, item := range list {
		m, ok := item.(map[string]any)
		role, okRole := m["role"].(string)
		content, okContent := m["content"].(string)
		if !ok || !okRole || !okContent || len(m) != 2 {
			return moderation.Input{}, bad
		}
		in.Messages = append(in.Messages, prompt.Message{Role: role, Content: content})
	}
	return in, nil
}
