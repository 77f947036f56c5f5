package bench

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatEachAPIIsAsked(t *testing.T) {
	guard := Prompt{Prefix: "P:", Suffix: "\nS\n", LeadIn: "Safety:"}
	for api, c := range map[API]struct{ path, want string }{
		Moderations:       {"/api/v1/moderations", `{"model":"m","input":"a \"b\""}`},
		OpenAIModerations: {"/v1/moderations", `{"model":"m","input":"a \"b\""}`},
		Completions:       {"/v1/completions", `{"model":"m","prompt":"P:a \"b\"\nS\nSafety:","max_tokens":12,"temperature":0,"stream":false}`},
		Chat:              {"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"a \"b\""}],"max_tokens":12,"temperature":0,"stream":false}`},
		Ollama:            {"/api/generate", `{"model":"m","prompt":"P:a \"b\"\nS\nSafety:","raw":true,"stream":false,"options":{"num_predict":12,"temperature":0}}`},
	} {
		d, err := newDialect(Options{API: api, Model: "m", Prompt: guard, MaxTok: 12})
		require.NoError(t, err)
		body, err := d.body(nil, `a "b"`)
		require.NoError(t, err)
		require.JSONEq(t, c.want, string(body), api)
		require.Equal(t, c.path, d.path)
	}
	d, err := newDialect(Options{API: Moderations})
	require.NoError(t, err)
	body, err := d.body(nil, "a")
	require.NoError(t, err)
	require.JSONEq(t, `{"input":"a"}`, string(body))
}

func TestExtraMembersJoinTheRequest(t *testing.T) {
	d, err := newDialect(Options{API: Ollama, Model: "m", MaxTok: 3, Extra: `{"keep_alive":-1,"options":{"num_thread":2,"temperature":1},"prompt":"not this"}`})
	require.NoError(t, err)
	body, err := d.body(nil, "text")
	require.NoError(t, err)
	require.JSONEq(t, `{"model":"m","prompt":"text","raw":true,"stream":false,"keep_alive":-1,"options":{"num_predict":3,"num_thread":2,"temperature":1}}`, string(body))
	var twice map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &twice))
}

func TestWhatEachAPIAnswers(t *testing.T) {
	for _, c := range []struct {
		api  API
		body string
		want answer
	}{
		{Moderations, oneVerdict, answer{label: safe, timed: true, modelMS: 2, queueMS: 0.5, prompt: 57}},
		{Moderations, `{"severity":"Unsafe","cached":true,"timings":{}}`, answer{label: unsafe, cached: true, timed: true}},
		{OpenAIModerations, `{"results":[{"flagged":false,"x_guardhouse":` + oneVerdict + `}]}`, answer{label: safe, timed: true, modelMS: 2, queueMS: 0.5, prompt: 57}},
		{OpenAIModerations, `{"results":[{"flagged":true}]}`, answer{label: unsafe}},
		{
			Completions, `{"choices":[{"text":"Safety: Controversial\nCategories: None"}],"usage":{"prompt_tokens":352,"completion_tokens":9},"timings":{"prompt_ms":3.5,"predicted_ms":1.5}}`,
			answer{label: controversial, timed: true, modelMS: 5, prompt: 352, answer: 9},
		},
		{Completions, `{"choices":[{"text":" Safe"}]}`, answer{label: safe}},
		{Completions, `{"choices":[{"text":"Sure! Here is"}]}`, answer{label: unreadable}},
		{Chat, `{"choices":[{"message":{"content":"Safety: Unsafe\nCategories: Violent"}}],"usage":{"prompt_tokens":7}}`, answer{label: unsafe, prompt: 7}},
		{
			Ollama, `{"response":"Safety: Safe\n","done":true,"total_duration":10000000,"load_duration":1000000,"prompt_eval_duration":4000000,"eval_duration":2000000,"prompt_eval_count":57,"eval_count":9}`,
			answer{label: safe, timed: true, modelMS: 6, queueMS: 3, prompt: 57, answer: 9},
		},
	} {
		d, err := newDialect(Options{API: c.api})
		require.NoError(t, err)
		var got answer
		require.NoError(t, d.read([]byte(c.body), &got), c.body)
		require.Equal(t, c.want, got, c.body)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for api, bodies := range map[API][]string{
		Moderations:       {``, `null`, `[]`, `{}`, `{"severity":7}`, `{"severity":"Perhaps"}`},
		OpenAIModerations: {`{}`, `{"results":[]}`, `{"results":[{}]}`, `{"results":[{"flagged":true},{"flagged":true}]}`},
		Completions:       {`{}`, `{"choices":[]}`, `{"choices":[{}]}`, `{"choices":[{"text":null}]}`},
		Chat:              {`{"choices":[{"message":{}}]}`},
		Ollama:            {`{}`, `{"response":"x","done":false}`},
	} {
		d, err := newDialect(Options{API: api})
		require.NoError(t, err)
		for _, body := range bodies {
			var got answer
			var none *unusableError
			require.ErrorAs(t, d.read([]byte(body), &got), &none, "%s %s", api, body)
		}
	}
}
