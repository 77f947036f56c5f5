package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata/*.json") //nolint:gochecknoglobals // the flag of the golden habit

// neutral takes out what differs from run to run.
func neutral(body []byte) []byte {
	for _, r := range []struct{ find, put string }{
		{`"(usr|ses|evt|mod|req|flt|grp|arq|arv)_[0-9A-Z]{26}"`, `"${1}_X"`},
		{`"key_[0-9a-z]{10}"`, `"key_X"`},
		{`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`, `"2026-11-21T09:00:00.000Z"`},
		{`"gh_[0-9A-Za-z]+"`, `"gh_X"`},
		{`"eyJ[^"]+"`, `"JWT"`},
		{`"(refresh_token)":"[^"]+"`, `"$1":"X"`},
		{`"(sha256|template_sha256|content_hash|prev_hash|hash|audit_hash|model_sha256)":"[0-9a-f]{64}"`, `"$1":"X"`},
		{`"(quantization)":"[A-Z0-9_]+"`, `"$1":"X"`}, // the embedded file's, whichever that is
		{`"([a-z]+_ms|prompt_tokens|passes|created|size_bytes|seq|audit_seq)":[0-9.e-]+`, `"$1":1`},
		{`"(user|key|session|moderation):[0-9A-Za-z_]+"`, `"$1:X"`},
		{`"(fingerprint)":"[^"]+"`, `"$1":"X"`},
		{`("compute_seconds"|"unit":"compute_seconds","used"):[0-9.]+`, `$1:0`},
		{`("tokens"|"unit":"tokens","used"):[0-9]+`, `$1:1`},       // the embedded file's vocabulary counts them
		{`"days":\[(?:\{[^{}]*\},)+(\{[^{}]*\})\]`, `"days":[$1]`}, // the last of many
		{`"(day)":"\d{4}-\d\d-\d\d"`, `"$1":"2026-11-21"`},
		{`"next_cursor":"[^"]+"`, `"next_cursor":"X"`},
	} {
		body = regexp.MustCompile(r.find).ReplaceAll(body, []byte(r.put))
	}
	return body
}

// golden holds a body against testdata: a change there is a change of the contract.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, neutral(bytes.TrimSpace(body)), "", "  "))
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, pretty.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), pretty.String())
}

// TestAnswers: every kind of answer is what the document says, member by member, and what testdata holds.
func TestAnswers(t *testing.T) {
	b := newBench(t)
	verdict := b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"zzviolent"}`})
	mod := field(t, verdict.Body.Bytes(), "id")
	event := b.rows()[len(b.rows())-1]
	bearer := map[string]string{"Authorization": b.bearer}
	for _, c := range []struct {
		name, op string
		status   int
		call
	}{
		{"health", "getHealth", 200, call{method: "GET", path: "/healthz"}},
		{"setup_state", "getSetup", 200, call{method: "GET", path: "/api/v1/setup"}},
		{"sign_in", "login", 200, call{method: "POST", path: "/api/v1/auth/login", body: signIn("rita"), header: fromOwnPage()}},
		{"sign_in_alias", "loginAlias", 200, call{method: "POST", path: "/login", body: signIn("rita")}},
		{"me", "getMe", 200, call{method: "GET", path: "/api/v1/auth/me", header: bearer}},
		{"user", "createUser", 201, call{method: "POST", path: "/api/v1/users", as: "alice", body: `{"username":"meter","kind":"service","role":"reviewer","display_name":"Meter","language":"zh-CN"}`}},
		{"created_key", "createKey", 201, call{method: "POST", path: "/api/v1/keys", header: bearer, body: `{"label":"tablets","models":["guard-nano"],"operations":["infer"],"valid_until":"2099-01-01T00:00:00Z"}`}},
		{"keys", "listKeys", 200, call{method: "GET", path: "/api/v1/keys?limit=1", header: bearer}},
		{"verdict", "createModeration", 200, call{method: "POST", path: moderations, as: "rita", body: `{"input":"zzviolent","policy":"strict"}`}},
		{"history_row", "getModeration", 200, call{method: "GET", path: moderations + "/" + mod, as: "rita"}},
		{"reproduction", "reproduceModeration", 200, call{method: "POST", path: moderations + "/" + mod + "/reproduce", as: "rita", body: `{"input":"zzviolent"}`}},
		{"reproduction_other", "reproduceModeration", 200, call{method: "POST", path: moderations + "/" + mod + "/reproduce", as: "rita", body: `{"input":[{"role":"user","content":"zzharmless"}]}`}},
		{"models", "listModels", 200, call{method: "GET", path: "/api/v1/models", as: "rita"}},
		{"model", "getModel", 200, call{method: "GET", path: "/api/v1/models/guard-nano", as: "alice"}},
		{"audit_event", "getAuditEvent", 200, call{method: "GET", path: "/api/v1/audit/events/" + event.ID, as: "alice"}},
		{"openai_moderation", "openaiCreateModeration", 200, call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"model":"omni-moderation-latest","input":"zzviolent"}`}},
		{"openai_models", "openaiListModels", 200, call{method: "GET", path: "/v1/models", as: "rita"}},
		{"user_page", "listUsers", 200, call{method: "GET", path: "/api/v1/users?q=meter", as: "alice"}},
		{"sessions", "listSessions", 200, call{method: "GET", path: "/api/v1/sessions?limit=1", header: merge(bearer, map[string]string{"User-Agent": "python-requests/2.32"})}},
		{"permissions", "getUserPermissions", 200, call{method: "GET", path: "/api/v1/users/" + b.idOf("rita") + "/permissions", as: "rita"}},
		{"role", "getRole", 200, call{method: "GET", path: "/api/v1/roles/auditor", as: "alice"}},
		{"saved_filter", "saveFilter", 201, call{method: "POST", path: "/api/v1/filters", as: "alice", body: `{"page":"audit","name":"Refusals","query":"range=7d&decision=deny"}`}},
		{"saved_filters", "listFilters", 200, call{method: "GET", path: "/api/v1/filters?page=audit", as: "alice"}},
		{"stale", "putRole", 412, call{method: "PUT", path: "/api/v1/roles/auditor", as: "alice", body: `{"actions":[]}`, header: ifMatch(`"v9"`)}},
		{"problem", "createModeration", 400, call{method: "POST", path: moderations, as: "rita", body: `{"input":1}`}},
		{"openai_error", "openaiCreateModeration", 404, call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":"x","model":"nope"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := b.do(c.call)
			require.Equal(t, c.status, w.Code, w.Body)
			matchesDocument(t, c.op, c.status, w.Header().Get("Content-Type"), w.Body.Bytes())
			golden(t, c.name, w.Body.Bytes())
			if c.status == http.StatusCreated {
				require.Equal(t, strings.SplitN(c.path, "?", 2)[0]+"/"+field(t, w.Body.Bytes(), "id"), w.Header().Get("Location"))
			}
		})
	}
	for op, path := range map[string]string{
		"getAuditVolume": "/api/v1/audit/volume?buckets=3&decision=allow", "getAuditNeighbours": "/api/v1/audit/events/" + event.ID + "/neighbours",
		"listUsers": "/api/v1/users", "listRoles": "/api/v1/roles", "listUserSessions": "/api/v1/users/" + b.idOf("rita") + "/sessions", "listModerations": moderations, "listAuditEvents": "/api/v1/audit/events?limit=500", "getAuditChain": "/api/v1/audit/chain",
	} {
		w := b.do(call{method: "GET", path: path, as: "alice"})
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		matchesDocument(t, op, 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	}
}

// matchesDocument holds an answer against the schema that the document names for it.
func matchesDocument(t *testing.T, id string, status int, contentType string, body []byte) {
	t.Helper()
	for _, s := range operations(t) {
		if s.op.OperationID != id {
			continue
		}
		answer := s.op.Responses.Status(status)
		if answer == nil {
			answer = s.op.Responses.Default()
		}
		content := answer.Value.Content.Get(contentType)
		require.NotNil(t, content, "%s answers %d as %s", id, status, contentType)
		var v any
		require.NoError(t, json.Unmarshal(body, &v))
		require.NoError(t, content.Schema.Value.VisitJSON(v, openapi3.VisitAsResponse()))
		return
	}
	t.Fatalf("no operation %s", id)
}

// TestOpenAIShape: 13 keys in each map, always; a score is the mass on controversial and unsafe where the category is
// named, else 0; what has no counterpart stands in x_guardhouse alone.
func TestOpenAIShape(t *testing.T) {
	b := newBench(t)
	w := b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":["hello","zzviolent","zzlie"]}`})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var got struct {
		ID, Model string
		Results   []struct {
			Flagged        bool
			Categories     map[string]bool
			CategoryScores map[string]float64  `json:"category_scores"`
			Types          map[string][]string `json:"category_applied_input_types"`
			X              struct {
				Scores    map[string]float64
				AuditHash string `json:"audit_hash"`
			} `json:"x_guardhouse"`
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "guard-nano", got.Model)
	require.Len(t, got.Results, 3)
	named := [][]string{{}, {"violence", "self-harm"}, {"harassment"}}
	for i, r := range got.Results {
		require.Len(t, r.Categories, 13)
		require.Len(t, r.CategoryScores, 13)
		require.Len(t, r.Types, 13)
		require.Equal(t, i > 0, r.Flagged)
		mass := r.X.Scores["controversial"] + r.X.Scores["unsafe"]
		for name, on := range r.Categories {
			want := 0.0
			if on {
				want = mass
			}
			require.InDelta(t, want, r.CategoryScores[name], 1e-12, name)
			require.Equal(t, []string{"text"}, r.Types[name])
		}
		for _, name := range named[i] {
			require.True(t, r.Categories[name], name)
		}
		require.NotEmpty(t, r.X.AuditHash)
	}
	parts := b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":[{"type":"text","text":"hello"},{"type":"text","text":"zzviolent"}]}`})
	require.Equal(t, http.StatusOK, parts.Code, parts.Body)
	require.Contains(t, parts.Body.String(), `"flagged":true`)
	require.Equal(t, http.StatusBadRequest, b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":["a",{"type":"text","text":"b"}]}`}).Code)
	require.Equal(t, http.StatusBadRequest, b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":["a",""]}`}).Code)
}

// threat K3: a repeated Idempotency-Key names the key and never shows its secret.
func TestIdempotencyKey(t *testing.T) {
	b := newBench(t)
	header := map[string]string{"Authorization": b.bearer, "Idempotency-Key": "once"}
	first := b.do(call{method: "POST", path: "/api/v1/keys", header: header, body: `{"label":"a"}`})
	require.Equal(t, http.StatusCreated, first.Code, first.Body)
	again := b.do(call{method: "POST", path: "/api/v1/keys", header: header, body: `{"label":"a"}`})
	require.Equal(t, http.StatusConflict, again.Code)
	require.Contains(t, again.Body.String(), field(t, first.Body.Bytes(), "id"))
	require.NotContains(t, again.Body.String(), "gh_")
	id := field(t, first.Body.Bytes(), "id")
	secret := map[string]string{"Authorization": "Bearer " + field(t, first.Body.Bytes(), "key")}
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/v1/models", header: secret}).Code)
	require.Equal(t, http.StatusNotFound, b.do(call{method: "DELETE", path: "/api/v1/keys/" + id, as: "rob"}).Code, "another person's key is unknown")
	require.Equal(t, http.StatusNoContent, b.do(call{method: "DELETE", path: "/api/v1/keys/" + id, header: header}).Code)
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: "/v1/models", header: secret}).Code)

	delete(header, "Idempotency-Key")
	for _, bad := range []string{`{"label":"x","ip_ranges":["10.0.0.1/8"]}`, `{"label":"x","rate_limit":"10 per minute"}`} {
		w := b.do(call{method: "POST", path: "/api/v1/keys", header: header, body: bad})
		require.Equal(t, http.StatusBadRequest, w.Code, w.Body)
	}
}
