package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// owned is something of a person's, and an id of the same form that nobody ever had.
type owned struct{ id, unknown string }

// belongings makes one thing of each kind for rita: user, session, key, verdict, saved filter, request, a review of her rule.
func (b *bench) belongings() map[string]owned {
	b.t.Helper()
	bearer := map[string]string{"Authorization": b.bearer}
	key := b.do(call{method: "POST", path: "/api/v1/keys", header: bearer, body: `{"label":"hers"}`})
	require.Equal(b.t, http.StatusCreated, key.Code, key.Body)
	mod := b.do(call{method: "POST", path: moderations, header: bearer, body: `{"input":"hello"}`})
	require.Equal(b.t, http.StatusOK, mod.Code, mod.Body)
	me := b.do(call{method: "GET", path: "/api/v1/auth/me", header: bearer})
	filter := b.do(call{method: "POST", path: "/api/v1/filters", header: bearer, body: `{"page":"history","name":"hers","query":"severity=Unsafe"}`})
	require.Equal(b.t, http.StatusCreated, filter.Code, filter.Body)
	asked, review := b.asksAccess(bearer, "guard-nano"), b.reviewOf("rita")
	out := map[string]owned{}
	for kind, id := range map[string]string{
		"access/requests": asked, "access/reviews": review,
		"keys": field(b.t, key.Body.Bytes(), "id"), "moderations": field(b.t, mod.Body.Bytes(), "id"),
		"sessions": field(b.t, me.Body.Bytes(), "session_id"), "users": b.idOf("rita"), "filters": field(b.t, filter.Body.Bytes(), "id"),
	} {
		last := "0"
		if strings.HasSuffix(id, "0") {
			last = "1"
		}
		out[kind] = owned{id, id[:len(id)-1] + last}
	}
	return out
}

// threat Z3: on every route with an id, what is another's is answered word for word like what never was: by a person of the
// same role, by somebody with less, and by a helpdesk that manages users but holds less than their owner.
func TestForeignIDs(t *testing.T) {
	b := newBench(t)
	cli := access.System("tester")
	_, _, err := b.guard.PutRole(t.Context(), cli, "helpdesk", access.RoleChange{Actions: []access.Action{access.SessionOwn, access.KeyOwn, access.ModerationRead, access.UserManage}})
	require.NoError(t, err)
	b.made(auth.NewUser{Username: "hedy", Role: "helpdesk"})
	_, b.keys["hedy"], err = b.auth.CreateKey(t.Context(), cli, auth.NewKey{Label: "test", UserName: "hedy"}, nil)
	require.NoError(t, err)
	hers := b.belongings()
	before := b.people()
	walked := 0
	for _, s := range operations(t) {
		if !strings.Contains(s.path, "{id}") || strings.Contains(s.path, "/audit/") || strings.Contains(s.path, "/models/") || strings.Contains(s.path, "/groups/") { // the log, models and groups belong to nobody
			continue
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(s.path, "/api/v1/"), "/{id}")
		require.Contains(t, hers, kind, "a route with an id of a new kind: %s", s.path)
		for _, who := range []string{"rob", "nora", "gus", "hedy"} {
			if who == "hedy" && kind == "users" {
				continue // she may see users; what she may not do to them is TestHelpdeskStaysHelpdesk
			}
			ask := func(id string) (int, map[string]any, http.Header) {
				w := b.do(call{method: s.method, path: strings.NewReplacer("{id}", id, "{rule}", "ward-of-rita").Replace(s.path), as: who, body: bodies()[s.op.OperationID]})
				return w.Code, withoutRequestID(t, w.Body.Bytes()), w.Header()
			}
			status, body, header := ask(hers[kind].id)
			wantStatus, wantBody, wantHeader := ask(hers[kind].unknown)
			at := s.method + " " + s.path + " as " + who
			require.Contains(t, []int{403, 404}, status, at)
			require.Equal(t, wantStatus, status, at)
			require.Equal(t, wantBody, body, at)
			header.Del("X-Request-Id")
			wantHeader.Del("X-Request-Id")
			require.Equal(t, wantHeader, header, at)
			walked++
		}
	}
	require.Greater(t, walked, 30)
	require.Equal(t, before, b.people(), "nothing was changed")
}

// threat Z3: a cursor of another's list opens nothing.
func TestForeignCursors(t *testing.T) {
	b := newBench(t)
	bearer := map[string]string{"Authorization": b.bearer}
	for range 2 {
		b.do(call{method: "POST", path: moderations, header: bearer, body: `{"input":"hello"}`})
		b.do(call{method: "POST", path: "/api/v1/keys", header: bearer, body: `{"label":"hers"}`})
	}
	for _, path := range []string{moderations, "/api/v1/keys"} {
		w := b.do(call{method: "GET", path: path + "?limit=1", header: bearer})
		cursor := urlEncode("cursor", field(t, w.Body.Bytes(), "next_cursor"))
		require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: path + "?limit=1&" + cursor, header: bearer}).Code)
		w = b.do(call{method: "GET", path: path + "?limit=1&" + cursor, as: "rob"})
		require.Contains(t, []int{200, 400}, w.Code, "%s: %s", path, w.Body)
		require.NotContains(t, w.Body.String(), `"id"`, path)
	}
}

// threat Z5: nobody comes by a key that acts as another person; service accounts have theirs made for them.
func TestKeysForOthers(t *testing.T) {
	b := newBench(t)
	admin := merge(map[string]string{"Cookie": b.cookie}, fromOwnPage())
	other := b.made(auth.NewUser{Username: "adam", Role: "admin", Password: password})
	make := func(header map[string]string, user string) int {
		return b.one(call{method: "POST", path: "/api/v1/keys", header: header, body: `{"label":"x","user_id":"` + user + `"}`}).Code
	}
	require.Equal(t, http.StatusForbidden, make(admin, other), "key.manage for another admin")
	require.Equal(t, http.StatusForbidden, make(admin, b.idOf("rita")), "for a reviewer")
	require.Equal(t, http.StatusCreated, make(admin, b.idOf("rob")), "for a service account")
	require.Equal(t, http.StatusForbidden, make(admin, b.idOf("alice")), "for herself, on the console, before she typed her password (threat A9)")
	b.confirm()
	admin["Cookie"] = b.cookie
	require.Equal(t, http.StatusCreated, make(admin, b.idOf("alice")), "for herself")
	bearer := map[string]string{"Authorization": b.bearer}
	require.Equal(t, http.StatusForbidden, make(bearer, b.idOf("rob")), "without key.manage")
	require.Equal(t, http.StatusForbidden, make(bearer, b.idOf("alice")))
	require.Equal(t, http.StatusUnprocessableEntity, make(admin, "usr_unknown"))
	require.Equal(t, http.StatusForbidden, make(bearer, "usr_unknown"), "and it does not tell who there is")
}
