package httpapi_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

// matrix says of every operation of the document what each credential is answered. It is written down by hand, from the
// table of roles, and knows nothing of the code: a route that is not here fails the walk.
//
// anon: nothing shown. guest, nurse, radio, review, audit: unscoped keys of accounts with that role, where audit is a role of
// session.own, audit.read and audit.export. narrow: an admin's key for looking at a model that is not there. key: an admin's
// key. user: a reviewer's bearer. admin: an admin's cookie. Metrics, events and examples have nothing behind them in this bench: there
// 404 is the answer to who was let in.
const matrix = `
                                         anon guest nurse radio review audit narrow key user admin
GET    /healthz                          200  200   200   200   200    200   200    200 200  200
GET    /readyz                           200  200   200   200   200    200   200    200 200  200
GET    /metrics                          401  403   403   403   403    403   403    404 403  404
GET    /api/v1/openapi.json              401  200   200   200   200    200   200    200 200  200
GET    /api/v1/setup                     200  200   200   200   200    200   200    200 200  200
POST   /api/v1/setup                     404  404   404   404   404    404   404    404 404  404
POST   /api/v1/auth/login                400  400   400   400   400    400   400    400 400  400
POST   /login                            400  400   400   400   400    400   400    400 400  400
POST   /api/v1/auth/refresh              401  401   401   401   401    401   401    401 401  401
POST   /api/v1/auth/logout               401  403   403   403   403    403   403    403 204  204
GET    /api/v1/auth/me                   401  200   200   200   200    200   403    200 200  200
PATCH  /api/v1/auth/me                   401  403   403   403   403    403   403    403 200  200
POST   /api/v1/auth/confirm              401  403   403   403   403    403   403    403 403  403
POST   /api/v1/auth/password             401  403   403   403   403    403   403    403 400  400
GET    /api/v1/sessions                  401  200   200   200   200    200   403    200 200  200
DELETE /api/v1/sessions                  401  204   204   204   204    204   403    204 204  204
DELETE /api/v1/sessions/{id}             401  404   404   404   404    404   403    404 404  404
GET    /api/v1/users                     401  403   403   403   403    403   403    200 403  200
GET    /users                            401  403   403   403   403    403   403    200 403  200
POST   /api/v1/users                     401  403   403   403   403    403   403    201 403  201
GET    /api/v1/users/{id}                401  403   403   403   403    403   403    404 403  404
PATCH  /api/v1/users/{id}                401  403   403   403   403    403   403    404 403  404
DELETE /api/v1/users/{id}                401  403   403   403   403    403   403    404 403  404
GET    /api/v1/users/{id}/permissions    401  403   403   403   403    403   403    404 403  404
GET    /api/v1/users/{id}/sessions       401  403   403   403   403    403   403    404 403  404
DELETE /api/v1/users/{id}/sessions       401  403   403   403   403    403   403    404 403  404
DELETE /api/v1/users/{id}/keys           401  403   403   403   403    403   403    404 403  404
GET    /api/v1/groups                    401  403   403   403   403    403   403    200 403  200
POST   /api/v1/groups                    401  403   403   403   403    403   403    201 403  201
GET    /api/v1/groups/{id}               401  403   403   403   403    403   403    404 403  404
PATCH  /api/v1/groups/{id}               401  403   403   403   403    403   403    404 403  404
DELETE /api/v1/groups/{id}               401  403   403   403   403    403   403    404 403  404
PUT    /api/v1/groups/{id}/members/{user} 401 403   403   403   403    403   403    404 403  404
DELETE /api/v1/groups/{id}/members/{user} 401 403   403   403   403    403   403    404 403  404
GET    /api/v1/roles                     401  403   403   403   403    403   403    200 403  200
GET    /api/v1/roles/{role}              401  403   403   403   403    403   403    404 403  404
PUT    /api/v1/roles/{role}              401  403   403   403   403    403   403    201 403  201
DELETE /api/v1/roles/{role}              401  403   403   403   403    403   403    404 403  404
GET    /api/v1/overview                  401  403   403   403   403    403   403    200 403  200
GET    /api/v1/system                    401  403   403   403   403    403   403    200 403  200
GET    /api/v1/events                    401  404   404   404   404    404   403    404 404  404
GET    /api/v1/settings                  401  403   403   403   403    403   403    200 403  200
PATCH  /api/v1/settings                  401  403   403   403   403    403   403    200 403  200
GET    /api/v1/keys                      401  403   200   200   200    403   403    200 200  200
POST   /api/v1/keys                      401  403   403   403   403    403   403    403 201  201
DELETE /api/v1/keys/{id}                 401  403   404   404   404    403   403    404 404  404
POST   /api/v1/keys/{id}/rotate          401  403   404   404   404    403   403    404 404  404
POST   /api/v1/keys/{id}/confirm         401  403   403   403   403    403   403    403 403  404
GET    /api/v1/moderations               401  403   403   403   200    403   200    200 200  200
POST   /api/v1/moderations               401  403   403   403   200    403   404    200 200  200
GET    /api/v1/moderations/{id}          401  403   403   403   404    403   404    404 404  404
POST   /api/v1/moderations/{id}/reproduce 401 403   403   403   404    403   404    404 404  404
POST   /api/audit                        401  403   403   403   200    403   404    200 200  200
POST   /v1/moderations                   401  403   403   403   200    403   404    200 200  200
GET    /api/v1/examples                  401  404   404   404   404    403   404    404 404  404
GET    /api/v1/models                    401  403   200   200   200    403   200    200 200  200
GET    /api/v1/models/{id}               401  403   200   200   200    403   404    200 200  200
DELETE /api/v1/models/{id}               401  403   403   403   403    403   403    409 403  409
POST   /api/v1/models/{id}/load          401  403   403   403   403    403   403    202 403  202
POST   /api/v1/models/{id}/unload        401  403   403   403   403    403   403    409 403  409
PUT    /api/v1/models/{id}/default       401  403   403   403   403    403   403    202 403  202
POST   /api/v1/models/{id}/verify        401  403   403   403   403    403   403    200 403  200
GET    /api/v1/models/{id}/queue         401  403   200   200   200    403   404    200 200  200
GET    /api/v1/models/{id}/file          401  403  403   403   403    403   404    403 403  403
GET    /api/v1/models/{id}/acl           401  403   403   403   403    403   403    200 403  200
PUT    /api/v1/models/{id}/acl           401  403   403   403   403    403   403    200 403  200
PUT    /v1/acl/model                     401  403   403   403   403    403   403    200 403  200
GET    /api/v1/acl/rules                 401  403   403   403   403    403   403    200 403  200
POST   /api/v1/acl/rules                 401  403   403   403   403    403   403    201 403  201
GET    /api/v1/acl/rules/{rule}          401  403   403   403   403    403   403    404 403  404
PUT    /api/v1/acl/rules/{rule}          401  403   403   403   403    403   403    201 403  201
DELETE /api/v1/acl/rules/{rule}          401  403   403   403   403    403   403    404 403  404
GET    /api/v1/acl/policy                401  403   403   403   403    403   403    200 403  200
PUT    /api/v1/acl/policy                401  403   403   403   403    403   403    200 403  200
GET    /api/v1/acl/versions              401  403   403   403   403    403   403    200 403  200
GET    /api/v1/acl/versions/{version}    401  403   403   403   403    403   403    400 403  400
POST   /api/v1/acl/versions/{version}/undo 401 403  403   403   403    403   403    400 403  400
POST   /v1/chat/completions              401  403  403   403   200    403   404    200 200  200
POST   /v1/models/{model}/infer          401  403  403   403   200    403   404    200 200  200
GET    /v1/models                        401  403   200   200   200    403   200    200 200  200
GET    /v1/models/{model}                401  403   200   200   200    403   404    200 200  200
GET    /api/v1/audit/events              401  403   403   403   403    200   403    200 403  200
GET    /api/v1/audit/events/{id}         401  403   403   403   403    404   403    404 403  404
GET    /api/v1/audit/events/{id}/neighbours 401 403   403   403   403    404   403    404 403  404
GET    /api/v1/audit/volume              401  403   403   403   403    200   403    200 403  200
GET    /api/v1/audit/export              401  403   403   403   403    400   403    400 403  400
GET    /api/v1/audit/evidence            401  403   403   403   403    200   403    200 403  200
GET    /api/v1/audit/export/schedules    401  403   403   403   403    200   403    200 403  200
POST   /api/v1/audit/export/schedules    401  403   403   403   403    403   403    422 403  422
DELETE /api/v1/audit/export/schedules/{id} 401 403  403   403   403    403   403    404 403  404
GET    /api/v1/audit/chain               401  403   403   403   403    200   403    200 403  200
POST   /api/v1/audit/verify              401  403   403   403   403    200   403    200 403  200
GET    /api/v1/audit/checkpoints         401  403   403   403   403    200   403    200 403  200
GET    /api/v1/audit/keys                401  403   403   403   403    200   403    200 403  200
POST   /api/v1/audit/keys/rotate         401  403   403   403   403    403   403    403 403  200
GET    /api/v1/audit/retention           401  403   403   403   403    403   403    200 403  200
PUT    /api/v1/audit/retention           401  403   403   403   403    403   403    200 403  200
POST   /api/v1/audit/retention/clock     401  403   403   403   403    403   403    409 403  409
POST   /api/v1/audit/prune               401  403   403   403   403    403   403    200 403  200
GET    /api/v1/audit/tombstones          401  403   403   403   403    200   403    200 403  200
GET    /api/v1/audit/holds               401  403   403   403   403    403   403    200 403  200
POST   /api/v1/audit/holds               401  403   403   403   403    403   403    201 403  201
POST   /api/v1/audit/holds/{id}/release  401  403   403   403   403    403   403    404 403  404
POST   /api/v1/access/explain            401  200   200   200   200    200   200    200 200  200
GET    /api/v1/access/can                401  200   200   200   200    200   200    200 200  200
POST   /api/v1/acl/rehearse              401  403   403   403   403    403   403    200 403  200
GET    /api/v1/acl/hygiene               401  403   403   403   403    403   403    200 403  200
POST   /api/v1/acl/hygiene/apply         401  403   403   403   403    403   403    412 403  412
GET    /api/v1/acl/rules/{rule}/hits     401  403   403   403   403    403   403    200 403  200
GET    /api/v1/audit/forwarding          401  403   403   403   403    403   403    200 403  200
POST   /api/v1/audit/forwarding          401  403   403   403   403    403   403    422 403  422
PATCH  /api/v1/audit/forwarding/{id}     401  403   403   403   403    403   403    404 403  404
DELETE /api/v1/audit/forwarding/{id}     401  403   403   403   403    403   403    404 403  404
POST   /api/v1/audit/forwarding/{id}/test 401 403   403   403   403    403   403    404 403  404
POST   /api/v1/audit/forwarding/{id}/rotate 401 403 403   403   403    403   403    404 403  404
GET    /api/v1/filters                   401  200   200   200   200    200   403    200 200  200
POST   /api/v1/filters                   401  403   403   403   403    201   403    201 403  201
DELETE /api/v1/filters/{id}              401  404   404   404   404    404   403    404 404  404
GET    /api/v1/access/requests           401  200   200   200   200    200   403    200 200  200
POST   /api/v1/access/requests           401  201   201   201   201    201   403    201 201  201
GET    /api/v1/access/requests/{id}      401  404   404   404   404    404   403    404 404  404
POST   /api/v1/access/requests/{id}/approve  401 403 403  403   403    403   403    404 403  404
POST   /api/v1/access/requests/{id}/decline  401 403 403  403   403    403   403    404 403  404
POST   /api/v1/access/requests/{id}/withdraw 401 404 404  404   404    404   403    404 404  404
GET    /api/v1/access/reviews            401  200   200   200   200    200   403    200 200  200
POST   /api/v1/access/reviews            401  403   403   403   403    403   403    201 403  201
GET    /api/v1/access/reviews/{id}       401  404   404   404   404    404   403    404 404  404
POST   /api/v1/access/reviews/{id}/items/{rule} 401 404 404 404 404    404   403    404 404  404
POST   /api/v1/access/reviews/{id}/close 401  403   403   403   403    403   403    404 403  404
GET    /api/v1/usage                     401  200   200   200   200    200   403    200 200  200
GET    /api/v1/users/{id}/usage          401  403   403   403   403    403   403    404 403  404
GET    /api/v1/keys/{id}/usage           401  403   404   404   404    403   403    404 404  404
`

