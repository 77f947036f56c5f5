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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
	"guardhouse/internal/config"
	"guardhouse/internal/doctor"
	"guardhouse/internal/supervise"
)

// supervised is a parent in this process, and the server that it runs.
type supervised struct {
	t    *testing.T
	url  string
	data string
	http *http.Client
	keys map[string]string
	stop func() error
}

func newSupervised(t *testing.T, people ...string) *supervised {
	t.Helper()
	s := &supervised{t: t, data: filepath.Join(t.TempDir(), "data"), keys: map[string]string{}}
	c := settings(t, s.data)
	a, err := Open(t.Context(), c, Options{Engine: engine(t)})
	require.NoError(t, err)
	for _, name := range append(people, "root") {
		role := "reviewer"
		if name == "root" {
			role = "admin"
		}
		cli := access.System("tester")
		_, err = a.Auth.CreateUser(t.Context(), cli, auth.NewUser{Username: name, Role: role, Password: "a long sentence for tests"})
		require.NoError(t, err)
		_, s.keys[name], err = a.Auth.CreateKey(t.Context(), cli, auth.NewKey{Label: "tests", UserName: name}, nil)
		require.NoError(t, err)
	}
	require.NoError(t, a.Close())
	s.run(c)
	return s
}

// run starts the parent, and the test's clients.
func (s *supervised) run(c *config.Config) {
	t := s.t
	reserved, err := Reserve(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	told, err := json.Marshal(c.Handover())
	require.NoError(t, err)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0) // what Go says of a crash is pages long
	require.NoError(t, err)
	o := supervise.Options{
		Args: []string{"guardhouse", "serve"}, Config: told, Std: [3]*os.File{null, null, null}, Stopping: reserved.ClosePorts, Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
	}
	o.Files = func() (out []supervise.File, err error) {
		files, err := reserved.Files()
		for name, f := range files {
			out = append(out, supervise.File{Name: name, File: f})
		}
		return out, err
	}
	s.url = "https://" + reserved.ports["listen"].address
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- supervise.Run(ctx, o) }()
	s.stop = func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(deadline):
			return context.DeadlineExceeded
		}
	}
	t.Cleanup(func() {
		cancel()
		_ = reserved.Release()
		_ = null.Close()
	})
	var pem []byte
	require.Eventually(t, func() bool {
		pem, err = os.ReadFile(filepath.Join(s.data, "tls", "ca.pem"))
		return err == nil
	}, deadline, 5*time.Millisecond)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	s.http = &http.Client{Timeout: deadline, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

// ask sends one text once, as soon as the model is loaded. A status of 0 means that the connection died.
func (s *supervised) ask(who, path, text string) (status int, header http.Header, answer map[string]any) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(deadline); time.Now().Before(end); <-again.C {
		body, _ := json.Marshal(map[string]string{"input": text}) //nolint:errchkjson // a text
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+path, bytes.NewReader(body))
		if err != nil {
			return -1, nil, nil
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+s.keys[who])
		res, err := s.http.Do(req)
		if err != nil {
			return 0, nil, nil
		}
		raw, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return 0, nil, nil
		}
		answer = map[string]any{}
		if json.Unmarshal(raw, &answer) != nil {
			return -1, nil, nil
		}
		if answer["code"] != "loading" {
			return res.StatusCode, res.Header, answer
		}
	}
	return -1, nil, nil
}

const judging = "/api/v1/moderations"

