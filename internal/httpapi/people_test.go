package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/auth"
	"guardhouse/internal/db"
)

// made answers the id of a fresh user.
func (b *bench) made(n auth.NewUser) string {
	b.t.Helper()
	if n.Kind == "" && n.Password == "" {
		n.Kind = auth.KindService
	}
	u, err := b.auth.CreateUser(b.t.Context(), access.System("tester"), n)
	require.NoError(b.t, err)
	return u.ID
}

// idOf answers the id of a user of the template.
func (b *bench) idOf(name string) string {
	b.t.Helper()
	u, err := b.auth.UserByName(b.t.Context(), name)
	require.NoError(b.t, err)
	return u.ID
}

func ifMatch(tag string) map[string]string { return map[string]string{"If-Match": tag} }

// one runs c and holds that it left exactly one audit row.
func (b *bench) one(c call) *httptest.ResponseRecorder {
	b.t.Helper()
	var w *httptest.ResponseRecorder
	apptest.RequireRows(b.t, b.db, 1, func() { w = b.do(c) })
	return w
}

// TestUserLife: made, read, changed, disabled, deleted; each act one row, each answer with the version that it made.
func TestUserLife(t *testing.T) {
	b := newBench(t)
	w := b.one(call{method: "POST", path: "/api/v1/users", as: "alice", body: `{"username":"meter","kind":"service","role":"reviewer"}`})
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	at, tag := w.Header().Get("Location"), w.Header().Get("ETag")
	require.Equal(t, "/api/v1/users/"+field(t, w.Body.Bytes(), "id"), at)
	require.Equal(t, `"v1"`, tag)

	var got *httptest.ResponseRecorder
	apptest.RequireRows(t, b.db, 0, func() { got = b.do(call{method: "GET", path: at, as: "alice"}) })
	require.Equal(t, http.StatusOK, got.Code, got.Body)
	asMade, asRead := object(t, w.Body.Bytes()), object(t, got.Body.Bytes())
	require.Subset(t, asRead, asMade)
	require.Nil(t, asRead["last_seen_at"])
	require.InDelta(t, 0, asRead["sessions"], 0)
	require.InDelta(t, 0, asRead["keys"], 0)
	require.Equal(t, tag, got.Header().Get("ETag"))

	w = b.one(call{method: "PATCH", path: at, as: "alice", body: `{"display_name":"Meter","language":"en"}`, header: ifMatch(tag)})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, `"v2"`, w.Header().Get("ETag"))
	user := object(t, w.Body.Bytes())
	require.Equal(t, "Meter", user["display_name"])
	require.Equal(t, "reviewer", user["role"], "what is absent stays")
	require.Equal(t, "active", user["status"])
	require.InDelta(t, 2, user["version"], 0)

	w = b.one(call{method: "PATCH", path: at, as: "alice", body: `{"display_name":""}`})
	require.Equal(t, http.StatusOK, w.Code, "an empty name is one; without If-Match whatever stands there is changed")
	require.Empty(t, object(t, w.Body.Bytes())["display_name"])
	require.Equal(t, "en", object(t, w.Body.Bytes())["language"])

	w = b.one(call{method: "PATCH", path: at, as: "alice", body: `{"status":"disabled"}`, header: ifMatch(w.Header().Get("ETag"))})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, "disabled", object(t, w.Body.Bytes())["status"])

	w = b.one(call{method: "DELETE", path: at, as: "alice", header: ifMatch(`"v1", ` + w.Header().Get("ETag"))})
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Empty(t, w.Body.String())
	require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: at, as: "alice"}).Code)
	require.Equal(t, http.StatusNotFound, b.one(call{method: "DELETE", path: at, as: "alice"}).Code)
	require.Equal(t, http.StatusNotFound, b.one(call{method: "PATCH", path: at, as: "alice", body: `{"status":"active"}`}).Code)
	w = b.one(call{method: "POST", path: "/api/v1/users", as: "alice", body: `{"username":"Meter","kind":"service","role":"guest"}`})
	require.Equal(t, http.StatusConflict, w.Code, "threat Z7: the name is never used again")
	w = b.do(call{method: "GET", path: "/api/v1/users?status=deleted", as: "alice"})
	require.Contains(t, w.Body.String(), `"username":"meter"`)
}

