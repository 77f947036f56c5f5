package httpapi_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/rule"
	"guardhouse/models"
)

const completions = "/v1/chat/completions"

// talk is a valid body with more members.
func talk(text, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"model":"guard-nano","messages":[{"role":"user","content":"` + text + `"}]` + more + `}`
}

// TestChatScenarios: what is taken, what is refused, and the row of each.
func TestChatScenarios(t *testing.T) {
	b := newBench(t)
	post := func(name, body string, status int, rows string, has ...string) scenario {
		return scenario{name: name, call: call{method: "POST", path: completions, as: "rita", body: body}, status: status, has: has, rows: []string{"chat.run " + rows}}
	}
	list := []scenario{
		post("a guard's own text", talk("zzviolent", ""), 200, "allow ", `"object":"chat.completion"`, `"content":"Safety: Unsafe\nCategories: Violent, Suicide \u0026 Self-Harm"`, `"finish_reason":"stop"`,
			`"refusal":null`, `"logprobs":null`, `"id":"chatcmpl-`, `"model":"guard-nano"`, `"x_guardhouse":{"audit_hash":"`, `"request_id":"req_`, `"build":"test"`, `"system_fingerprint":"fp_`),
		post("parts", `{"model":"guard-nano","messages":[{"role":"user","content":[{"type":"text","text":"zz"},{"type":"text","text":"violent"}]}]}`, 200, "allow ", "Safety: Safe"),
		post("an answer is judged", `{"model":"guard-nano","messages":[{"role":"developer","content":"be kind"},{"role":"user","content":"hello","name":"rita"},{"role":"assistant","content":"zzreply","refusal":null,"tool_calls":null,"audio":null,"annotations":[]}]}`, 200, "allow ", "Refusal: No"),
		post("cut", talk("hello", `"max_completion_tokens":1`), 200, "allow ", `"finish_reason":"length"`, `"completion_tokens":1`),
		post("older name", talk("hello", `"max_tokens":1`), 200, "allow ", `"finish_reason":"length"`),
		post("stopped", talk("hello", `"stop":"\nCat"`), 200, "allow ", `"content":"Safety: Safe"`),
		post("tokens", talk("hello", `"logprobs":true,"top_logprobs":2,"max_tokens":1`), 200, "allow ", `"top_logprobs":[{`, `"bytes":[`),
		post("everything that is not looked at", talk("hello", `"user":"u","safety_identifier":"s","metadata":{"a":"b"},"prompt_cache_key":"k","prompt_cache_retention":"24h","service_tier":"auto","prediction":{"type":"content","content":"x"},"parallel_tool_calls":true,"store":false`), 200, "allow "),
		post("numbers at their bounds", talk("hello", `"temperature":2,"top_p":1,"top_k":1,"min_p":1,"presence_penalty":-2,"frequency_penalty":2,"logit_bias":{"1":-100,"2":100},"seed":-9223372036854775808,"n":1,"response_format":{"type":"text"},"modalities":["text"]`), 200, "allow "),
		post("nulls", talk("hello", `"temperature":null,"top_p":null,"stop":null,"max_tokens":null,"stream":null,"stream_options":null,"logit_bias":null,"seed":null,"n":null,"response_format":null,"tools":null,"tool_choice":null,"functions":null,"function_call":null,"audio":null,"web_search_options":null,"reasoning_effort":null,"verbosity":null`), 200, "allow "),
		post("unknown model", strings.Replace(talk("hello", ""), "guard-nano", "nope", 1), 404, "deny unknown_model", "There is no such model."),
	}
	for name, c := range map[string]struct{ body, param string }{
		"no model":           {`{"messages":[{"role":"user","content":"x"}]}`, "model"},
		"no messages":        {`{"model":"guard-nano"}`, "messages"},
		"empty messages":     {`{"model":"guard-nano","messages":[]}`, "messages"},
		"a tool's message":   {`{"model":"guard-nano","messages":[{"role":"tool","content":"x"}]}`, "messages[0].role"},
		"no content":         {`{"model":"guard-nano","messages":[{"role":"assistant","content":null}]}`, "messages[0].content"},
		"tool calls":         {`{"model":"guard-nano","messages":[{"role":"assistant","content":"x","tool_calls":[{}]}]}`, "messages[0].tool_calls"},
		"an image":           {`{"model":"guard-nano","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`, "messages[0].content[0].image_url"},
		"a sound":            {`{"model":"guard-nano","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}`, "messages[0].content[0].input_audio"},
		"a file":             {`{"model":"guard-nano","messages":[{"role":"user","content":[{"type":"file","file":{}}]}]}`, "messages[0].content[0].file"},
		"a system in middle": {`{"model":"guard-nano","messages":[{"role":"user","content":"x"},{"role":"system","content":"x"},{"role":"user","content":"x"}]}`, "messages"},
		"tools":              {talk("x", `"tools":[]`), "tools"},
		"a tool choice":      {talk("x", `"tool_choice":"auto"`), "tool_choice"},
		"functions":          {talk("x", `"functions":[]`), "functions"},
		"audio":              {talk("x", `"audio":{}`), "audio"},
		"modalities":         {talk("x", `"modalities":["audio"]`), "modalities[0]"},
		"json":               {talk("x", `"response_format":{"type":"json_object"}`), "response_format.json_object"},
		"a schema":           {talk("x", `"response_format":{"type":"json_schema","json_schema":{}}`), "response_format.json_schema"},
		"kept":               {talk("x", `"store":true`), "store"},
		"effort":             {talk("x", `"reasoning_effort":"low"`), "reasoning_effort"},
		"searched":           {talk("x", `"web_search_options":{}`), "web_search_options"},
		"two answers":        {talk("x", `"n":2`), "n"},
		"a billion answers":  {talk("x", `"n":1000000000`), "n"},
		"no tokens":          {talk("x", `"max_tokens":0`), "max_tokens"},
		"less than none":     {talk("x", `"max_tokens":-1`), "max_tokens"},
		"over the setting":   {talk("x", `"max_tokens":257`), "max_tokens"},
		"two maxima":         {talk("x", `"max_tokens":1,"max_completion_tokens":2`), "max_tokens"},
		"half a token":       {talk("x", `"max_tokens":1.5`), "max_tokens"},
		"hot":                {talk("x", `"temperature":2.1`), "temperature"},
		"top_p":              {talk("x", `"top_p":-0.1`), "top_p"},
		"presence":           {talk("x", `"presence_penalty":2.1`), "presence_penalty"},
		"a bias on a word":   {talk("x", `"logit_bias":{"hello":1}`), "logit_bias"},
		"a bias twice":       {talk("x", `"logit_bias":{"1":1,"01":2}`), "logit_bias"},
		"a bias of text":     {talk("x", `"logit_bias":{"1":"much"}`), "logit_bias"},
		"a bias too large":   {talk("x", `"logit_bias":{"1":101}`), "logit_bias"},
		"a bias on nothing":  {talk("x", `"logit_bias":{"-1":1}`), "logit_bias"},
		"a bias beyond":      {talk("x", `"logit_bias":{"99999999999":1}`), "logit_bias"},
		"five stops":         {talk("x", `"stop":["a","b","c","d","e"]`), "stop"},
		"an empty stop":      {talk("x", `"stop":[""]`), "stop[0]"},
		"a seed too large":   {talk("x", `"seed":9223372036854775808`), "seed"},
		"alternatives alone": {talk("x", `"top_logprobs":2`), "top_logprobs"},
		"21 alternatives":    {talk("x", `"logprobs":true,"top_logprobs":21`), "top_logprobs"},
		"options of nothing": {talk("x", `"stream_options":{"include_usage":true}`), "stream_options"},
		"an unknown field":   {talk("x", `"grammar":"root ::= x"`), "grammar"},
	} {
		list = append(list, post(name, c.body, 400, "error invalid", `"param":"`+c.param+`"`, `"code":"invalid"`))
	}
	for i := range list {
		if list[i].name == "a system in middle" {
			list[i].rows = []string{"chat.run error failed"} // the model's own template says so, behind the gate
		}
	}
	b.run(t, list)
	b.run(t, []scenario{
		{name: "a role without the action", call: call{method: "POST", path: completions, as: "nora", body: talk("x", "")}, status: 403, has: []string{`"permission_error"`}, rows: []string{"chat.run deny role"}},
		{name: "nobody", call: call{method: "POST", path: completions, body: talk("x", "")}, status: 401, has: []string{`"authentication_error"`}, rows: []string{"chat.run deny unauthenticated"}},
	})
	w := b.do(call{method: "POST", path: completions, as: "rita", body: `{"model":"guard-nano","messages":[{"role":"user","content":"` + strings.Repeat("word ", 5000) + `"}]}`})
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code, w.Body)
}

// dataOf answers the data of a stream's events and its comments.
func dataOf(t testing.TB, body string) (data, comments []string) {
	t.Helper()
	require.True(t, strings.HasSuffix(body, "\n\n"), body)
	for block := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		if comment, ok := strings.CutPrefix(block, ": "); ok {
			comments = append(comments, comment)
			continue
		}
		line, ok := strings.CutPrefix(block, "data: ")
		require.True(t, ok, block)
		require.NotContains(t, line, "\n")
		data = append(data, line)
	}
	return data, comments
}

