package health_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/health"
)

// server answers what the test says, and the settings that find it: its certificate stands where an own authority's would.
func server(t *testing.T, status int, body string) (health.Settings, *httptest.Server) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != health.Ready {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Location", "/healthz")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	data := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(data, "tls"), 0o700))
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(data, "tls", "ca.pem"), ca, 0o600))
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	return health.Settings{Listen: u.Host, Data: data}, s
}

func ask(t *testing.T, s health.Settings) health.Report {
	t.Helper()
	target, err := health.Find(s)
	require.NoError(t, err)
	return target.Ask(t.Context(), health.Ready, 5*time.Second, time.Now)
}

func TestReadyIsOnlyTheServersOwnWord(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		good   bool
		words  string
	}{
		"ready":            {200, `{"status":"ready"}`, true, "good"},
		"degraded":         {200, `{"status":"ready","degraded":[{"code":"anchor_failing","detail":"No copies."}]}`, true, "good, but anchor_failing"},
		"not ready":        {503, `{"code":"loading","status":503,"detail":"x","reasons":[{"code":"setup_required","detail":"No admin."},{"code":"loading","detail":"Wait."}]}`, false, "not ready: setup_required, loading"},
		"refused":          {403, `{"status":403,"detail":"This listener does not serve your address."}`, false, "does not serve your address"},
		"another page":     {200, `<html>Welcome</html>`, false, "not as Guardhouse does"},
		"another service":  {200, `{"status":"up"}`, false, "not as Guardhouse does"},
		"ready, but 503":   {503, `{"status":"ready"}`, false, "not as Guardhouse does"},
		"a redirect":       {302, `{"status":"ready"}`, false, "not as Guardhouse does"},
		"nothing":          {200, ``, false, "not as Guardhouse does"},
		"200 with reasons": {200, `{"status":200,"reasons":[{"code":"loading"}]}`, false, "not ready: loading"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := server(t, c.status, c.body)
			r := ask(t, s)
			require.Equal(t, c.good, r.Good)
			require.Equal(t, c.status, r.Status)
			require.Contains(t, r.Words(), c.words)
			require.NotNil(t, r.Reasons, "a list, never null")
		})
	}
}

func TestTheAddressIsTheListenersOwn(t *testing.T) {
	s, srv := server(t, 200, `{"status":"ready"}`)
	_, port, err := net.SplitHostPort(s.Listen)
	require.NoError(t, err)
	for _, listen := range []string{"0.0.0.0:" + port, ":" + port, "[::]:" + port} {
		s.Listen = listen
		r := ask(t, s)
		require.True(t, r.Good, "%s: %s", listen, r.Words())
		require.Equal(t, "https://127.0.0.1:"+port+"/readyz", r.URL)
	}
	s.URL = srv.URL + "/"
	require.True(t, ask(t, s).Good, "the folder's authority is trusted at another address too")

	for _, wrong := range []health.Settings{
		{Listen: "127.0.0.1:0"},
		{Listen: "here"},
		{URL: "guard.example.org"},
		{URL: "ftp://guard.example.org"},
		{URL: "https://name:word@guard.example.org"},
		{URL: "https://guard.example.org/?a=b"},
	} {
		_, err := health.Find(wrong)
		var address *health.AddressError
		require.ErrorAs(t, err, &address, "%+v", wrong)
	}
}

// Whoever else listens on the port, with a certificate of his own, is not the server.
func TestAStrangersCertificateIsNoHealth(t *testing.T) {
	_, stranger := server(t, 200, `{"status":"ready"}`)
	own, srv := server(t, 503, `{}`)
	other := filepath.Join(own.Data, "tls", "ca.pem")
	require.NoError(t, os.WriteFile(other, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600))
	u, err := url.Parse(stranger.URL)
	require.NoError(t, err)
	own.Listen = u.Host
	_, err = health.Find(own)
	require.ErrorContains(t, err, "holds no certificate")
	require.NoError(t, os.Remove(other))
	_, err = health.Find(own)
	require.ErrorContains(t, err, "no server has started on this folder")
	own.URL = srv.URL
	r := ask(t, own)
	require.False(t, r.Good)
	require.Contains(t, r.Words(), "is --data right?")
}

func TestAGivenCertificateIsTheOneThatIsTrusted(t *testing.T) {
	s, _ := server(t, 200, `{"status":"ready"}`)
	s.Cert = filepath.Join(s.Data, "tls", "ca.pem")
	require.NoError(t, os.Rename(s.Cert, s.Cert+".given"))
	s.Cert += ".given"
	require.True(t, ask(t, s).Good, "asked at an address, known by its name")
	require.NoError(t, os.WriteFile(s.Cert, []byte("no certificate"), 0o600))
	_, err := health.Find(s)
	require.ErrorContains(t, err, "holds no certificate")
}

func TestNoAnswerIsSaid(t *testing.T) {
	s, srv := server(t, 200, `{"status":"ready"}`)
	srv.Close()
	require.Contains(t, ask(t, s).Words(), "is the server running?")

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	s.Listen = silent.Addr().String()
	target, err := health.Find(s)
	require.NoError(t, err)
	r := target.Ask(t.Context(), health.Ready, 50*time.Millisecond, time.Now)
	require.Contains(t, r.Words(), "no answer within 50ms")
	require.Zero(t, r.Status)

	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"ready"}`)) }))
	t.Cleanup(plain.Close)
	u, err := url.Parse(plain.URL)
	require.NoError(t, err)
	s.Listen = u.Host
	require.Contains(t, ask(t, s).Words(), "does not speak TLS")
	s.Plain = true
	require.True(t, ask(t, s).Good)
}
