package httpapi_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
)

// neutralChat takes out what the embedded vocabulary decides beside what differs from run to run.
func neutralChat(body string) []byte {
	for _, r := range []struct{ find, put string }{
		{`"chatcmpl-[0-9A-Z]{26}"`, `"chatcmpl-X"`},
		{`"fp_[0-9a-f]{12}"`, `"fp_X"`},
		{`"(completion_tokens|total_tokens|cached_tokens)":\d+`, `"$1":1`},
		{`"(token|content)":"[^"]+"`, `"$1":"X"`},
		{`"bytes":\[[\d,]+\]`, `"bytes":[88]`},
	} {
		body = regexp.MustCompile(r.find).ReplaceAllString(body, r.put)
	}
	return []byte(body)
}

// TestChatAnswers: what a chat is answered with is what the document says, member by member, and what testdata holds.
func TestChatAnswers(t *testing.T) {
	b := newBench(t)
	const infer = "/v1/models/guard-nano/infer"
	for _, c := range []struct {
		name, op, path, body string
		status               int
	}{
		{"chat_completion", "openaiCreateChatCompletion", completions, talk("zzviolent", ""), 200},
		{"chat_completion_tokens", "openaiCreateChatCompletion", completions, talk("hello", `"logprobs":true,"top_logprobs":2,"max_tokens":1`), 200},
		{"chat_error", "openaiCreateChatCompletion", completions, talk("hello", `"n":2`), 400},
		{"infer_chat", "openaiInfer", infer, `{"messages":[{"role":"user","content":"zzviolent"}]}`, 200},
		{"infer_moderation", "openaiInfer", infer, `{"input":"zzviolent"}`, 200},
		{"infer_error", "openaiInfer", infer, `{"input":"x","messages":[]}`, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := b.do(call{method: "POST", path: c.path, as: "rita", body: c.body})
			require.Equal(t, c.status, w.Code, w.Body)
			matchesDocument(t, c.op, c.status, w.Header().Get("Content-Type"), w.Body.Bytes())
			golden(t, c.name, neutralChat(w.Body.String()))
		})
	}
}

// TestChatEvents: the same of a stream, each event by itself. How many pieces a text has is the vocabulary's to say, so that the
// first of them stands for all.
func TestChatEvents(t *testing.T) {
	b, schema := newBench(t), chunkSchema(t)
	for name, more := range map[string]string{
		"chat_stream":        `"stream":true`,
		"chat_stream_usage":  `"stream":true,"stream_options":{"include_usage":true}`,
		"chat_stream_tokens": `"stream":true,"logprobs":true,"top_logprobs":1,"max_tokens":1`,
	} {
		t.Run(name, func(t *testing.T) {
			w := b.do(call{method: "POST", path: completions, as: "rita", body: talk("zzviolent", more)})
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			data, _ := dataOf(t, w.Body.String())
			require.Equal(t, "[DONE]", data[len(data)-1])
			data = data[:len(data)-1]
			for _, event := range data {
				var v any
				require.NoError(t, json.Unmarshal([]byte(event), &v))
				require.NoError(t, schema.VisitJSON(v, openapi3.VisitAsResponse()), event)
			}
			ends := 1
			if strings.Contains(more, "include_usage") {
				ends = 2
			}
			golden(t, name, neutralChat("["+strings.Join(slices.Delete(data, 2, len(data)-ends), ",")+"]"))
		})
	}
}

// chunkSchema is what the document says of one event.
func chunkSchema(t *testing.T) *openapi3.Schema {
	t.Helper()
	for _, s := range operations(t) {
		if s.op.OperationID == "openaiCreateChatCompletion" {
			return s.op.Responses.Status(http.StatusOK).Value.Content.Get("text/event-stream").Schema.Value.OneOf[1].Value
		}
	}
	t.Fatal("there is no chat")
	return nil
}

// TestReproductionsThatProveLess: a text of many that no hash is of, and a model that is gone.
func TestReproductionsThatProveLess(t *testing.T) {
	b := newBench(t)
	w := b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":["hello","zzviolent"]}`})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var got struct {
		Results []struct {
			X struct{ ID string } `json:"x_guardhouse"`
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	again := func(name string) {
		w := b.do(call{method: "POST", path: moderations + "/" + got.Results[1].X.ID + "/reproduce", as: "rita", body: `{"input":"zzviolent"}`})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		matchesDocument(t, "reproduceModeration", http.StatusOK, w.Header().Get("Content-Type"), w.Body.Bytes())
		golden(t, name, w.Body.Bytes())
	}
	again("reproduction_of_many")
	require.NoError(t, b.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE models SET removed_at = 1, is_default = 0 WHERE id = 'guard-nano'`)
		return err
	}))
	_, err := b.catalog.Refresh(t.Context())
	require.NoError(t, err)
	again("reproduction_gone")
}