// chunk is what a client makes of one event.
type chunk struct {
	ID, Object, Model string
	Choices           []struct {
		Delta struct {
			Role, Content *string
		}
		FinishReason *string `json:"finish_reason"`
	}
	Usage *struct {
		TotalTokens int `json:"total_tokens"`
	}
	XGuardhouse *struct {
		AuditID string `json:"audit_id"`
	} `json:"x_guardhouse"`
	Error *struct{ Code string }
}

func chunks(t testing.TB, data []string) []chunk {
	t.Helper()
	out := make([]chunk, len(data))
	for i, d := range data {
		require.NoError(t, json.Unmarshal([]byte(d), &out[i]), d)
	}
	return out
}

// TestChatStream: the role first, then the text, the reason, the usage where it was asked for, and the end; a row before and one
// behind, which the events name.
func TestChatStream(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct {
		more  string
		usage bool
	}{"plain": {`"stream":true`, false}, "with usage": {`"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":true}`, true}} {
		t.Run(name, func(t *testing.T) {
			var body string
			rows := b.newRows(func() {
				w := b.do(call{method: "POST", path: completions, as: "rita", body: talk("zzviolent", c.more)})
				require.Equal(t, http.StatusOK, w.Code, w.Body)
				require.Equal(t, "text/event-stream; charset=utf-8", w.Header().Get("Content-Type"))
				require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				body = w.Body.String()
			})
			data, _ := dataOf(t, body)
			require.Equal(t, "[DONE]", data[len(data)-1])
			all := chunks(t, data[:len(data)-1])
			require.Equal(t, "assistant", *all[0].Choices[0].Delta.Role)
			require.Len(t, rows, 2)
			require.Equal(t, rows[0].ID, all[0].XGuardhouse.AuditID)
			var text strings.Builder
			last := all[len(all)-1]
			if c.usage {
				require.Empty(t, last.Choices)
				require.Positive(t, last.Usage.TotalTokens)
				last = all[len(all)-2]
			}
			for _, one := range all {
				require.Equal(t, "chat.completion.chunk", one.Object)
				require.Equal(t, all[0].ID, one.ID)
				for _, choice := range one.Choices {
					if choice.Delta.Content != nil {
						text.WriteString(*choice.Delta.Content)
					}
				}
				require.Equal(t, c.usage && len(one.Choices) == 0, one.Usage != nil)
			}
			require.Equal(t, "Safety: Unsafe\nCategories: Violent, Suicide & Self-Harm", text.String())
			require.Equal(t, "stop", *last.Choices[0].FinishReason)
			require.Equal(t, rows[1].ID, last.XGuardhouse.AuditID)
			require.Equal(t, []string{"chat:" + all[0].ID, "infer", "chat:" + all[0].ID, ""}, []string{rows[0].Resource, rows[0].Operation, rows[1].Resource, rows[1].Operation})
		})
	}
	w := b.do(call{method: "POST", path: completions, as: "rita", body: strings.Replace(talk("x", `"stream":true`), "guard-nano", "nope", 1)})
	require.Equal(t, http.StatusNotFound, w.Code, "before the first byte it is an ordinary error")
	require.Contains(t, w.Body.String(), `"code":"not_found"`)
}