// expected reads the matrix: route to credential to status.
func expected(t testing.TB) map[string]map[string]int {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	columns := strings.Fields(lines[0])
	out := map[string]map[string]int{}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		require.Len(t, cells, len(columns)+2, line)
		at := cells[0] + " " + cells[1]
		require.NotContains(t, out, at, "stands twice")
		out[at] = map[string]int{}
		for i, column := range columns {
			status, err := strconv.Atoi(cells[i+2])
			require.NoError(t, err, line)
			out[at][column] = status
		}
	}
	return out
}

// credentials answers the headers of each column.
func (b *bench) credentials() map[string]map[string]string {
	b.t.Helper()
	out := map[string]map[string]string{"anon": {}, "user": {"Authorization": b.bearer}, "admin": {"Cookie": b.cookie}}
	for column, user := range map[string]string{
		"guest": "gus", "nurse": "nora", "radio": "ray", "review": "rob", "audit": "otto", "key": "alice",
	} {
		require.NotEmpty(b.t, b.keys[user])
		out[column] = map[string]string{"Authorization": "Bearer " + b.keys[user]}
	}
	out["narrow"] = map[string]string{"Authorization": "Bearer " + b.key("alice", []string{"no-such-model"}, []string{"view"})}
	return out
}

// confirm types alice's password to her browser's session, once, and keeps the cookie from then on.
func (b *bench) confirm() {
	b.t.Helper()
	if object(b.t, b.me(map[string]string{"Cookie": b.cookie}).Body.Bytes())["confirmed_until"] != nil {
		return
	}
	w := b.do(call{method: "POST", path: "/api/v1/auth/confirm", body: `{"password":"` + password + `"}`, header: merge(fromOwnPage(), map[string]string{"Cookie": b.cookie})})
	require.Equal(b.t, http.StatusOK, w.Code, w.Body)
	c := cookieOf(b.t, w)
	b.cookie = c.Name + "=" + c.Value
}

