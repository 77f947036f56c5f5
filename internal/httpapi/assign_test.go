package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/auth"
)

// strangers are member names that no body of ours has: those of the tables, and what other products were had by.
func strangers() []string {
	return []string{
		"epoch", "password_hash", "token_hash", "secret_hash", "username_key", "deleted_at", "password_changed_at", "is_admin", "isAdmin", "admin",
		"roles", "groups", "permissions", "scope", "scopes", "owner", "owner_id", "created_by", "updated_by", "must_change_password", "invited_by",
		"__proto__", "constructor", "prototype", "$where", "ID", "Role", "ROLE", "role ", "userId", "tenant", "email_verified", "actor",
	}
}

// threat "mass assignment": every member name that stands anywhere in the contract or in the tables, put into every body that
// does not have it, is refused and changes nothing.
func TestMassAssignment(t *testing.T) {
	b := newBench(t)
	names := strangers()
	for _, schema := range []string{"User", "Role", "Key", "CreatedKey", "Session", "SignIn", "SetupDone", "Me", "PermissionLine", "NewUser", "NewKey", "UserChange", "RoleChange", "PasswordChange", "LoginRequest"} {
		names = append(names, slices.Collect(maps.Keys(document(t).Components.Schemas[schema].Value.Properties))...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	id := b.made(auth.NewUser{Username: "meter", Role: "nurse"})
	cookie := map[string]string{"Cookie": b.cookie}
	before := b.people()
	tried := 0
	for _, s := range operations(t) {
		if s.op.RequestBody == nil || s.op.OperationID == "completeSetup" { // over for ever
			continue
		}
		schema := s.op.RequestBody.Value.Content.Get("application/json").Schema.Value
		valid := map[string]any{}
		if body := bodies()[s.op.OperationID]; body != "" {
			require.NoError(t, json.Unmarshal([]byte(body), &valid))
		}
		for _, name := range names {
			if schema.Properties[name] != nil {
				continue
			}
			for _, value := range []any{"admin", true, nil} {
				more := maps.Clone(valid)
				more[name] = value
				path := concrete(s.path)
				if s.op.OperationID == "changeUser" {
					path = "/api/v1/users/" + id
				}
				w := b.do(call{method: s.method, path: path, header: cookie, body: string(body(t, more))})
				require.Equal(t, http.StatusBadRequest, w.Code, "%s with %s: %s", s.op.OperationID, name, w.Body)
				tried++
				if tried%50 != 0 { // one value is enough for most: the table is long
					break
				}
			}
		}
	}
	require.Greater(t, tried, 500)
	require.Equal(t, before, b.people())
}

// TestRolesAreNeverTaken: what a caller says of himself in a body, a header or a token gives him nothing.
func TestRolesAreNeverTaken(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]call{
		"in the sign-in":  {method: "POST", path: "/api/v1/auth/login", body: `{"username":"rita","password":"` + password + `","role":"admin"}`},
		"in the alias":    {method: "POST", path: "/login", body: `{"username":"rita","password":"` + password + `","role":"admin"}`},
		"in the refresh":  {method: "POST", path: "/api/v1/auth/refresh", body: `{"refresh_token":"x","role":"admin"}`},
		"in the password": {method: "POST", path: "/api/v1/auth/password", header: map[string]string{"Authorization": b.bearer}, body: `{"current_password":"` + password + `","new_password":"another long and private sentence","role":"admin"}`},
	} {
		w := b.do(c)
		require.Equal(t, http.StatusBadRequest, w.Code, "%s: %s", name, w.Body)
		require.Equal(t, "role", field(t, w.Body.Bytes(), "field"), name)
	}
	for _, header := range []string{"X-Role", "X-User-Role", "X-Forwarded-Groups", "X-Roles", "Role", "X-Remote-User", "X-Webauth-User", "X-Auth-Request-User"} {
		w := b.do(call{method: "GET", path: "/api/v1/users", as: "rita", header: map[string]string{header: "admin"}})
		require.Equal(t, http.StatusForbidden, w.Code, header)
	}
	forged := forge(t, b.bearer, map[string]any{"role": "admin", "roles": []string{"admin"}, "scope": "user.manage"})
	w := b.do(call{method: "GET", path: "/api/v1/users", header: map[string]string{"Authorization": forged}})
	require.Equal(t, http.StatusUnauthorized, w.Code, "a token that was changed is none")
	claims := claimsOf(t, b.bearer)
	for _, never := range []string{"role", "roles", "scope", "actions", "name", "username"} {
		require.NotContains(t, claims, never, "a token says who, never what he may")
	}
}