// asked opens a stream as a program does.
func (l *live) asked(ctx context.Context, body string) *http.Response {
	l.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.addr+completions, strings.NewReader(body))
	require.NoError(l.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+l.keys["rita"])
	w, err := l.client.Do(r)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = w.Body.Close() }) // it may be closed already
	return w
}

// free says that nobody is at a model any more.
func (b *bench) free() bool {
	for _, s := range b.scheduler.Status() {
		if s.Active > 0 {
			return false
		}
	}
	return b.engine.Running() == 0
}

// TestAReaderWhoLeavesAStream: the model stops and the row says that he left.
func TestAReaderWhoLeavesAStream(t *testing.T) {
	l := newLive(t, nil)
	release := l.engine.HoldAt(3)
	defer release()
	rows := l.newRows(func() {
		ctx, leave := context.WithCancel(t.Context())
		w := l.asked(ctx, talk("hello", `"stream":true`)) //nolint:bodyclose // it is closed behind the test
		line, err := bufio.NewReader(w.Body).ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, `"role":"assistant"`)
		leave()
		soon(t, l.free)
	})
	require.Len(t, rows, 2)
	require.Equal(t, []string{audit.Error, "canceled"}, []string{rows[1].Decision, rows[1].Reason})
}

// TestAStreamLetsItsBodyGo: a large request that is answered for long takes no room from others.
func TestAStreamLetsItsBodyGo(t *testing.T) {
	l := newLive(t, nil)
	release := l.engine.HoldAt(3)
	defer release()
	w := l.asked(t.Context(), talk("hello", `"stream":true`+strings.Repeat(" ", 64<<10))) //nolint:bodyclose // it is closed behind the test
	_, err := bufio.NewReader(w.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, 1, l.engine.Running(), "it goes on")
	require.Zero(t, l.server.BodyBytes())
}

