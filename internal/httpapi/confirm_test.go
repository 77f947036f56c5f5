package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// aliceInABrowser signs the admin in on the console and answers the headers of her pages.
func (b *bench) aliceInABrowser() map[string]string {
	b.t.Helper()
	w := b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("alice"), header: fromOwnPage()})
	require.Equal(b.t, http.StatusOK, w.Code, w.Body)
	c := cookieOf(b.t, w)
	return merge(fromOwnPage(), map[string]string{"Cookie": c.Name + "=" + c.Value})
}

// riskyCalls is one act of tier 4 on each route that has one, with the status of success.
func (b *bench) riskyCalls() map[string]call {
	return map[string]call{
		"an administrator":       {method: "POST", path: "/api/v1/users", body: `{"username":"eve","kind":"service","role":"admin"}`},
		"a password":             {method: "PATCH", path: "/api/v1/users/" + b.idOf("rita"), body: `{"password":"another long and private sentence"}`},
		"a password among all":   {method: "PATCH", path: "/api/v1/users/" + b.idOf("rita"), body: `{"display_name":"R","password":"another long and private sentence"}`},
		"a rise":                 {method: "PATCH", path: "/api/v1/users/" + b.idOf("nora"), body: `{"role":"admin"}`},
		"a role":                 {method: "PUT", path: "/api/v1/roles/nurse", body: `{"actions":["session.own"]}`},
		"a new role":             {method: "PUT", path: "/api/v1/roles/fresh", body: `{"actions":[]}`},
		"a role's end":           {method: "DELETE", path: "/api/v1/roles/spare"},
		"a key":                  {method: "POST", path: "/api/v1/keys", body: `{"label":"mine"}`},
		"a rule that opens":      {method: "POST", path: "/api/v1/acl/rules", body: `{"id":"open","effect":"allow","principals":["*"],"models":["guard-nano"],"operations":["infer"]}`},
		"a deny that goes":       {method: "DELETE", path: "/api/v1/acl/rules/closes"},
		"a rule that reaches on": {method: "PUT", path: "/api/v1/acl/rules/lets", body: `{"effect":"allow","principals":["*","group:opened"],"models":["guard-nano"],"operations":["infer"]}`},
		"an approval":            {method: "POST", path: "/api/v1/access/requests/" + b.asked() + "/approve", body: `{}`},
		"a member let in":        {method: "PUT", path: "/api/v1/groups/" + b.groupNamed("opened") + "/members/" + b.idOf("nora")},
	}
}

// rulesToConfirm makes the rules, the group and the request that riskyCalls speaks of.
func (b *bench) rulesToConfirm() {
	b.t.Helper()
	require.Equal(b.t, http.StatusCreated, b.adminAsks("POST", "/api/v1/groups", `{"name":"opened"}`).Code)
	b.asksAccess(map[string]string{"Authorization": b.bearer}, "guard-nano")
	for id, text := range map[string]string{
		"closes": `{"effect":"deny","principals":["role:guest"],"models":["guard-nano"],"operations":["infer"]}`,
		"lets":   `{"effect":"allow","principals":["group:opened"],"models":["guard-nano"],"operations":["infer"]}`,
	} {
		require.Equal(b.t, http.StatusCreated, b.adminAsks("PUT", "/api/v1/acl/rules/"+id, text).Code)
	}
}

// asked answers the id of rita's open request.
func (b *bench) asked() string {
	b.t.Helper()
	w := b.adminAsks("GET", accessRequests+"?status=open", "")
	return object(b.t, w.Body.Bytes())["items"].([]any)[0].(map[string]any)["id"].(string)
}

func (b *bench) groupNamed(name string) string {
	b.t.Helper()
	w := b.adminAsks("GET", "/api/v1/groups?q="+name, "")
	return object(b.t, w.Body.Bytes())["items"].([]any)[0].(map[string]any)["id"].(string)
}

