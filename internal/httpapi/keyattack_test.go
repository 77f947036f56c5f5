package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// limitedKey makes a key of rita's over HTTP, with the rest of its body, and answers its id and secret.
func (b *bench) limitedKey(rest string) (id, secret string) {
	b.t.Helper()
	w := b.do(call{method: "POST", path: "/api/v1/keys", header: map[string]string{"Authorization": b.bearer}, body: `{"label":"limited",` + rest + `}`})
	require.Equal(b.t, http.StatusCreated, w.Code, w.Body)
	return field(b.t, w.Body.Bytes(), "id"), field(b.t, w.Body.Bytes(), "key")
}

// TestAKeyFromElsewhereOpensNothing: a stolen key is of no use outside its addresses, on whichever route and whatever a header
// says of where it comes from; inside them, an IPv4 address counts in IPv6 dress too (threats K1, P1).
func TestAKeyFromElsewhereOpensNothing(t *testing.T) {
	b := newBench(t)
	id, secret := b.limitedKey(`"ip_ranges":["192.0.2.0/24","2001:db8:4::/48"]`)
	before := len(b.rows())
	for _, s := range operations(t) {
		if action, _ := s.op.Extensions["x-action"].(string); action == "public" {
			continue
		}
		for name, value := range map[string]string{"": "", "X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7", "X-Real-Ip": "192.0.2.7"} {
			c := call{method: s.method, path: concrete(s.path), body: bodies()[s.op.OperationID], header: bearing(secret), peer: "198.51.100.7"}
			if name != "" {
				c.header[name] = value
			}
			w := b.do(c)
			require.Contains(t, []int{401, 403, 404}, w.Code, "%s %s with %s: %s", s.method, s.path, name, w.Body)
			require.NotContains(t, w.Body.String(), "guard-nano", s.path)
		}
	}
	for _, row := range b.rows()[before:] {
		if row.KeyID == id {
			require.Contains(t, []string{"key_address", "role"}, row.Reason, row.Action)
		}
	}
	for peer, want := range map[string]int{
		"192.0.2.7": 200, "192.0.2.255": 200, "::ffff:192.0.2.7": 200, "2001:db8:4:ffff::1": 200,
		"192.0.3.0": 403, "2001:db8:5::1": 403, "::192.0.2.7": 403, "::1": 403,
	} {
		w := b.do(call{method: "POST", path: moderations, header: bearing(secret), peer: peer, body: `{"input":"x"}`})
		require.Equal(t, want, w.Code, "%s: %s", peer, w.Body)
	}
}

// TestLimitsOfKeysThatCannotBe are refused with the field, and no key is made: bombs, other spellings, hosts for networks.
func TestLimitsOfKeysThatCannotBe(t *testing.T) {
	b := newBench(t)
	many := strings.TrimSuffix(strings.Repeat(`"10.0.0.0/8",`, 5_000), ",")
	before := b.people()
	for rest, named := range map[string]string{
		`"ip_ranges":["10.1.2.3/8"]`: "ip_ranges", `"ip_ranges":["010.0.0.0/8"]`: "ip_ranges", `"ip_ranges":["10.0.0.0/33"]`: "ip_ranges",
		`"ip_ranges":["fe80::1%eth0"]`: "ip_ranges", `"ip_ranges":["localhost"]`: "ip_ranges", `"ip_ranges":[""]`: "ip_ranges", `"ip_ranges":[" 10.0.0.0/8"]`: "ip_ranges",
		`"ip_ranges":[null]`: "ip_ranges", `"ip_ranges":"10.0.0.0/8"`: "ip_ranges", `"ip_ranges":[` + many + `]`: "ip_ranges",
		`"rate_limit":"0/min"`: "rate_limit", `"rate_limit":"-1/min"`: "rate_limit", `"rate_limit":"1.5/min"`: "rate_limit", `"rate_limit":"10/fortnight"`: "rate_limit",
		`"rate_limit":"10 / min"`: "rate_limit", `"rate_limit":"1e3/min"`: "rate_limit", `"rate_limit":"１０/min"`: "rate_limit", `"rate_limit":"99999999999999999999/s"`: "rate_limit",
		`"rate_limit":10`: "rate_limit",
	} {
		w := b.do(call{method: "POST", path: "/api/v1/keys", header: map[string]string{"Authorization": b.bearer}, body: `{"label":"x",` + rest + `}`})
		require.Equal(t, http.StatusBadRequest, w.Code, "%.80s: %s", rest, w.Body)
		require.Contains(t, w.Body.String(), `"field":"`+named, "%.80s", rest)
	}
	require.Equal(t, before, b.people())
}