// bodies are valid ones, by operation; what is not here is asked without.
func bodies() map[string]string {
	open := `{"id":"shipped-guard-nano","effect":"allow","principals":["*"],"models":["guard-nano"],"operations":["view","infer"]}`
	return map[string]string{
		"makeModelDefault":           `{}`,
		"openaiCreateChatCompletion": `{"model":"guard-nano","messages":[{"role":"user","content":"hello"}]}`, "openaiInfer": `{"input":"hello"}`,
		"createModeration": `{"input":"hello"}`, "reproduceModeration": `{"input":"hello"}`, "openaiCreateModeration": `{"input":"hello"}`, "auditAlias": `{"text":"hello"}`,
		"putModelACL": `{"rules":[` + open + `]}`, "putACLModel": `{"model":"guard-nano","rules":[` + open + `]}`, "putPolicy": `{"version":1,"rules":[` + open + `]}`,
		"createRule": `{"effect":"deny","principals":["role:guest"],"models":["other-*"],"operations":["infer"]}`,
		"putRule":    `{"effect":"deny","principals":["role:guest"],"models":["other-*"],"operations":["infer"]}`,
		"createUser": `{"username":"mallory","kind":"service","role":"admin"}`, "createKey": `{"label":"mine"}`,
		"createGroup": `{"name":"radiology"}`, "changeGroup": `{"note":"third floor"}`, "rotateKey": `{"overlap":"1h"}`,
		"createForwardTarget": `{"kind":"syslog","name":"siem","transport":"tcp","address":"127.0.0.2:514"}`, "changeForwardTarget": `{"paused":true}`,
		"changeSettings": `{"engine.queue":9}`, "changeMe": `{"language":"en"}`,
		"changeUser": `{"display_name":"Mallory"}`, "putRole": `{"actions":["session.own"]}`, "refresh": `{"refresh_token":"unknown"}`,
		"explainAccess": `{"model":"another","operation":"infer"}`, "rehearseRules": `{"rules":[]}`, "applyHygiene": `{"id":"shadowed:none"}`,
		"createAccessRequest": `{"model":"guard-nano","purpose":"triage","until":"` + ahead() + `"}`, "approveAccessRequest": `{}`,
		"declineAccessRequest": `{"reason":"no"}`, "createAccessReview": `{"title":"Quarter","due_at":"` + ahead() + `"}`,
		"decideAccessReviewItem": `{"decision":"keep"}`,
		"putRetention":           `{"audit":365,"verdicts":90,"sessions":30}`, "confirmClock": `{"reason":"moved"}`, "pruneAudit": `{"dry_run":true}`,
		"addHold": `{"person":"alice","reason":"case"}`, "releaseHold": `{"reason":"over"}`,
		"saveFilter":           `{"page":"audit","name":"refusals","query":"decision=deny"}`,
		"createExportSchedule": `{"name":"archive","format":"jsonl","every":"day"}`,
		"confirmSession":       `{"password":"wrong"}`, "changePassword": `{"current_password":"` + password + `","new_password":"short"}`,
	}
}