// TestClosingIsNeverHeldUp: whoever sees a model misused closes it at once, with whatever session is open.
func TestClosingIsNeverHeldUp(t *testing.T) {
	b := newBench(t)
	b.rulesToConfirm()
	page := b.aliceInABrowser()
	group := "/api/v1/groups/" + b.groupNamed("opened") + "/members/" + b.idOf("nora")
	require.Equal(t, http.StatusNoContent, b.adminAsks("PUT", group, "").Code)
	for name, c := range map[string]call{
		"a deny":                {method: "POST", path: "/api/v1/acl/rules", body: `{"effect":"deny","principals":["*"],"models":["*"],"operations":["infer"]}`},
		"an allow that goes":    {method: "DELETE", path: "/api/v1/acl/rules/lets"},
		"what only reports":     {method: "POST", path: "/api/v1/acl/rules", body: `{"effect":"allow","principals":["*"],"models":["*"],"operations":["infer"],"mode":"report-only"}`},
		"what is only tried":    {method: "POST", path: "/api/v1/acl/rules?dry_run=true", body: `{"effect":"allow","principals":["*"],"models":["*"],"operations":["infer"]}`},
		"a member taken out":    {method: "DELETE", path: group},
		"a request turned down": {method: "POST", path: "/api/v1/access/requests/" + b.asked() + "/decline", body: `{"reason":"Ask the ward first."}`},
	} {
		c.header = page
		w := b.one(c)
		require.Less(t, w.Code, 300, "%s: %s", name, w.Body)
	}
	require.Nil(t, object(t, b.me(page).Body.Bytes())["confirmed_until"])
}