// TestRotationIsNoWayOut: the new key of a line has the addresses, the scopes, the rate and the rules of the old one, and both are
// counted as one (threats K2, Z5); a repeated request never shows the secret again (threat K3).
func TestRotationIsNoWayOut(t *testing.T) {
	now := newClock()
	b := newGuarded(t, access.Options{Now: now.Now})
	old, secret := b.limitedKey(`"rate_limit":"4/min","operations":["view","infer"],"ip_ranges":["192.0.2.0/24"]`)
	b.ruled(`
  - {id: open, effect: allow, principals: ["*"], models: ["*"], operations: [view, infer]}
  - {id: named, effect: allow, principals: ["key:` + old + `"], models: ["*"], operations: [view, infer], conditions: {purpose: required}}
`)
	ask := func(secret, peer, purpose string) int {
		h := bearing(secret)
		if purpose != "" {
			h[purposeHeader] = purpose
		}
		return b.do(call{method: "POST", path: moderations, header: h, peer: peer, body: `{"input":"x"}`}).Code
	}
	require.Equal(t, http.StatusOK, ask(secret, "192.0.2.1", "x"))
	require.Equal(t, http.StatusOK, ask(secret, "192.0.2.1", "x"))
	rotate := func() (int, []byte) {
		w := b.do(call{
			method: "POST", path: "/api/v1/keys/" + old + "/rotate", body: `{"overlap":"1h"}`,
			header: map[string]string{"Authorization": b.bearer, "Idempotency-Key": "again"},
		})
		return w.Code, w.Body.Bytes()
	}
	code, body := rotate()
	require.Equal(t, http.StatusCreated, code, string(body))
	fresh := field(t, body, "key")
	require.NotEqual(t, secret, fresh)
	for range 2 {
		code, body = rotate()
		require.Equal(t, http.StatusConflict, code, string(body))
		require.NotRegexp(t, apiKey, string(body))
	}
	require.Equal(t, http.StatusForbidden, ask(fresh, "198.51.100.1", "x"), "the addresses")
	require.NotEqual(t, http.StatusOK, ask(fresh, "192.0.2.1", ""), "the rule")
	require.Equal(t, http.StatusOK, ask(fresh, "192.0.2.1", "x"))
	require.Equal(t, http.StatusOK, ask(secret, "192.0.2.1", "x"), "the old one works on")
	require.Equal(t, http.StatusTooManyRequests, ask(fresh, "192.0.2.1", "x"), "and both are one in the count")
	require.Equal(t, http.StatusTooManyRequests, ask(secret, "192.0.2.1", "x"))
	w := b.do(call{method: "POST", path: "/api/v1/keys/" + old + "/rotate", header: bearing(b.keys["rita"]), body: `{}`})
	require.Contains(t, []int{403, 409}, w.Code, "a key rotates no key: %s", w.Body)
}

