package httpapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/httpapi"
)

// publicRoutes is the allow-list, written down a second time on purpose.
func publicRoutes() []string {
	return []string{
		"GET /healthz", "GET /readyz", "GET /api/v1/setup", "POST /api/v1/setup", "POST /api/v1/auth/login",
		"POST /api/v1/auth/refresh", "POST /login",
	}
}

func document(t testing.TB) *openapi3.T {
	t.Helper()
	data, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(data)
	require.NoError(t, err)
	return doc
}

type served struct {
	method, path string
	op           *openapi3.Operation
}

func operations(t testing.TB) []served {
	t.Helper()
	var out []served
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			out = append(out, served{method, path, op})
		}
	}
	slices.SortFunc(out, func(a, b served) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

func TestDocumentIsValid(t *testing.T) {
	require.NoError(t, document(t).Validate(t.Context()))
}

// threat Z1: an operation without a decision about who may call it does not exist.
func TestEveryOperationHasAKnownAction(t *testing.T) {
	var public []string
	for _, s := range operations(t) {
		action, _ := s.op.Extensions["x-action"].(string)
		if action == "public" {
			public = append(public, s.method+" "+s.path)
			require.NotNil(t, s.op.Security, "%s says that it needs a credential", s.path)
			require.Empty(t, *s.op.Security)
			continue
		}
		if action == "signed-in" { // written down a second time, too
			// Everybody may have himself explained; whoever asks about others is held to acl.manage behind the route.
			require.Contains(t, []string{"GET /api/v1/openapi.json", "POST /api/v1/access/explain", "GET /api/v1/access/can"}, s.method+" "+s.path)
			require.Nil(t, s.op.Security)
			continue
		}
		require.Contains(t, access.AllActions(), access.Action(action), "%s %s", s.method, s.path)
		require.Nil(t, s.op.Security, "%s %s says that it needs none", s.method, s.path)
	}
	require.ElementsMatch(t, publicRoutes(), public)
}

// TestEveryRouteIsInTheDocument: what gin serves is the document, the table of what is not built, and the console.
func TestEveryRouteIsInTheDocument(t *testing.T) {
	b := newBench(t)
	var documented []string
	for _, s := range operations(t) {
		documented = append(documented, s.method+" "+s.path)
	}
	documented = append(documented, "GET /", "HEAD /", "GET /ui/*path", "HEAD /ui/*path", "HEAD /healthz", "HEAD /readyz")
	documented = append(documented, httpapi.Unbuilt()...)
	parameter := regexp.MustCompile(`:([a-z_]+)`)
	var routes []string
	for _, r := range b.server.Routes() {
		routes = append(routes, parameter.ReplaceAllString(r, "{$1}"))
	}
	require.ElementsMatch(t, documented, routes)
}

// TestPromisedRoutesExist holds the routes against the design page, where that lies beside the repository.
func TestPromisedRoutesExist(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "design", "README.md"))
	if err != nil {
		t.Skip("not run: the design page is not beside the repository")
	}
	_, contract, _ := strings.Cut(string(page), "## 4. HTTP contract")
	contract, _, _ = strings.Cut(contract, "Native verdict")
	var known []string
	for _, s := range operations(t) {
		known = append(known, s.method+" "+s.path)
	}
	known = append(known, httpapi.Unbuilt()...)
	promised := regexp.MustCompile("`((?:GET|POST|PUT|PATCH|DELETE)(?:/(?:GET|POST|PUT|PATCH|DELETE))*) (/[^ `?]*)").FindAllStringSubmatch(contract, -1)
	require.Greater(t, len(promised), 20)
	for _, p := range promised {
		for _, method := range strings.Split(p[1], "/") {
			require.True(t, slices.ContainsFunc(known, func(k string) bool { // the page shortens some to their end
				return strings.HasPrefix(k, method+" ") && strings.HasSuffix(k, p[2])
			}), "%s %s", method, p[2])
		}
	}
	t.Logf("%d promised addresses are served or answer not_available", len(promised))
}

// concrete fills a path's parameters.
func concrete(path string) string {
	return regexp.MustCompile(`\{[a-z_]+\}|:[a-z_]+`).ReplaceAllString(path, "guard-nano")
}

// threat Z2: only the exact spelling of a path is one.
func TestPathVariants(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{
		"//api/v1/users", "/api//v1/users", "/api/v1//users", "/api/v1/users/", "/api/v1/users//", "/API/v1/users", "/api/v1/Users",
		"/api%2fv1/users", "/api/v1%2Fusers", "/api/v1/user%73", "/api/v1/./users", "/api/v1/x/../users", "/api/v1/users;x=1",
		"/%61pi/v1/users", "/api/v1/users%00", "/api/v1/users%20", "/./api/v1/users", "/ui/../api/v1/users", "/ui/..%2f..%2fapi/v1/users",
		"/v1/models/", "/V1/models", "/v1/models/guard%2Dnano", "/v1/models/%67uard-nano", "/api/v1/users.json", "/ui", "/UI/", "/users/", "/healthz/", "//healthz", "/readyz/",
	} {
		w := b.do(call{method: "GET", path: path, as: "alice"})
		if strings.HasPrefix(path, "/ui/") { // the console's own page, never the API
			require.NotContains(t, w.Body.String(), "items", path)
			continue
		}
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.Empty(t, w.Header().Get("Location"), path)
	}
}

// threat Z1: a server over a document that names an action nobody decides about does not start.
func TestUnknownActionsAreRefused(t *testing.T) {
	data, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	require.NoError(t, httpapi.ReadContract(data))
	replaced := func(action string) []byte {
		out := strings.Replace(string(data), "x-action: audit.read", action, 1)
		require.NotEqual(t, string(data), out)
		return []byte(out)
	}
	require.ErrorContains(t, httpapi.ReadContract(replaced("x-action: audit.reed")), `no action "audit.reed"`)
	require.ErrorContains(t, httpapi.ReadContract(replaced("x-other: audit.read")), "no x-action")
	for _, known := range []string{"public", "auth.logout", "user.manage"} {
		require.NoError(t, httpapi.ReadContract(replaced("x-action: "+known)), known)
	}
}