// TestConfirm: on the console the acts of tier 4 wait for the password; then they are done, with the session's new cookie.
func TestConfirm(t *testing.T) {
	b := newBench(t)
	require.Equal(t, http.StatusCreated, b.do(call{method: "PUT", path: "/api/v1/roles/spare", as: "alice", body: `{"actions":[]}`}).Code)
	b.rulesToConfirm()
	page := b.aliceInABrowser()
	me := object(t, b.me(page).Body.Bytes())
	require.Nil(t, me["confirmed_until"])
	tiers, ok := me["tiers"].(map[string]any)
	require.True(t, ok)
	require.InDelta(t, 4, tiers["role.change"], 0)
	require.InDelta(t, 3, tiers["user.delete"], 0)
	before := b.people()
	for name, c := range b.riskyCalls() {
		c.header = page
		w := b.one(c)
		require.Equal(t, http.StatusForbidden, w.Code, "%s: %s", name, w.Body)
		require.Equal(t, "confirmation_required", field(t, w.Body.Bytes(), "code"), name)
		row := b.rows()[len(b.rows())-1]
		require.Equal(t, "deny", row.Decision)
		require.Equal(t, "confirmation_required", row.Reason)
	}
	require.Equal(t, before, b.people())

	w := b.one(call{method: "POST", path: "/api/v1/auth/confirm", header: page, body: `{"password":"not hers"}`})
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Equal(t, "forbidden", field(t, w.Body.Bytes(), "code"))
	require.Equal(t, "password", field(t, w.Body.Bytes(), "field"))
	require.Empty(t, w.Result().Cookies())
	w = b.one(call{method: "POST", path: "/api/v1/auth/confirm", header: page, body: `{"password":"` + password + `"}`})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	matchesDocument(t, "confirmSession", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	c := cookieOf(t, w)
	require.True(t, c.Secure && c.HttpOnly)
	next := merge(page, map[string]string{"Cookie": c.Name + "=" + c.Value})
	require.Equal(t, field(t, w.Body.Bytes(), "confirmed_until"), field(t, b.me(next).Body.Bytes(), "confirmed_until"))
	old := call{method: "PUT", path: "/api/v1/roles/nurse", body: `{"actions":["session.own"]}`, header: page}
	require.Equal(t, http.StatusForbidden, b.one(old).Code, "the cookie from before is not confirmed")
	for name, c := range b.riskyCalls() {
		c.header = next
		require.Less(t, b.one(c).Code, 300, name)
	}
}

// threats A8 and A9: no way of showing a browser's session gets around the question, and nobody else is ever asked.
func TestConfirmCannotBeEvaded(t *testing.T) {
	b := newBench(t)
	page := b.aliceInABrowser()
	cookie := page["Cookie"]
	act := func(header map[string]string) (status int, code string) {
		w := b.do(call{method: "PUT", path: "/api/v1/roles/nurse", body: `{"actions":["session.own"]}`, header: header})
		code, _ = object(t, w.Body.Bytes())["code"].(string)
		return w.Code, code
	}
	for name, header := range map[string]map[string]string{
		"no Origin":              {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"},
		"no Sec-Fetch-Site":      {"Cookie": cookie, "Origin": "https://localhost"},
		"neither":                {"Cookie": cookie},
		"a typed address":        {"Cookie": cookie, "Sec-Fetch-Site": "none"},
		"another user agent":     {"Cookie": cookie, "User-Agent": "curl/8.5.0"},
		"a claim":                merge(page, map[string]string{"X-Confirmed": "true", "X-Forwarded-For": "127.0.0.1"}),
		"the cookie in a header": merge(page, map[string]string{"X-Api-Key": cookie}),
	} {
		status, code := act(header)
		require.Equal(t, http.StatusForbidden, status, name)
		require.Equal(t, "confirmation_required", code, name)
	}
	for _, path := range []string{"/api/v1/roles/nurse?confirmed=true", "/api/v1/roles/nurse?password=" + pathEncode(password)} {
		w := b.do(call{method: "PUT", path: path, body: `{"actions":[]}`, header: page})
		require.GreaterOrEqual(t, w.Code, 400, path)
	}
	w := b.do(call{method: "PUT", path: "/api/v1/roles/nurse", body: `{"actions":[],"password":"` + password + `"}`, header: page})
	require.Equal(t, http.StatusBadRequest, w.Code)

	require.Equal(t, http.StatusOK, b.do(call{method: "PUT", path: "/api/v1/roles/nurse", as: "alice", body: `{"actions":["session.own"]}`, header: fromOwnPage()}).Code, "a key")
	w = b.do(call{method: "POST", path: "/api/v1/auth/login", body: signIn("alice")})
	require.Equal(t, http.StatusOK, w.Code)
	bearer := "Bearer " + field(t, w.Body.Bytes(), "access_token")
	c := cookieOf(t, w)
	for name, header := range map[string]map[string]string{
		"a program's bearer":              {"Authorization": bearer},
		"a program's bearer in a browser": merge(fromOwnPage(), map[string]string{"Authorization": bearer}),
		"a program's cookie":              {"Cookie": c.Name + "=" + c.Value},
	} {
		status, _ := act(header)
		require.Equal(t, http.StatusOK, status, name)
	}
	status, code := act(merge(fromOwnPage(), map[string]string{"Cookie": c.Name + "=" + c.Value}))
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "confirmation_required", code)
	w = b.do(call{method: "POST", path: "/api/v1/auth/confirm", header: map[string]string{"Authorization": bearer}, body: `{"password":"` + password + `"}`})
	require.Equal(t, http.StatusForbidden, w.Code, "a bearer has nothing to confirm")
	require.Equal(t, "forbidden", field(t, w.Body.Bytes(), "code"))
}

// TestConfirmAcrossSites: another site's page can neither confirm nor use a confirmation (threat P3).
func TestConfirmAcrossSites(t *testing.T) {
	b := newBench(t)
	page := b.aliceInABrowser()
	foreign := map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Cookie": page["Cookie"]}
	require.Equal(t, http.StatusForbidden, b.do(call{method: "POST", path: "/api/v1/auth/confirm", header: foreign, body: `{"password":"` + password + `"}`}).Code)
	require.Nil(t, object(t, b.me(page).Body.Bytes())["confirmed_until"])
}

// TestMeSaysWhomToAsk: names of people who can give a right, and no more than three.
func TestMeSaysWhomToAsk(t *testing.T) {
	b := newBench(t)
	var me struct{ Ask []string }
	require.NoError(t, json.Unmarshal(b.do(call{method: "GET", path: "/api/v1/auth/me", as: "gus"}).Body.Bytes(), &me))
	require.Equal(t, []string{"alice"}, me.Ask)
	w := b.do(call{method: "GET", path: "/api/v1/auth/me", as: "alice"})
	require.Equal(t, []any{}, object(t, w.Body.Bytes())["ask"])
}