// TestGroupsAreNoWayUp: whoever manages users and no rules comes by no model through a group, not for himself and for nobody else:
// by joining, by leaving, by deleting, by a name that was there before or looks like it (threats Z4, Z7).
func TestGroupsAreNoWayUp(t *testing.T) {
	b := newGuarded(t, access.Options{Now: newClock().Now})
	cli := access.System("tester")
	_, _, err := b.guard.PutRole(t.Context(), cli, "helpdesk", access.RoleChange{Actions: []access.Action{
		access.SessionOwn, access.KeyOwn, access.ModelView, access.ModerationRun, access.ModerationRead, access.ExampleRead, access.UserManage,
	}})
	require.NoError(t, err)
	hedy := b.made(auth.NewUser{Username: "hedy", Role: "helpdesk"})
	_, b.keys["hedy"], err = b.auth.CreateKey(t.Context(), cli, auth.NewKey{Label: "test", UserName: "hedy"}, nil)
	require.NoError(t, err)
	group := func(as, name string) (int, string) {
		w := b.do(call{method: "POST", path: "/api/v1/groups", as: as, body: `{"name":"` + name + `"}`})
		if w.Code != http.StatusCreated {
			return w.Code, ""
		}
		return w.Code, field(t, w.Body.Bytes(), "id")
	}
	_, allowed := group("alice", "radiology")
	_, denied := group("alice", "suspended")
	require.NotEmpty(t, allowed)
	require.NotEmpty(t, denied)
	member := func(as, method, group, user string) int {
		return b.do(call{method: method, path: "/api/v1/groups/" + group + "/members/" + user, as: as}).Code
	}
	require.Less(t, member("alice", "PUT", denied, hedy), 300)
	b.ruled(`
  - {id: few, effect: allow, principals: ["group:` + allowed + `"], models: ["*"], operations: [view, infer]}
  - {id: not, effect: deny, principals: ["group:` + denied + `"], models: ["*"], operations: ["*"]}
`)
	uses := func() int {
		return b.do(call{method: "POST", path: moderations, as: "hedy", body: `{"input":"x"}`}).Code
	}
	require.Equal(t, http.StatusNotFound, uses())
	require.Equal(t, http.StatusForbidden, member("hedy", "PUT", allowed, hedy), "to join what an allow names")
	require.Equal(t, http.StatusForbidden, member("hedy", "PUT", allowed, b.idOf("rob")), "nor for another")
	require.Equal(t, http.StatusForbidden, member("hedy", "DELETE", denied, hedy), "to leave what a deny names")
	for _, id := range []string{allowed, denied} {
		w := b.do(call{method: "DELETE", path: "/api/v1/groups/" + id, as: "hedy"})
		require.Contains(t, []int{403, 409}, w.Code, "to have it gone: %s", w.Body)
	}
	for _, name := range []string{"radiology", "Radiology", "RADIOLOGY", "radioIogy", "suspended"} {
		code, _ := group("hedy", name)
		require.Equal(t, http.StatusConflict, code, name)
	}
	require.Equal(t, http.StatusNotFound, uses(), "and after all that she has nothing more")
	require.Less(t, member("alice", "DELETE", denied, hedy), 300)
	require.Less(t, member("alice", "PUT", allowed, hedy), 300)
	require.Equal(t, http.StatusOK, uses(), "who administers rules may, and it counts at once")
	require.Less(t, member("alice", "DELETE", allowed, hedy), 300)
	require.Equal(t, http.StatusNotFound, uses())
}

// TestWhoAMemberWasIsNotInherited: the members of a group that is gone are nobody's, and neither are its rules.
func TestWhoAMemberWasIsNotInherited(t *testing.T) {
	b := newGuarded(t, access.Options{Now: newClock().Now})
	w := b.do(call{method: "POST", path: "/api/v1/groups", as: "alice", body: `{"name":"round"}`})
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	id := field(t, w.Body.Bytes(), "id")
	require.Less(t, b.do(call{method: "PUT", path: "/api/v1/groups/" + id + "/members/" + b.idOf("rita"), as: "alice"}).Code, 300)
	require.Less(t, b.do(call{method: "DELETE", path: "/api/v1/groups/" + id, as: "alice"}).Code, 300)
	require.Equal(t, http.StatusConflict, b.do(call{method: "POST", path: "/api/v1/groups", as: "alice", body: `{"name":"round"}`}).Code)
	rows := b.newRows(func() {
		require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`}).Code)
	})
	require.Len(t, rows, 1)
	require.Empty(t, rows[0].Groups)
}