// TestIfMatch: only the version that stands there makes a change, by the strong comparison, on every route that takes the
// header.
func TestIfMatch(t *testing.T) {
	b := newBench(t)
	user := "/api/v1/users/" + b.made(auth.NewUser{Username: "meter", Role: "nurse"})
	_, _, err := b.guard.PutRole(t.Context(), access.System("tester"), "helpdesk", access.RoleChange{})
	require.NoError(t, err)
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", user, `{"display_name":"changed"}`},
		{"DELETE", user, ""},
		{"PUT", "/api/v1/roles/helpdesk", `{"actions":["model.view"],"description":"changed"}`},
		{"DELETE", "/api/v1/roles/helpdesk", ""},
	} {
		for tag, status := range map[string]int{
			`"v2"`: 412, `W/"v1"`: 412, `"v01"`: 412, `"1"`: 412, `""`: 412, `"v2", "v3"`: 412, `W/"v1", "v9"`: 412, `"v99999999999999999999"`: 412,
			`v1`: 400, `"v1`: 400, `1`: 400, `*, "v1"`: 400, ` `: 400, `"v1" "v2"`: 400, "\x80": 400,
		} {
			w := b.one(call{method: c.method, path: c.path, as: "alice", body: c.body, header: ifMatch(tag)})
			require.Equal(t, status, w.Code, "%s %s with %s: %s", c.method, c.path, tag, w.Body)
			if status == http.StatusPreconditionFailed {
				require.Equal(t, "precondition_failed", field(t, w.Body.Bytes(), "code"))
			} else {
				require.Equal(t, "If-Match", field(t, w.Body.Bytes(), "field"))
			}
			w = b.do(call{method: "GET", path: c.path, as: "alice"})
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, `"v1"`, w.Header().Get("ETag"), "%s %s with %s changed it", c.method, c.path, tag)
		}
	}
	for i, tag := range []string{`"v1"`, `W/"v2", "v2"`, ` * `, `"v4","v5",`} {
		w := b.one(call{method: "PATCH", path: user, as: "alice", body: `{"display_name":"` + tag[1:2] + string(rune('a'+i)) + `"}`, header: ifMatch(tag)})
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", tag, w.Body)
		w = b.one(call{method: "PUT", path: "/api/v1/roles/helpdesk", as: "alice", body: `{"actions":[],"description":"` + string(rune('a'+i)) + `"}`, header: ifMatch(tag)})
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", tag, w.Body)
	}
	for _, tag := range []string{`*`, `"v1"`, `"v0"`, `"v1", "v2"`} {
		w := b.one(call{method: "PUT", path: "/api/v1/roles/nobody", as: "alice", body: `{"actions":[]}`, header: ifMatch(tag)})
		require.Equal(t, http.StatusPreconditionFailed, w.Code, "%s makes no role: %s", tag, w.Body)
		for _, path := range []string{"/api/v1/roles/nobody", "/api/v1/users/usr_nobody"} {
			w = b.one(call{method: "DELETE", path: path, as: "alice", header: ifMatch(tag)})
			require.Equal(t, http.StatusNotFound, w.Code, "%s %s", path, tag)
		}
	}
}

