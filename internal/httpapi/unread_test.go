package httpapi_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/httpapi"
	"guardhouse/internal/metrics"
)

// deaf is a caller who does not read: the time to write to him runs out.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// Whoever has an account must not be able to fill the log with errors of ours by not reading his answers.
func TestAnAnswerThatNobodyReadsIsNoFailureOfOurs(t *testing.T) {
	registry, err := metrics.New(httpapi.ErrorCodes())
	require.NoError(t, err)
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) { d.Metrics = registry })
	r := httptest.NewRequest(http.MethodGet, "https://localhost/api/v1/auth/me", nil)
	r.Header.Set("Authorization", "Bearer "+b.keys["rita"])
	b.server.ServeHTTP(deaf{httptest.NewRecorder()}, r)
	require.Contains(t, b.logs.String(), `"msg":"request"`)
	require.NotContains(t, b.logs.String(), "ERROR")
	var text bytes.Buffer
	require.NoError(t, registry.Write(&text))
	require.Contains(t, text.String(), `guardhouse_http_refusals_total{code="canceled"} 1`)
	require.NotContains(t, text.String(), `guardhouse_http_refusals_total{code="internal"} 1`)
}

// An HTTP/2 request names its host in :authority alone: one that names another in :path is read differently by every proxy.
func TestHTTP2PathsAreNoAddresses(t *testing.T) {
	b := newBench(t)
	for target, want := range map[string]int{"/healthz": 200, "http://evil/healthz": 400, "https://localhost/healthz": 400, "*": 400} {
		r := httptest.NewRequest(http.MethodGet, "https://localhost/healthz", nil)
		r.Proto, r.ProtoMajor, r.ProtoMinor, r.RequestURI = "HTTP/2.0", 2, 0, target
		w := httptest.NewRecorder()
		b.server.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, target)
	}
}
