package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
)

func TestHealthAnswersHEADAsGET(t *testing.T) {
	b := newBench(t)
	host := httptest.NewServer(b.server)
	defer host.Close()
	ask := func(method, path string) (int, http.Header, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), method, host.URL+path, nil)
		require.NoError(t, err)
		w, err := host.Client().Do(r)
		require.NoError(t, err)
		defer func() { require.NoError(t, w.Body.Close()) }()
		body, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		return w.StatusCode, w.Header, body
	}
	for _, path := range []string{"/healthz", "/readyz", "/readyz?x=1"} {
		status, get, body := ask(http.MethodGet, path)
		require.NotEmpty(t, body)
		got, head, nothing := ask(http.MethodHead, path)
		require.Empty(t, nothing, path)
		require.Equal(t, status, got, path)
		for _, name := range []string{"Content-Type", "Cache-Control", "X-Content-Type-Options"} {
			require.Equal(t, get.Get(name), head.Get(name), "%s %s", path, name)
		}
	}
	status, _, _ := ask(http.MethodHead, "/api/v1/auth/me")
	require.Equal(t, http.StatusMethodNotAllowed, status, "no other route")
}

func TestReadyByHEADSaysNo(t *testing.T) {
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) { d.Writable = func() error { return io.ErrShortWrite } })
	require.Equal(t, http.StatusServiceUnavailable, b.do(call{method: "HEAD", path: "/readyz"}).Code)
	require.Equal(t, http.StatusOK, b.do(call{method: "HEAD", path: "/healthz"}).Code)
}

func TestImagePartsAreNotAvailableYet(t *testing.T) {
	b := newBench(t)
	for _, parts := range []string{
		`[{"type":"image_url","image_url":{"url":"x"}}]`, `[{"type":"image_url"}]`,
		`[{"type":"text","text":"hello"},{"image_url":{"url":"x"},"type":"image_url"}]`,
	} {
		w := b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":` + parts + `}`})
		require.Equal(t, http.StatusBadRequest, w.Code, w.Body)
		require.Contains(t, w.Body.String(), "Images are not available yet.", parts)
		require.Contains(t, w.Body.String(), `.image_url"`, parts)
	}
	w := b.do(call{method: "POST", path: "/v1/moderations", as: "rita", body: `{"input":[{"type":"video","text":"x"}]}`})
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.NotContains(t, w.Body.String(), "not available")
}