// TestPatchSemantics: null is no value, nothing is no change, and each refusal is one row.
func TestPatchSemantics(t *testing.T) {
	b := newBench(t)
	id := b.made(auth.NewUser{Username: "paul", Role: "nurse", Password: password})
	at := "/api/v1/users/" + id
	for body, status := range map[string]int{
		`{}`: 400, `null`: 400, `[]`: 400, `{"role":null}`: 400, `{"display_name":null}`: 400, `{"password":null}`: 400, `{"status":null}`: 400,
		`{"status":"deleted"}`: 400, `{"status":"invited"}`: 400, `{"status":""}`: 400, `{"language":"de"}`: 400, `{"password":""}`: 400, `{"password":"short"}`: 400,
		`{"role":""}`: 400, `{"role":"emperor"}`: 422, `{"role":"nurse","role":"admin"}`: 400, `{"display_name":"a\u202eb"}`: 400, `{"role":["admin"]}`: 400,
	} {
		w := b.one(call{method: "PATCH", path: at, as: "alice", body: body})
		require.Equal(t, status, w.Code, "%s: %s", body, w.Body)
		require.Equal(t, `"v1"`, b.do(call{method: "GET", path: at, as: "alice"}).Header().Get("ETag"), body)
	}
	w := b.one(call{method: "PATCH", path: "/api/v1/users/" + b.idOf("nora"), as: "alice", body: `{"password":"` + password + `"}`})
	require.Equal(t, http.StatusBadRequest, w.Code, "a service account has no password: %s", w.Body)
	w = b.one(call{method: "PATCH", path: "/api/v1/users/" + b.idOf("alice"), as: "alice", body: `{"role":"guest"}`})
	require.Equal(t, http.StatusConflict, w.Code, "the last admin stays: %s", w.Body)
	w = b.one(call{method: "DELETE", path: "/api/v1/users/" + b.idOf("alice"), as: "alice"})
	require.Equal(t, http.StatusConflict, w.Code, w.Body)
}

// threat Z4: somebody who manages users and may do little else can't come by more, whichever way he tries.
func TestHelpdeskStaysHelpdesk(t *testing.T) {
	b := newBench(t)
	cli := access.System("tester")
	own := []access.Action{access.SessionOwn, access.KeyOwn, access.UserManage}
	_, _, err := b.guard.PutRole(t.Context(), cli, "helpdesk", access.RoleChange{Actions: own})
	require.NoError(t, err)
	id := b.made(auth.NewUser{Username: "hedy", Role: "helpdesk"})
	_, b.keys["hedy"], err = b.auth.CreateKey(t.Context(), cli, auth.NewKey{Label: "test", UserName: "hedy"}, nil)
	require.NoError(t, err)
	before := b.people()
	for name, c := range map[string]call{
		"herself an admin":          {method: "PATCH", path: "/api/v1/users/" + id, body: `{"role":"admin"}`},
		"another an admin":          {method: "POST", path: "/api/v1/users", body: `{"username":"eve","kind":"service","role":"admin"}`},
		"the admin's password":      {method: "PATCH", path: "/api/v1/users/" + b.idOf("alice"), body: `{"password":"another long and private sentence"}`},
		"the reviewer's password":   {method: "PATCH", path: "/api/v1/users/" + b.idOf("rita"), body: `{"password":"another long and private sentence"}`},
		"the admin off":             {method: "PATCH", path: "/api/v1/users/" + b.idOf("alice"), body: `{"status":"disabled"}`},
		"the reviewer a guest":      {method: "PATCH", path: "/api/v1/users/" + b.idOf("rita"), body: `{"role":"guest"}`},
		"the admin gone":            {method: "DELETE", path: "/api/v1/users/" + b.idOf("alice")},
		"the admin's sessions":      {method: "DELETE", path: "/api/v1/users/" + b.idOf("alice") + "/sessions"},
		"her role more":             {method: "PUT", path: "/api/v1/roles/helpdesk", body: `{"actions":["user.manage","session.own","audit.read"]}`},
		"the admin's role less":     {method: "PUT", path: "/api/v1/roles/admin", body: `{"actions":["session.own"]}`},
		"another's role empty":      {method: "PUT", path: "/api/v1/roles/reviewer", body: `{"actions":[]}`},
		"a new role with more":      {method: "PUT", path: "/api/v1/roles/helper", body: `{"actions":["settings.manage"]}`},
		"the auditor's role":        {method: "DELETE", path: "/api/v1/roles/auditor"},
		"a key of the admin":        {method: "POST", path: "/api/v1/keys", body: `{"label":"x","user_id":"` + b.idOf("alice") + `"}`},
		"a key of a service as key": {method: "POST", path: "/api/v1/keys", body: `{"label":"x","user_id":"` + b.idOf("rob") + `"}`},
	} {
		c.as = "hedy"
		w := b.one(c)
		require.Equal(t, http.StatusForbidden, w.Code, "%s: %s", name, w.Body)
		require.Equal(t, before, b.people(), name)
		if blamed, is := object(t, w.Body.Bytes())["field"].(string); is && !strings.Contains(c.path, "/"+blamed+"s/") {
			require.Contains(t, c.body, `"`+blamed+`"`, "%s: a member is blamed that was not sent", name)
		}
	}
	w := b.one(call{method: "POST", path: "/api/v1/users", as: "hedy", body: `{"username":"heidi","kind":"service","role":"helpdesk"}`})
	require.Equal(t, http.StatusCreated, w.Code, "what she holds herself she may give: %s", w.Body)
}