// threat M8: the victim in the batch is answered; who sends another killer each time is stopped at the third crash, on both kinds of
// routes, and leaves a row each time.
func TestTheVictimIsAnsweredAndTheAttackerStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	s := newSupervised(t, "victim", "attacker")
	status, _, _ := s.ask("victim", judging, "good morning")
	require.Equal(t, http.StatusOK, status)

	answered := make(chan int, 1)
	died := make(chan struct{}, 1)
	go func() {
		for {
			status, _, _ := s.ask("victim", judging, "a patient report")
			if status != 0 {
				answered <- status
				return
			}
			select { // once more where the worker dies while the connection is made
			case died <- struct{}{}:
			default:
			}
		}
	}()
	status, _, _ = s.ask("attacker", judging, "patient killer 1")
	require.Zero(t, status)
	<-died
	for _, text := range []string{"killer 2", "killer 3"} {
		status, _, _ := s.ask("attacker", judging, text)
		require.Zero(t, status, text)
	}
	for _, text := range []string{"killer 4", "a harmless text"} {
		status, header, body := s.ask("attacker", judging, text)
		require.Equal(t, http.StatusTooManyRequests, status, body)
		require.Equal(t, "crash_stopped", body["code"])
		require.Regexp(t, `^(59\d|600)$`, header.Get("Retry-After"))
		require.Equal(t, `"crashes";r=0;t=`+header.Get("Retry-After"), header.Get("RateLimit"))
		require.Equal(t, `"crashes";q=3;w=600`, header.Get("RateLimit-Policy"))
	}
	status, _, body := s.ask("attacker", "/v1/moderations", "killer 5")
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, "crash_stopped", body["error"].(map[string]any)["code"])
	require.Equal(t, http.StatusOK, <-answered)
	status, _, _ = s.ask("victim", judging, "another report")
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, s.stop())
	require.Equal(t, 3, s.rows("crash_stopped"))
}

// threat M8: a payload that ended the worker twice, alone, is not run a third time, for nobody; the account's other texts are.
func TestAPayloadIsNotRunAThirdTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	s := newSupervised(t, "unlucky", "other")
	for range 2 {
		status, _, _ := s.ask("unlucky", judging, "killer")
		require.Zero(t, status)
	}
	for _, who := range []string{"unlucky", "other"} {
		status, _, body := s.ask(who, judging, "killer")
		require.Equal(t, http.StatusUnprocessableEntity, status, body)
		require.Equal(t, "payload_refused", body["code"])
		status, _, body = s.ask(who, "/v1/moderations", "killer")
		require.Equal(t, http.StatusUnprocessableEntity, status, body)
		require.Equal(t, "payload_refused", body["error"].(map[string]any)["code"])
		status, _, _ = s.ask(who, judging, "a harmless text")
		require.Equal(t, http.StatusOK, status)
	}
	require.NoError(t, s.stop())
	require.Equal(t, 4, s.rows("payload_refused"))
	w := s.noted()
	require.EqualValues(t, 2, w.Restarts)
	require.NotEmpty(t, w.Ended)
	require.WithinDuration(t, time.Now(), w.EndedAt, deadline)
}

// threat M3: a worker that was made to shut the ports that it shares with its parent ends, and the next one is called at the same address.
func TestShutPortsAreOpenedAnew(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	s := newSupervised(t, "caller")
	s.ask("caller", judging, "deafen")
	require.Eventually(t, func() bool {
		status, _, _ := s.ask("caller", judging, "good morning")
		return status == http.StatusOK
	}, deadline, 5*time.Millisecond)
	require.NoError(t, s.stop())
	require.EqualValues(t, 1, s.noted().Restarts)
}

// noted is what the last worker noted for doctor of those before it.
func (s *supervised) noted() (w doctor.Worker) {
	a, err := Open(s.t.Context(), settings(s.t, s.data), Options{Engine: engine(s.t)})
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, a.Close()) }()
	var text string
	require.NoError(s.t, a.DB.ReadSQL().QueryRowContext(s.t.Context(), "SELECT value FROM meta WHERE key = ?", doctor.WorkerKey).Scan(&text))
	require.NoError(s.t, json.Unmarshal([]byte(text), &w))
	return w
}

// rows answers how many rows of the log say of a use that it ended with a code, once the server is gone and the chain is found whole.
func (s *supervised) rows(code string) int {
	a, err := Open(s.t.Context(), settings(s.t, s.data), Options{Engine: engine(s.t)})
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, a.Close()) }()
	report, err := a.Audit.Verify(s.t.Context())
	require.NoError(s.t, err)
	require.True(s.t, report.OK(), report.Detail)
	var n int
	require.NoError(s.t, a.DB.ReadSQL().QueryRowContext(s.t.Context(), "SELECT count(*) FROM audit_events WHERE decision = 'error' AND json_extract(details, '$.code') = ?", code).Scan(&n))
	return n
}
