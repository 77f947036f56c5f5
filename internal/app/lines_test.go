package app

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

func TestParseLine(t *testing.T) {
	user := func(s string) []prompt.Message { return []prompt.Message{{Role: "user", Content: s}} }
	good := map[string]struct {
		line string
		ref  any
		want []prompt.Message
	}{
		"text":         {`{"input":"hello"}`, nil, user("hello")},
		"text and id":  {`{"id":"a1","input":"hello"}`, "a1", user("hello")},
		"number id":    {`{"id":12345678901234567890,"input":"x"}`, json.Number("12345678901234567890"), user("x")},
		"null id":      {`{"id":null,"input":"x"}`, nil, user("x")},
		"empty text":   {`{"input":""}`, nil, user("")},
		"NUL":          {`{"input":"a\u0000b"}`, nil, user("a\x00b")},
		"conversation": {` {"input":[{"role":"user","content":"q"},{"content":"a","role":"assistant"}]} `, nil, []prompt.Message{{Role: "user", Content: "q"}, {Role: "assistant", Content: "a"}}},
		"no message":   {`{"input":[]}`, nil, nil},
	}
	for name, c := range good {
		t.Run(name, func(t *testing.T) {
			ref, in, err := ParseLine([]byte(c.line))
			require.NoError(t, err)
			require.Equal(t, c.ref, ref)
			require.Equal(t, c.want, in.Messages)
		})
	}
	bad := map[string]string{
		"empty": "", "blank": " ", "no JSON": "hello", "null": "null", "list": "[]", "text": `"x"`, "cut": `{"input":"x"`,
		"cut value": `{"input":`, "trailing": `{"input":"x"} {}`, "trailing word": `{"input":"x"}x`, "no input": `{}`,
		"null input": `{"input":null}`, "number input": `{"input":1}`, "object input": `{"input":{"role":"user","content":"x"}}`,
		"unknown member": `{"input":"x","policy":"loose"}`, "case": `{"Input":"x"}`, "twice": `{"input":"x","input":"y"}`,
		"escaped twice": `{"input":"x","\u0069nput":"y"}`, "twice inside": `{"input":[{"role":"user","role":"assistant","content":"x"}]}`,
		"unknown inside": `{"input":[{"role":"user","content":"x","name":"y"}]}`, "no content": `{"input":[{"role":"user"}]}`,
		"null content": `{"input":[{"role":"user","content":null}]}`, "list content": `{"input":[{"role":"user","content":["x"]}]}`,
		"null message": `{"input":[null]}`, "text message": `{"input":["x"]}`, "object id": `{"id":{},"input":"x"}`, "true id": `{"id":true,"input":"x"}`,
		"deep": `{"input":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, "invalid UTF-8": "{\"input\":\"a\xff\"}",
	}
	for name, line := range bad {
		t.Run(name, func(t *testing.T) {
			_, _, err := ParseLine([]byte(line))
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.NotContains(t, fault.From(err).Message, "hello", "no content in a message")
		})
	}
	ref, _, err := ParseLine([]byte(`{"id":"a7","input":5}`))
	require.Error(t, err)
	require.Equal(t, "a7", ref, "the error can be matched to its line")
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{`{"id":1,"input":"x"}`, `{"input":[{"role":"user","content":"x"}]}`, `{"input":"\ud800"}`, `{}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		_, in, err := ParseLine(line)
		if err != nil {
			if fault.CodeOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		again, err := json.Marshal(map[string]any{"input": listOf(in)})
		if err != nil {
			t.Fatal(err)
		}
		if _, second, err := ParseLine(again); err != nil || len(second.Messages) != len(in.Messages) {
			t.Fatalf("%q reads as %q: %v", line, again, err)
		}
	})
}

func listOf(in moderation.Input) []map[string]string {
	out := []map[string]string{}
	for _, m := range in.Messages {
		out = append(out, map[string]string{"role": m.Role, "content": m.Content})
	}
	return out
}