// people is what the tables hold of who may do what, without times of use.
func (b *bench) people() []string {
	b.t.Helper()
	var out []string
	for _, query := range []string{
		"SELECT json_array(id, kind, username, display_name, language, role, status, epoch, version, password_hash, created_at, updated_at) FROM users ORDER BY id",
		"SELECT json_array(name, description, builtin, version, created_at, updated_at) FROM roles ORDER BY name",
		"SELECT json_array(v0, v1) FROM casbin_rules ORDER BY v0, v1",
		"SELECT json_array(id, user_id, label, models, operations, secret_hash, valid_until, revoked_at, suspended_at, created_at) FROM api_keys ORDER BY id",
		"SELECT json_array(id, user_id, kind, token_hash, epoch, created_at, expires_at, revoked_at) FROM sessions ORDER BY id",
	} {
		rows, err := b.db.ReadSQL().QueryContext(b.t.Context(), query)
		require.NoError(b.t, err)
		for rows.Next() {
			var row string
			require.NoError(b.t, rows.Scan(&row))
			out = append(out, row)
		}
		require.NoError(b.t, rows.Err())
		require.NoError(b.t, rows.Close())
	}
	return out
}

// TestRoles: the matrix shows each cell and why it is so; making, replacing and deleting are one row each.
func TestRoles(t *testing.T) {
	b := newBench(t)
	w := b.one(call{method: "PUT", path: "/api/v1/roles/triage", as: "alice", body: `{"description":"Reads verdicts.","actions":["moderation.read","session.own","session.own"]}`, header: map[string]string{"If-None-Match": "*"}})
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.Equal(t, "/api/v1/roles/triage", w.Header().Get("Location"))
	require.Equal(t, `"v1"`, w.Header().Get("ETag"))
	row := b.rows()[len(b.rows())-1]
	require.Equal(t, "role:triage", row.Resource)
	require.Equal(t, "user.manage", row.Action)

	w = b.one(call{method: "PUT", path: "/api/v1/roles/triage", as: "alice", body: `{"actions":[]}`, header: map[string]string{"If-None-Match": "*"}})
	require.Equal(t, http.StatusPreconditionFailed, w.Code, w.Body)
	w = b.one(call{method: "PUT", path: "/api/v1/roles/triage", as: "alice", body: `{"actions":[]}`, header: map[string]string{"If-None-Match": "*", "If-Match": `"v1"`}})
	require.Equal(t, http.StatusBadRequest, w.Code, w.Body)
	require.Equal(t, http.StatusBadRequest, b.one(call{method: "PUT", path: "/api/v1/roles/triage", as: "alice", body: `{"actions":[]}`, header: map[string]string{"If-None-Match": `"v1"`}}).Code)

	w = b.one(call{method: "PUT", path: "/api/v1/roles/triage", as: "alice", body: `{"actions":["moderation.read"]}`, header: ifMatch(`"v1"`)})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, `"v2"`, w.Header().Get("ETag"))
	role := object(t, w.Body.Bytes())
	require.Equal(t, "Reads verdicts.", role["description"], "what is absent stays")
	require.Equal(t, []any{"moderation.read"}, role["actions"])

	var matrix struct {
		Items []struct {
			Name    string
			Builtin bool
			Users   int
			Cells   []struct {
				Action, Source string
				Allowed        bool
				ChangedBy      *string `json:"changed_by"`
				EventID        *string `json:"event_id"`
			}
		}
		Actions []struct{ Action, Group string }
	}
	require.NoError(t, json.Unmarshal(b.do(call{method: "GET", path: "/api/v1/roles", as: "alice"}).Body.Bytes(), &matrix))
	require.Len(t, matrix.Actions, len(access.AllActions()))
	require.Contains(t, matrix.Actions, struct{ Action, Group string }{"user.manage", "user"})
	require.Len(t, matrix.Items, 7)
	for _, r := range matrix.Items {
		require.Len(t, r.Cells, len(matrix.Actions), r.Name)
		require.Equal(t, r.Name != "triage" && r.Name != auditor, r.Builtin, r.Name)
		for i, c := range r.Cells {
			require.Equal(t, matrix.Actions[i].Action, c.Action)
			if r.Name == "triage" && c.Action == "session.own" {
				require.False(t, c.Allowed)
				require.Equal(t, "alice", *c.ChangedBy)
				rows := b.rows()
				require.Equal(t, rows[len(rows)-1].ID, *c.EventID, "the row of the change")
			}
			if r.Builtin {
				require.Equal(t, "shipped", c.Source)
				require.Nil(t, c.EventID)
			}
		}
	}

	for path, status := range map[string]int{"/api/v1/roles/Triage": 400, "/api/v1/roles/x": 400, "/api/v1/roles/tri%20age": 404, "/api/v1/roles/tri.age": 400} {
		require.Equal(t, status, b.do(call{method: "PUT", path: path, as: "alice", body: `{"actions":[]}`}).Code, path)
	}
	for body, status := range map[string]int{`{"actions":["fly"]}`: 422, `{"actions":null}`: 400, `{"actions":"audit.read"}`: 400, `{"description":"x"}`: 400, `{"actions":[],"builtin":true}`: 400, `{"actions":[null]}`: 400} {
		require.Equal(t, status, b.one(call{method: "PUT", path: "/api/v1/roles/triage", as: "alice", body: body}).Code, body)
	}
	require.Equal(t, http.StatusConflict, b.one(call{method: "DELETE", path: "/api/v1/roles/nurse", as: "alice"}).Code, "shipped")
	require.Equal(t, http.StatusConflict, b.one(call{method: "DELETE", path: "/api/v1/roles/auditor", as: "alice"}).Code, "in use")
	require.Equal(t, http.StatusConflict, b.one(call{method: "PUT", path: "/api/v1/roles/admin", as: "alice", body: `{"actions":["session.own"]}`}).Code)
	require.Equal(t, http.StatusNoContent, b.one(call{method: "DELETE", path: "/api/v1/roles/triage", as: "alice", header: ifMatch(`"v2"`)}).Code)
	require.Equal(t, http.StatusNotFound, b.do(call{method: "GET", path: "/api/v1/roles/triage", as: "alice"}).Code)
}

