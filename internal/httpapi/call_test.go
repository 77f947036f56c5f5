package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
)

// call is one request; empty members are left out.
type call struct {
	method, path string
	as           string // user whose key is sent
	body         string
	header       map[string]string
	host, peer   string
}

func (b *bench) do(c call) *httptest.ResponseRecorder {
	b.t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r := httptest.NewRequest(c.method, "https://localhost/", body)
	r.URL.Path, r.RequestURI = c.path, c.path
	setPath(b.t, r, c.path)
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.as != "" {
		require.NotEmpty(b.t, b.keys[c.as])
		r.Header.Set("Authorization", "Bearer "+b.keys[c.as])
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.host != "" {
		r.Host = c.host
	}
	if c.peer != "" {
		r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(c.peer), 4321).String()
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	b.noSecret(c, w)
	return w
}

// noSecret holds every answer of every test: no hash anywhere, and a key's secret in the answer that makes it alone.
func (b *bench) noSecret(c call, w *httptest.ResponseRecorder) {
	b.t.Helper()
	for _, found := range hidden.FindAllString(w.Body.String(), -1) {
		require.Contains(b.t, c.body, found, "%s %s tells what nobody sent", c.method, c.path)
	}
	makes := c.path == "/api/v1/keys" || strings.HasPrefix(c.path, "/api/v1/keys/") && strings.HasSuffix(c.path, "/rotate")
	if c.method != http.MethodPost || !makes || w.Code != http.StatusCreated {
		require.NotRegexp(b.t, apiKey, w.Body.String(), "%s %s", c.method, c.path)
	}
}

// setPath parses what a client would put on the request line.
func setPath(t testing.TB, r *http.Request, target string) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	require.NoError(t, err)
	r.URL = u
}

// rows answers the audit log, oldest first.
func (b *bench) rows() []audit.Event {
	b.t.Helper()
	var all []audit.Event
	f := audit.Filter{Limit: 500}
	for {
		page, err := b.log.List(b.t.Context(), f)
		require.NoError(b.t, err)
		all = append(all, page.Items...)
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			break
		}
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// newRows answers what fn added to the log.
func (b *bench) newRows(fn func()) []audit.Event {
	b.t.Helper()
	before := len(b.rows())
	fn()
	return b.rows()[before:]
}

// soon polls until ok, at most five seconds.
func soon(t testing.TB, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 5*time.Second, 2*time.Millisecond)
}

// key answers a fresh key of a user, narrowed.
func (b *bench) key(owner string, modelIDs, operations []string) string {
	b.t.Helper()
	_, secret, err := b.auth.CreateKey(b.t.Context(), access.System("tester"), auth.NewKey{
		Label: "test", UserName: owner, Models: modelIDs, Operations: operations,
	}, nil)
	require.NoError(b.t, err)
	return secret
}