// threat A4: a key that is revoked while it is answered; the stream says why it ends, and does not end as if it were whole.
func TestAKeyRevokedInMidStream(t *testing.T) {
	r, err := template()
	require.NoError(t, err)
	dir := copied(t, r)
	s, err := openGuarded(dir, newEngine(t), access.Options{Recheck: 10 * time.Millisecond})
	require.NoError(t, err)
	l := liveOver(t, newBenchOf(t, dir, r, s), nil)
	release := l.engine.HoldAt(3)
	defer release()
	rows := l.newRows(func() {
		w := l.asked(t.Context(), talk("hello", `"stream":true`)) //nolint:bodyclose // the same
		reader := bufio.NewReader(w.Body)
		first, err := reader.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, first, `"role":"assistant"`)
		require.NoError(t, l.db.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE api_keys SET revoked_at = 1 WHERE user_id = (SELECT id FROM users WHERE username = 'rita')`)
			return err
		}))
		rest, err := io.ReadAll(reader)
		require.NoError(t, err)
		data, _ := dataOf(t, strings.TrimLeft(string(rest), "\n"))
		last := chunks(t, data)[len(data)-1]
		require.Equal(t, "unauthenticated", last.Error.Code)
		require.NotContains(t, string(rest), "[DONE]")
	})
	require.Len(t, rows, 2)
	require.Equal(t, []any{audit.Error, "failed", "unauthenticated"}, []any{rows[1].Decision, rows[1].Reason, rows[1].Details["code"]})
	soon(t, l.free)
}

// threat K2: one limit over every way to use a model.
func TestALimitOverMixedWays(t *testing.T) {
	r, err := template()
	require.NoError(t, err)
	dir := copied(t, r)
	s, err := openGuarded(dir, newEngine(t), access.Options{Limits: access.Limits{Person: &rule.Rate{N: 5, Per: time.Hour, Spelling: "5/h"}}})
	require.NoError(t, err)
	b := newBenchOf(t, dir, r, s)
	ways := []call{
		{method: "POST", path: completions, body: talk("hello", "")},
		{method: "POST", path: completions, body: talk("hello", `"stream":true`)},
		{method: "POST", path: "/v1/models/guard-nano/infer", body: `{"input":"hello"}`},
		{method: "POST", path: "/v1/models/guard-nano/infer", body: `{"messages":[{"role":"user","content":"hello"}]}`},
		{method: "POST", path: "/v1/moderations", body: `{"input":"hello"}`},
		{method: "POST", path: completions, body: talk("hello", `"stream":true`)},
	}
	for i, c := range ways {
		c.as = "rita"
		w := b.do(c)
		want := http.StatusOK
		if i == len(ways)-1 {
			want = http.StatusTooManyRequests
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
		require.Equal(t, want, w.Code, "%d: %s", i, w.Body)
		require.NotEmpty(t, w.Header().Get("RateLimit"), "%d", i)
	}
}

// TestModelFile: the file as it was imported, for whom a rule gives it and for nobody else.
func TestModelFile(t *testing.T) {
	b := newBench(t)
	path := "/api/v1/models/guard-nano/file"
	rule := `{"id":"take","effect":"allow","principals":["role:reviewer"],"models":["guard-nano"],"operations":["download"]}`
	require.Equal(t, http.StatusForbidden, b.do(call{method: "GET", path: path, as: "rita"}).Code)
	b.confirm()
	made := b.do(call{method: "POST", path: "/api/v1/acl/rules", body: rule, header: merge(fromOwnPage(), map[string]string{"Cookie": b.cookie})})
	require.Equal(t, http.StatusCreated, made.Code, made.Body)
	rows := b.newRows(func() {
		w := b.do(call{method: "GET", path: path, as: "rita", header: map[string]string{"Range": "bytes=0-9"}})
		require.Equal(t, http.StatusOK, w.Code, "there are no ranges")
		require.Equal(t, fmt.Sprint(len(models.GuardNano)), w.Header().Get("Content-Length"))
		require.Equal(t, models.GuardNano, w.Body.Bytes())
		sum := fmt.Sprintf("%x", sha256.Sum256(models.GuardNano))
		require.Equal(t, `"`+sum+`"`, w.Header().Get("ETag"))
		require.Equal(t, `attachment; filename="guard-nano.gguf"`, w.Header().Get("Content-Disposition"))
	})
	require.Len(t, rows, 2)
	require.Equal(t, []string{"download", ""}, []string{rows[0].Operation, rows[1].Operation})
	for name, c := range map[string]struct {
		call
		status int
	}{
		"unknown":         {call{method: "GET", path: "/api/v1/models/nope/file", as: "rita"}, http.StatusNotFound},
		"no rule":         {call{method: "GET", path: path, as: "alice"}, http.StatusForbidden},
		"no role":         {call{method: "GET", path: path, as: "gus"}, http.StatusForbidden},
		"another's page":  {call{method: "GET", path: path, header: map[string]string{"Cookie": b.cookie, "Sec-Fetch-Site": "cross-site"}}, http.StatusForbidden},
		"another's model": {call{method: "GET", path: path, header: b.credentials()["narrow"]}, http.StatusNotFound},
	} {
		require.Equal(t, c.status, b.do(c.call).Code, name)
	}
}