// TestARoleIsInForceAtOnce: what is taken from a role is gone with the next request of everybody who has it.
func TestARoleIsInForceAtOnce(t *testing.T) {
	b := newBench(t)
	ask := call{method: "GET", path: "/api/v1/audit/events", as: "otto"}
	require.Equal(t, http.StatusOK, b.do(ask).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "PUT", path: "/api/v1/roles/auditor", as: "alice", body: `{"actions":["session.own"]}`}).Code)
	require.Equal(t, http.StatusForbidden, b.do(ask).Code)
	w := b.do(call{method: "GET", path: "/api/v1/users/" + b.idOf("otto") + "/permissions", as: "otto"})
	require.Equal(t, http.StatusOK, w.Code, "one's own: %s", w.Body)
	require.Contains(t, w.Body.String(), `{"action":"audit.read","allowed":false,"changed_at":`)
	require.Contains(t, w.Body.String(), `"changed_by":"alice"`)
	require.Equal(t, w.Body.String(), b.do(call{method: "GET", path: "/api/v1/users/" + b.idOf("otto") + "/permissions", as: "alice"}).Body.String())
}

// TestUserList: filters narrow, a cursor belongs to its filter, and a value that no user can have is 400.
func TestUserList(t *testing.T) {
	b := newBench(t)
	list := func(path, query string) []string {
		w := b.do(call{method: "GET", path: path + query, as: "alice"})
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", query, w.Body)
		var page struct{ Items []struct{ Username string } }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
		names := []string{}
		for _, u := range page.Items {
			names = append(names, u.Username)
		}
		return names
	}
	for _, path := range []string{"/api/v1/users", "/users"} {
		require.Equal(t, []string{"alice", "rita", "rob", "nora", "gus", "ray", "otto"}, list(path, ""))
		require.Equal(t, []string{"rita", "rob"}, list(path, "?role=reviewer"))
		require.Equal(t, []string{"rob"}, list(path, "?role=reviewer&kind=service"))
		require.Equal(t, []string{"rita"}, list(path, "?q=RIT"))
		require.Empty(t, list(path, "?status=disabled"))
		require.Empty(t, list(path, "?q=%25"), "no pattern")
		require.Empty(t, list(path, "?q=_"))
		w := b.do(call{method: "GET", path: path + "?role=reviewer&limit=1", as: "alice"})
		cursor := field(t, w.Body.Bytes(), "next_cursor")
		require.Equal(t, []string{"rob"}, list(path, "?role=reviewer&limit=1&"+urlEncode("cursor", cursor)))
		for _, query := range []string{"?" + urlEncode("cursor", cursor), "?status=gone", "?kind=robot", "?role=%27", "?role=", "?q=", "?limit=0", "?limit=201", "?sort=role", "?role=nurse&role=admin", "?status=active%00"} {
			require.Equal(t, http.StatusBadRequest, b.do(call{method: "GET", path: path + query, as: "alice"}).Code, query)
		}
	}
}