// ahead is a moment that lies some days ahead.
func ahead() string { return time.Now().UTC().Add(72 * time.Hour).Format(time.RFC3339) }

// ending are the operations after which the session that asked is over.
func ending() []string { return []string{"logout", "endSessions"} }

// threat Z1: every route of the document for every credential, against a table that was written by hand.
func TestWalk(t *testing.T) {
	want := expected(t)
	var documented []string
	for _, s := range operations(t) {
		documented = append(documented, s.method+" "+s.path)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), documented, "the document and the matrix")
	for column := range want["GET /healthz"] {
		t.Run(column, func(t *testing.T) {
			b := newBench(t)
			for _, s := range operations(t) {
				if !slices.Contains(ending(), s.op.OperationID) {
					b.walk(s, column, want)
				}
			}
			for _, s := range operations(t) {
				if slices.Contains(ending(), s.op.OperationID) {
					newBench(t).walk(s, column, want)
				}
			}
		})
	}
}

func (b *bench) walk(s served, column string, want map[string]map[string]int) {
	b.t.Helper()
	at := s.method + " " + s.path
	if column == "admin" {
		b.confirm()
	}
	w := b.do(call{method: s.method, path: concrete(s.path), header: b.credentials()[column], body: bodies()[s.op.OperationID]})
	require.Equal(b.t, want[at][column], w.Code, "%s as %s: %s", at, column, w.Body)
	if w.Code == http.StatusUnauthorized && want[at]["admin"] != http.StatusUnauthorized {
		require.Equal(b.t, `Bearer realm="guardhouse"`, w.Header().Get("WWW-Authenticate"))
	}
	if column == "narrow" && w.Code == http.StatusOK && s.path != openapiPath { // the same for everybody, and of no server
		for _, never := range []string{"guard-nano", `"id":"mod_`, "alice"} {
			require.NotContains(b.t, w.Body.String(), never, at)
		}
	}
}

// threat Z1: what is promised and not built yet tells strangers nothing, and everybody else that it is not there.
func TestWalkUnbuilt(t *testing.T) {
	b := newBench(t)
	for _, r := range httpapi.Unbuilt() {
		method, path, _ := strings.Cut(r, " ")
		require.Equal(t, http.StatusUnauthorized, b.do(call{method: method, path: concrete(path)}).Code, r)
		for _, who := range []string{"gus", "alice"} {
			require.Equal(t, http.StatusNotFound, b.do(call{method: method, path: concrete(path), as: who}).Code, r)
		}
	}
}
