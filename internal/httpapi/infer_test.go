package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
	"guardhouse/internal/db"
)

// TestInfer: the body says what is wanted, the address of which model.
func TestInfer(t *testing.T) {
	b := newBench(t)
	path := "/v1/models/guard-nano/infer"
	judged := []string{"moderation.run allow "}
	b.run(t, []scenario{
		{name: "judged", call: call{method: "POST", path: path, as: "rita", body: `{"input":["hello","zzviolent"]}`}, status: 200, has: []string{`"results":[`, `"violence":true`}, rows: judged},
		{name: "the same model", call: call{method: "POST", path: path, as: "rita", body: `{"model":"guard-nano","input":"hello"}`}, status: 200, rows: judged},
		{name: "answered", call: call{method: "POST", path: path, as: "rita", body: `{"messages":[{"role":"user","content":"hello"}]}`}, status: 200, has: []string{`"chat.completion"`, "Safety: Safe"}, rows: []string{"chat.run allow "}},
		{name: "streamed", call: call{method: "POST", path: path, as: "rita", body: `{"stream":true,"messages":[{"role":"user","content":"hello"}]}`}, status: 200, has: []string{`data: [DONE]`}, rows: []string{"chat.run allow ", "chat.run allow "}},
		{name: "another model", call: call{method: "POST", path: path, as: "rita", body: `{"model":"other","input":"hello"}`}, status: 400, has: []string{`"param":"model"`}, rows: []string{"moderation.run error invalid"}},
		{name: "both", call: call{method: "POST", path: path, as: "rita", body: `{"input":"hello","messages":[{"role":"user","content":"hello"}]}`}, status: 400, rows: []string{"moderation.run error invalid"}},
		{name: "neither", call: call{method: "POST", path: path, as: "rita", body: `{}`}, status: 400, has: []string{`"param":"input"`}, rows: []string{"moderation.run error invalid"}},
		{name: "wrong messages", call: call{method: "POST", path: path, as: "rita", body: `{"messages":[{"role":"tool","content":"x"}]}`}, status: 400, has: []string{`"param":"messages[0].role"`}, rows: []string{"chat.run error invalid"}},
		{name: "another model's answer", call: call{method: "POST", path: path, as: "rita", body: `{"model":"other","messages":[{"role":"user","content":"hello"}]}`}, status: 400, has: []string{`"param":"model"`}, rows: []string{"chat.run error invalid"}},
		{name: "messages twice", call: call{method: "POST", path: path, as: "rita", body: `{"messages":[],"messages":[]}`}, status: 400, rows: []string{"chat.run error invalid"}},
		{name: "wrong parameter", call: call{method: "POST", path: path + "?x=1", as: "rita", body: `{"messages":[]}`}, status: 400, rows: []string{"moderation.run error invalid"}},
		{name: "no JSON", call: call{method: "POST", path: path, as: "rita", body: `{"messages":`}, status: 400, rows: []string{"moderation.run error invalid"}},
		{name: "unknown model", call: call{method: "POST", path: "/v1/models/nope/infer", as: "rita", body: `{"input":"hello"}`}, status: 404, has: []string{"There is no such model."}, rows: []string{"moderation.run deny unknown_model"}},
		{name: "a role without either", call: call{method: "POST", path: path, as: "nora", body: `{"input":"hello"}`}, status: 403, rows: []string{"moderation.run deny role"}},
	})
	_, _, err := b.guard.PutRole(t.Context(), access.System("tester"), "talker", access.RoleChange{Actions: []access.Action{access.ChatRun}})
	require.NoError(t, err)
	_, err = b.auth.ChangeUser(t.Context(), access.System("tester"), b.idOf("rob"), auth.UserChange{Role: new("talker")})
	require.NoError(t, err)
	b.run(t, []scenario{
		{name: "may talk", call: call{method: "POST", path: path, as: "rob", body: `{"messages":[{"role":"user","content":"hello"}]}`}, status: 200, rows: []string{"chat.run allow "}},
		{name: "may not judge", call: call{method: "POST", path: path, as: "rob", body: `{"input":"hello"}`}, status: 403, rows: []string{"moderation.run deny role"}},
	})
}

// TestARowOfABrokenUseNamesItsAction: the body says what was meant, and where it says nothing, what the model is for.
func TestARowOfABrokenUseNamesItsAction(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO models (id, kind, origin, file, size_bytes, sha256, architecture, quantization, context_length, template_sha256, created_at)
			SELECT 'small-talk', 'chat', 'imported', 'x', 1, sha256, architecture, quantization, 512, '', 1 FROM models WHERE id = 'guard-nano'`)
		return err
	}))
	_, err := b.catalog.Refresh(t.Context())
	require.NoError(t, err)
	chats := "/v1/models/small-talk/infer"
	b.run(t, []scenario{
		{name: "neither, of a chat model", call: call{method: "POST", path: chats, as: "rita", body: `{}`}, status: 400, rows: []string{"chat.run error invalid"}},
		{name: "both, of a chat model", call: call{method: "POST", path: chats, as: "rita", body: `{"input":"hello","messages":[]}`}, status: 400, rows: []string{"chat.run error invalid"}},
		{name: "no JSON, of a chat model", call: call{method: "POST", path: chats, as: "rita", body: `[`}, status: 400, rows: []string{"chat.run error invalid"}},
		{name: "a wrong input, of a chat model", call: call{method: "POST", path: chats, as: "rita", body: `{"input":7}`}, status: 400, rows: []string{"moderation.run error invalid"}},
	})
}