// TestConfirmKey: a key that a restore switched off works again when somebody who cares for keys says so (threat S3).
func TestConfirmKey(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE api_keys SET suspended_at = ? WHERE user_id = ?", tx.Now().UnixMilli(), b.idOf("rob"))
		return err
	}))
	require.Equal(t, http.StatusUnauthorized, b.do(call{method: "GET", path: "/v1/models", as: "rob"}).Code)
	admin := merge(fromOwnPage(), map[string]string{"Cookie": b.cookie})
	var keys struct {
		Items []struct {
			ID, Username string
			SuspendedAt  *string `json:"suspended_at"`
		}
	}
	require.NoError(t, json.Unmarshal(b.do(call{method: "GET", path: "/api/v1/keys", header: admin}).Body.Bytes(), &keys))
	id := ""
	for _, k := range keys.Items {
		require.Equal(t, k.Username == "rob", k.SuspendedAt != nil)
		if k.Username == "rob" {
			id = k.ID
		}
	}
	require.Equal(t, http.StatusForbidden, b.one(call{method: "POST", path: "/api/v1/keys/" + id + "/confirm", as: "rita"}).Code)
	w := b.one(call{method: "POST", path: "/api/v1/keys/" + id + "/confirm", header: admin})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	matchesDocument(t, "confirmKey", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	require.Contains(t, w.Body.String(), `"suspended_at":null`)
	require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/v1/models", as: "rob"}).Code)
	require.Equal(t, http.StatusNoContent, b.one(call{method: "DELETE", path: "/api/v1/keys/" + id, header: admin}).Code)
	require.Equal(t, http.StatusConflict, b.one(call{method: "POST", path: "/api/v1/keys/" + id + "/confirm", header: admin}).Code, "revoked for ever")
}
