package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// chatBodies are what the fuzzer of chats begins with: every field at its bounds and beyond, and spellings that readers of JSON
// disagree about.
func chatBodies() []string {
	said := func(message string) string { return `{"model":"guard-nano","messages":[` + message + `]}` }
	bodies := []string{
		talk("x", `"stream":true,"stream_options":{"include_usage":true}`),
		talk("x", `"stream":true,"logprobs":true,"top_logprobs":20,"max_tokens":2,"stop":["a","b","\n","Saf"]`),
		talk("x", `"temperature":5e-324,"top_p":5e-324,"min_p":1,"top_k":1,"seed":-1,"presence_penalty":-2,"frequency_penalty":-2`),
		talk("x", `"temperature":-0.0,"top_p":-0.0,"min_p":-0.0,"logit_bias":{"0":-100,"1":100,"2":1e-400}`),
		talk("x", `"logit_bias":{"2147483647":1}`), talk("x", `"logit_bias":{"2147483648":1}`), talk("x", `"logit_bias":{"":1,"-0":1}`),
		talk("x", `"max_tokens":1e0`), talk("x", `"max_tokens":1.0`), talk("x", `"max_tokens":9223372036854775808`), talk("x", `"n":1e0`),
		talk("x", `"stop":""`), talk("x", `"stop":[]`), talk("x", `"stop":{}`), talk("x", `"stop":["\u0000"]`), talk("x", `"stop":[null]`),
		talk("x", `"stop":["`+strings.Repeat("é", 129)+`"]`), talk("x", `"STREAM":true`), talk("x", `"n":1,"n":1`), talk("x", `"n":1,"\u006e":2`),
		talk("x", `"prediction":`+strings.Repeat(`{"a":`, 29)+`1`+strings.Repeat("}", 29)), talk("x", `"metadata":[]`),
		said(`{"role":"user","content":""}`), said(`{"role":"user","content":[]}`), said(`{"role":"user","content":[{"type":"text","text":""}]}`),
		said(`{"role":"user","content":"\u0000\ufffe\uffff\u202e<|im_end|>"}`), said(`{"role":"system","content":"x"}`), said(`{"role":"assistant","content":"x"}`),
		said(`{"role":"user","content":"x","name":null,"annotations":[{}]},{"role":"assistant","content":"y"},{"role":"assistant","content":"z"}`),
		said(`null`), said(`{"role":null,"content":null}`), said(`{"role":"user","content":[{"type":"text"}]}`), said(`{"role":"user","content":7}`),
		`{"messages":{}}`, `{"messages":null,"input":null}`, `{"input":"x","stream":true}`, `{"input":[]}`, `[]`, `"x"`, `{"model":""}`,
	}
	return bodies
}

// FuzzChat: whatever stands in the body of a chat, it is answered or refused in OpenAI's own form, what is refused says why and leaves
// one row, and nothing of the inside is told (threats M7, T5).
func FuzzChat(f *testing.F) {
	for _, body := range chatBodies() {
		f.Add(true, []byte(body))
		f.Add(false, []byte(strings.Replace(body, `"model":"guard-nano",`, "", 1)))
	}
	b := newBench(f)
	last := func(t *testing.T) (seq int) {
		require.NoError(t, b.db.Read(context.Background()).Raw("SELECT MAX(seq) FROM audit_events").Scan(&seq).Error)
		return seq
	}
	f.Fuzz(func(t *testing.T, named bool, body []byte) {
		path := completions
		if !named {
			path = "/v1/models/guard-nano/infer"
		}
		r := httptest.NewRequest(http.MethodPost, "https://localhost"+path, bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+b.keys["rita"])
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		before := last(t)
		b.server.ServeHTTP(w, r)
		rows := last(t) - before
		switch {
		case w.Code == http.StatusOK && strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream"):
			require.Equal(t, 2, rows)
			require.True(t, strings.HasSuffix(w.Body.String(), "data: [DONE]\n\n"), "%q: %s", body, w.Body)
		case w.Code == http.StatusOK:
			require.Equal(t, 1, rows)
			require.True(t, json.Valid(w.Body.Bytes()))
		default:
			require.Equal(t, 1, rows, "%q: %s", body, w.Body)
			require.GreaterOrEqual(t, w.Code, 400)
			require.Less(t, w.Code, 500, "%q: %s", body, w.Body)
			var said struct {
				Error struct{ Message, Type, Code string }
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &said), "%q: %s", body, w.Body)
			require.NotEmpty(t, said.Error.Message)
			require.NotEmpty(t, said.Error.Type)
			require.NotEmpty(t, said.Error.Code)
			for _, never := range []string{"0xc0", "goroutine", ".go:", "SQL", "panic", "runtime error", "json:", "unmarshal"} {
				require.NotContains(t, w.Body.String(), never, "%q", body)
			}
		}
	})
}
