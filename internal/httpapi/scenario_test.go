package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// scenario is one request and what must and must not come back.
type scenario struct {
	name string
	call
	status int
	has    []string
	hasNot []string
	rows   []string // "action decision reason" of the rows it leaves, in order
}

func (b *bench) run(t *testing.T, list []scenario) {
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			var body string
			rows := b.newRows(func() {
				w := b.do(s.call)
				body = w.Body.String()
				require.Equal(t, s.status, w.Code, body)
				require.Regexp(t, `^req_[0-9A-Z]{26}$`, w.Header().Get("X-Request-Id"))
			})
			for _, want := range s.has {
				require.Contains(t, body, want)
			}
			for _, never := range append([]string{"SQL", "goroutine", "/internal/", "0x", ".go:"}, s.hasNot...) {
				require.NotContains(t, body, never)
			}
			got := []string{}
			for _, r := range rows {
				got = append(got, r.Action+" "+r.Decision+" "+r.Reason)
			}
			if s.rows == nil {
				s.rows = []string{}
			}
			require.Equal(t, s.rows, got)
		})
	}
}

func TestScenarios(t *testing.T) {
	b := newBench(t)
	allowed := []string{"moderation.run allow "}
	b.run(t, []scenario{
		{name: "health", call: call{method: "GET", path: "/healthz"}, status: 200, has: []string{`"ok"`}},
		{name: "ready", call: call{method: "GET", path: "/readyz"}, status: 200, has: []string{`"ready"`}},
		{
			name: "setup state", call: call{method: "GET", path: "/api/v1/setup"}, status: 200,
			has: []string{`"required":false`, `"server_name":"ward-server"`, `"certificate_sha256":null`},
		},
		{
			name: "setup is over", call: call{method: "POST", path: "/api/v1/setup", body: `{"token":"x","username":"eve","password":"` + password + `"}`}, status: 404,
			has: []string{`"code":"not_found"`},
		},
		{
			name: "verdict", call: call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":"How do I bake bread?"}`}, status: 200,
			has: []string{`"severity":"Safe"`, `"action":"allow"`, `"refusal":null`, `"id":"guard-nano"`, `"cached":false`}, rows: allowed,
		},
		{
			name: "unsafe", call: call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":"zzviolent"}`}, status: 200,
			has: []string{`"severity":"Unsafe"`, `"flagged":true`, `"action":"block"`, `"Violent"`}, hasNot: []string{"zzviolent"}, rows: allowed,
		},
		{
			name: "loose", call: call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":"zzlie","policy":"loose"}`}, status: 200,
			has: []string{`"severity":"Controversial"`, `"flagged":false`, `"mode":"loose"`}, rows: allowed,
		},
		{
			name: "conversation", call: call{
				method: "POST", path: "/api/v1/moderations", as: "rita",
				body: `{"input":[{"role":"user","content":"hello"},{"role":"assistant","content":"zzreply"}]}`,
			}, status: 200,
			has: []string{`"refusal":false`}, rows: allowed,
		},
		{
			name: "others' history", call: call{method: "GET", path: "/api/v1/moderations?scope=all", as: "rita"}, status: 403,
			has: []string{`"code":"forbidden"`}, rows: []string{"moderation.read_all deny role"},
		},
		{
			name: "administration that cannot be read", call: call{method: "POST", path: "/api/v1/users", as: "alice", body: `{"username":"x"}`}, status: 400,
			has: []string{`"code":"invalid"`}, rows: []string{"user.manage error invalid"},
		},
		{
			name: "article's alias", call: call{method: "POST", path: "/api/audit", as: "rita", body: `{"text":"hello"}`}, status: 200,
			has: []string{`"severity":"Safe"`}, rows: allowed,
		},
		{
			name: "openai", call: call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"model":"omni-moderation-latest","input":["hello","zzviolent"]}`}, status: 200,
			has: []string{`"results":[`, `"violence":true`, `"x_guardhouse":{`}, rows: allowed,
		},
		{
			name: "unknown model", call: call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":"x","model":"nope"}`}, status: 404,
			has: []string{"There is no such model."}, hasNot: []string{"nope"}, rows: []string{"moderation.run deny unknown_model"},
		},
		{
			name: "role without the action", call: call{method: "POST", path: "/api/v1/moderations", as: "nora", body: `{"input":"x"}`}, status: 403,
			has: []string{`"code":"forbidden"`}, rows: []string{"moderation.run deny role"},
		},
		{
			name: "role, openai shape", call: call{method: "POST", path: "/v1/moderations", as: "nora", body: `{"input":"x"}`}, status: 403,
			has: []string{`{"error":{"code":"forbidden"`, `"type":"permission_error"`}, rows: []string{"moderation.run deny role"},
		},
		{
			name: "no credential", call: call{method: "POST", path: "/v1/moderations", body: `{"input":"x"}`}, status: 401,
			has: []string{`"code":"unauthenticated"`}, rows: []string{"moderation.run deny unauthenticated"},
		},
		{
			name: "blank", call: call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":" \n"}`}, status: 400,
			has: []string{`"field":"input"`}, rows: []string{"moderation.run error invalid"},
		},
		{
			name: "invalid body leaves a row", call: call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":1}`}, status: 400,
			has: []string{`"field":"input"`}, rows: []string{"moderation.run error invalid"},
		},
		{
			name: "image part", call: call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":[{"type":"image_url","image_url":{"url":"x"}}]}`}, status: 400,
			has: []string{`"param":"input[0]`}, rows: []string{"moderation.run error invalid"},
		},
		{
			name: "me", call: call{method: "GET", path: "/api/v1/auth/me", as: "rita"}, status: 200,
			has: []string{`"username":"rita"`, `"moderation.run"`, `"key_id":"key_`}, hasNot: []string{"user.manage", `"password`, password, "hash"},
		},
		{
			name: "models", call: call{method: "GET", path: "/api/v1/models", as: "nora"}, status: 200,
			has: []string{`"id":"guard-nano"`, `"default":true`, `"next_cursor":null`}, hasNot: []string{"/proc", "gguf\""},
		},
		{name: "openai models", call: call{method: "GET", path: "/v1/models", as: "nora"}, status: 200, has: []string{`"object":"list"`, `"object":"model"`}},
		{name: "openai model", call: call{method: "GET", path: "/v1/models/guard-nano", as: "nora"}, status: 200, has: []string{`"owned_by":"guardhouse"`}},
		{name: "openai model, unknown", call: call{method: "GET", path: "/v1/models/other", as: "nora"}, status: 404, has: []string{"There is no such model."}},
		{name: "users", call: call{method: "GET", path: "/api/v1/users?limit=2", as: "alice"}, status: 200, has: []string{`"next_cursor":"`}, hasNot: []string{"hash", "argon2"}},
		{name: "users alias", call: call{method: "GET", path: "/users", as: "alice"}, status: 200, has: []string{`"username":"nora"`}},
		{name: "users by a reviewer", call: call{method: "GET", path: "/users", as: "rita"}, status: 403, rows: []string{"user.manage deny role"}},
		{name: "audit by a reviewer", call: call{method: "GET", path: "/api/v1/audit/events", as: "rita"}, status: 403, rows: []string{"audit.read deny role"}},
		{name: "audit", call: call{method: "GET", path: "/api/v1/audit/events?limit=500&decision=deny", as: "alice"}, status: 200, has: []string{`"decision":"deny"`}, hasNot: []string{`"decision":"allow"`}},
		{name: "audit chain", call: call{method: "GET", path: "/api/v1/audit/chain", as: "alice"}, status: 200, has: []string{`"verified":null`}},
		{name: "audit verify", call: call{method: "POST", path: "/api/v1/audit/verify", as: "alice"}, status: 200, has: []string{`"finding":""`}},
		{name: "audit chain after", call: call{method: "GET", path: "/api/v1/audit/chain", as: "alice"}, status: 200, has: []string{`"verified":{`}},
		{name: "unknown event", call: call{method: "GET", path: "/api/v1/audit/events/evt_none", as: "alice"}, status: 404, has: []string{`"code":"not_found"`}},
		{name: "not built", call: call{method: "POST", path: "/v1/images/generations", as: "alice"}, status: 404, has: []string{`"code":"not_available"`}},
		{name: "not built, nobody", call: call{method: "POST", path: "/v1/images/generations", body: `{}`}, status: 401},
		{name: "wrong method", call: call{method: "PUT", path: "/api/v1/models", as: "alice"}, status: 405, has: []string{`"code":"method_not_allowed"`}},
		{name: "nothing there", call: call{method: "GET", path: "/api/v2/models", as: "alice"}, status: 404, has: []string{`"code":"not_found"`}},
		{name: "unknown parameter", call: call{method: "GET", path: "/api/v1/users?sort=name", as: "alice"}, status: 400, has: []string{"There is no parameter sort here."}},
		{name: "parameter twice", call: call{method: "GET", path: "/api/v1/users?limit=1&limit=2", as: "alice"}, status: 400, has: []string{"more than once"}},
		{name: "limit out of range", call: call{method: "GET", path: "/api/v1/users?limit=201", as: "alice"}, status: 400, has: []string{"at most 200"}},
		{name: "limit no number", call: call{method: "GET", path: "/api/v1/users?limit=1e2", as: "alice"}, status: 400, has: []string{"whole number"}},
		{name: "foreign cursor", call: call{method: "GET", path: "/api/v1/moderations?cursor=xyz", as: "rita"}, status: 400, has: []string{`"field":"cursor"`}},
		{name: "bad flag", call: call{method: "GET", path: "/api/v1/moderations?flagged=yes", as: "rita"}, status: 400, has: []string{"true or false"}},
		{name: "bad time", call: call{method: "GET", path: "/api/v1/moderations?from=yesterday", as: "rita"}, status: 400, has: []string{"RFC 3339"}},
	})
}

func TestHistoryIsOnesOwn(t *testing.T) { // threat Z3
	b := newBench(t)
	w := b.do(call{method: "POST", path: "/api/v1/moderations", as: "rita", body: `{"input":"hello"}`})
	require.Equal(t, http.StatusOK, w.Code)
	id := field(t, w.Body.Bytes(), "id")
	path := "/api/v1/moderations/" + id
	require.Contains(t, b.do(call{method: "GET", path: path, as: "rita"}).Body.String(), id)
	require.Contains(t, b.do(call{method: "GET", path: path, as: "alice"}).Body.String(), id)
	foreign := b.do(call{method: "GET", path: path, as: "rob"})
	unknown := b.do(call{method: "GET", path: "/api/v1/moderations/mod_01JD0000000000000000000000", as: "rob"})
	require.Equal(t, http.StatusNotFound, foreign.Code)
	require.Equal(t, withoutRequestID(t, unknown.Body.Bytes()), withoutRequestID(t, foreign.Body.Bytes()))
	require.NotContains(t, b.do(call{method: "GET", path: "/api/v1/moderations", as: "rob"}).Body.String(), id)
}
