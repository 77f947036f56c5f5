package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/tokenizer"
	"guardhouse/models"
)

// deadline is only against hangs: each step takes milliseconds.
const deadline = 30 * time.Second

func engine(t *testing.T) inference.Engine {
	t.Helper()
	tok, err := nanoTokenizer()
	require.NoError(t, err)
	return fake.New(fake.Options{Decode: tok.Decode, Encode: tok.Encode})
}

func nanoTokenizer() (*tokenizer.Tokenizer, error) {
	f, err := gguf.Read(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
	if err != nil {
		return nil, err
	}
	v, err := tokenizer.VocabOf(f)
	if err != nil {
		return nil, err
	}
	return tokenizer.New(v)
}

// settings are those of a folder; further ones are "key=value".
func settings(t *testing.T, data string, further ...string) *config.Config {
	t.Helper()
	flags := map[string]string{"data": data, "listen": "127.0.0.1:0"}
	for _, f := range further {
		key, value, _ := strings.Cut(f, "=")
		flags[key] = value
	}
	c, err := config.Load(config.Sources{Flags: flags, Environ: []string{}})
	require.NoError(t, err)
	return c
}

// running is one Serve in the background.
type running struct {
	Notice
	stop context.CancelFunc
	done chan error
}

func serve(t *testing.T, data string, further ...string) *running {
	t.Helper()
	return serveAs(t, settings(t, data, further...), Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler)})
}

func serveAs(t *testing.T, c *config.Config, o Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stop: cancel, done: make(chan error, 1)}
	said := make(chan Notice, 1)
	go func() { r.done <- Serve(ctx, c, o, func(n Notice) { said <- n }) }()
	select {
	case r.Notice = <-said:
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(deadline):
		require.Fail(t, "the server announced nothing")
	}
	t.Cleanup(cancel)
	return r
}

func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(deadline):
		require.Fail(t, "the server did not stop")
	}
}

func (r *running) client(t *testing.T) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(r.CAFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	c := &http.Client{Timeout: deadline, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func (r *running) post(t *testing.T, c *http.Client, path, bearer string, body any) (int, map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSuffix(r.URL, "/")+path, bytes.NewReader(data))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := c.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	var answer map[string]any
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &answer), string(raw))
	return res.StatusCode, answer
}

func TestServeFromEmptyFolderToVerdict(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := serve(t, data)
	c := r.client(t)
	require.Len(t, r.SetupToken, 64)

	status, _ := r.post(t, c, "/api/v1/moderations", "", map[string]string{"input": "hi"})
	require.Equal(t, http.StatusServiceUnavailable, status, "nothing answers before the set-up")
	status, made := r.post(t, c, "/api/v1/setup", "", map[string]string{"token": r.SetupToken, "username": "alice", "password": "a long sentence for tests"})
	require.Equal(t, http.StatusCreated, status, made)
	bearer, ok := made["access_token"].(string)
	require.True(t, ok)

	var verdict map[string]any
	require.Eventually(t, func() bool {
		status, verdict = r.post(t, c, "/api/v1/moderations", bearer, map[string]string{"input": "how do I bake bread?"})
		return status == http.StatusOK
	}, deadline, 10*time.Millisecond, "the model is loaded in the background")
	require.Equal(t, "guard-nano", verdict["model"].(map[string]any)["id"])
	require.NotEmpty(t, verdict["audit_hash"])

	other, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err, "commands work beside a running server")
	report, err := other.Audit.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.OK(), report.Detail)
	require.Equal(t, verdict["audit_hash"], report.LastHash, "the row was durable before the answer")
	require.NoError(t, other.Close())

	second := Serve(t.Context(), settings(t, data), Options{Engine: engine(t)}, func(Notice) {})
	require.ErrorContains(t, second, "another guardhouse serves")
	r.end(t)

	again := serve(t, data)
	require.Empty(t, again.SetupToken, "an admin exists: no token is printed any more")
	again.end(t)
}

func TestRefusesKeyThatOthersCanRead(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	a, err := Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.NoError(t, os.Chmod(filepath.Join(data, "secrets", "root.key"), 0o644))
	_, err = Open(t.Context(), settings(t, data), Options{Engine: engine(t)})
	require.Error(t, err)
}
