package httpapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/moderation"
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

// One answer names everything there is to mend, the first as the code, and says nothing of names or files.
func TestReadyNamesAllThatIsWrong(t *testing.T) {
	low := false
	var broken error
	b := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) {
		d.DiskLow = func() bool { return low }
		d.Writable = func() error { return broken }
	})
	codes := func(body []byte) (out []string) {
		list, ok := object(t, body)["reasons"].([]any)
		require.True(t, ok, string(body))
		for _, r := range list {
			m, ok := r.(map[string]any)
			require.True(t, ok)
			require.NotEmpty(t, m["detail"])
			code, ok := m["code"].(string)
			require.True(t, ok)
			out = append(out, code)
		}
		return out
	}
	ask := func() *httptest.ResponseRecorder { return b.do(call{method: "GET", path: "/readyz"}) }
	require.Equal(t, http.StatusOK, ask().Code)
	require.Empty(t, b.server.NotReady(t.Context()))

	low = true
	w := ask()
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, []string{"disk_low"}, codes(w.Body.Bytes()))
	require.Equal(t, "audit_unavailable", field(t, w.Body.Bytes(), "code"))

	m, err := b.catalog.Resolve(t.Context(), "")
	require.NoError(t, err)
	b.catalog.SetState(m.ID, catalog.StateFailed, "/srv/secret/model.gguf cannot be read")
	require.NoError(t, b.scheduler.Remove(t.Context(), m.ID))
	fresh := newBench(t, func(_ *httpapi.Options, d *httpapi.Deps) {
		d.DiskLow = func() bool { return true }
		d.Writable = func() error { return errors.New("write /srv/data/guardhouse.db: no space left on device") }
		d.Moderation, d.Models = judging(moderation.Deps{DB: b.db, Guard: b.guard, Catalog: b.catalog, Scheduler: b.scheduler}, b.engine, moderation.Options{})
		d.Catalog = b.catalog
	})
	w = fresh.do(call{method: "GET", path: "/readyz"})
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, []string{"model_failed", "audit_unavailable", "disk_low"}, codes(w.Body.Bytes()))
	require.Equal(t, "loading", field(t, w.Body.Bytes(), "code"), "the first is the code")
	require.Equal(t, []string{"model_failed", "audit_unavailable", "disk_low"}, fresh.server.NotReady(t.Context()))
	for _, never := range []string{"/srv", ".gguf", ".db", m.ID, "no space"} {
		require.NotContains(t, w.Body.String(), never)
	}
	other := b.do(call{method: "GET", path: "/api/v1/nothing", as: "rita"})
	require.NotContains(t, object(t, other.Body.Bytes()), "reasons", "it is readiness' alone")
}

// A COMMIT that fails ends readiness at once: the last probe's good answer counts no more.
func TestAFailedCommitEndsReadiness(t *testing.T) {
	var failed atomic.Uint64
	var probes atomic.Int64
	var at atomic.Int64
	b := newBench(t, func(o *httpapi.Options, d *httpapi.Deps) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(at.Load())) }
		d.Writable = func() error { probes.Add(1); return nil }
		d.CommitsFailed = failed.Load
	})
	ready := func() int { return b.do(call{method: "GET", path: "/readyz"}).Code }
	require.Equal(t, http.StatusOK, ready())
	failed.Add(1)
	require.Equal(t, http.StatusServiceUnavailable, ready(), "no five seconds of grace")
	require.Equal(t, http.StatusServiceUnavailable, ready())
	require.EqualValues(t, 1, probes.Load(), "nobody makes the disk write by asking")
	at.Add(int64(6 * time.Second))
	require.Equal(t, http.StatusOK, ready(), "the disk is asked again in its time")
	require.EqualValues(t, 2, probes.Load())
}
