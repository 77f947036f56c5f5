package main

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// asked is what a server of verdicts or completions was sent.
type asked struct {
	mu      sync.Mutex
	bodies  []map[string]any
	headers []http.Header
}

func (a *asked) server(t *testing.T, answer string) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		a.mu.Lock()
		a.bodies, a.headers = append(a.bodies, body), append(a.headers, r.Header.Clone())
		a.mu.Unlock()
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	return s
}

func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return name
}

func secret(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	require.NoError(t, os.Chmod(name, mode))
	return name
}

const oneVerdict = `{"severity":"Safe","cached":false,"timings":{"queue_ms":0,"model_ms":2,"prompt_tokens":57}}`

func TestBenchOfARunningServer(t *testing.T) {
	var a asked
	s := a.server(t, oneVerdict)
	base := []string{"bench", "--url", s.URL, "--ca", caFile(t, s), "--clients", "1,2", "--rounds", "2", "--requests", "5", "--warmup", "0"}
	r := guardhouse(t, "", append(base, "--key-file", secret(t, "gh_planted\n", 0o600), "--json", "--samples")...)
	require.Equal(t, exitGood, r.code, r.err)
	require.Equal(t, 4, strings.Count(r.err, "\n"), "a line for each round: %s", r.err)
	require.Equal(t, "Bearer gh_planted", a.headers[0].Get("Authorization"))
	require.NotContains(t, r.out+r.err, "gh_planted")
	var report struct {
		Version map[string]string
		Machine struct{ Cores int }
		Rounds  []struct {
			Verdicts int
			Samples  []struct{ Label string }
		}
		Summary []struct{ Clients int }
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.Equal(t, "dev", report.Version["version"])
	require.Positive(t, report.Machine.Cores)
	require.Len(t, report.Rounds, 4)
	require.Len(t, report.Rounds[3].Samples, 5)
	require.Len(t, report.Summary, 2)

	t.Setenv(environmentKey, "gh_of_the_environment")
	r = guardhouse(t, "", base...)
	require.Equal(t, exitGood, r.code, r.err)
	require.Equal(t, "Bearer gh_of_the_environment", a.headers[len(a.headers)-1].Get("Authorization"))
	require.Contains(t, r.out, "| 2 | ")
	r = guardhouse(t, "gh_piped\n", append(base, "--key-file", "-")...)
	require.Equal(t, exitGood, r.code, r.err)
	require.Equal(t, "Bearer gh_piped", a.headers[len(a.headers)-1].Get("Authorization"))
}

// The prompt is the embedded guard's own, and the lead-in asks for one token.
func TestBenchOfAServerThatTakesPrompts(t *testing.T) {
	var a asked
	s := a.server(t, `{"choices":[{"text":" Safe"}],"usage":{"prompt_tokens":60}}`)
	texts := filepath.Join(t.TempDir(), "texts")
	require.NoError(t, os.WriteFile(texts, []byte("MY OWN TEXT\n"), 0o600))
	r := guardhouse(t, "", "bench", "--url", s.URL, "--ca", caFile(t, s), "--api", "completions", "--lead-in", "--texts", texts,
		"--clients", "1", "--rounds", "1", "--requests", "1", "--warmup", "0s", "--extra", `{"top_k":1}`)
	require.Equal(t, exitGood, r.code, r.err)
	last := a.bodies[len(a.bodies)-1]
	require.Contains(t, last["prompt"], "MY OWN TEXT")
	require.True(t, strings.HasSuffix(last["prompt"].(string), "Safety:"), last["prompt"])
	require.Greater(t, len(last["prompt"].(string)), len("MY OWN TEXTSafety:"), "the template stands around it")
	require.InDelta(t, 1, last["max_tokens"], 0)
	require.InDelta(t, 1, last["top_k"], 0)

	dir := t.TempDir()
	prefix, suffix := filepath.Join(dir, "p"), filepath.Join(dir, "s")
	require.NoError(t, os.WriteFile(prefix, []byte("BEFORE "), 0o600))
	require.NoError(t, os.WriteFile(suffix, []byte(" AFTER\n"), 0o600))
	r = guardhouse(t, "", "bench", "--url", s.URL, "--ca", caFile(t, s), "--api", "completions", "--texts", texts, "--template-prefix", prefix, "--template-suffix", suffix,
		"--clients", "1", "--rounds", "1", "--requests", "1", "--warmup", "0s")
	require.Equal(t, exitGood, r.code, r.err)
	require.Equal(t, "BEFORE MY OWN TEXT AFTER\n", a.bodies[len(a.bodies)-1]["prompt"])
}

func TestBenchUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"never touches a folder":         {"--data", t.TempDir()},
		"--set KEY=VALUE":                {"--config", "x.yaml"},
		"go with --url":                  {"--key-file", "x"},
		"without --url":                  {"--url", "https://localhost", "--gguf", "x"},
		"others can use the file":        {"--url", "https://localhost", "--key-file", secret(t, "gh_x", 0o644)},
		"--ca":                           {"--url", "https://localhost", "--ca", "/nonexistent"},
		"no certificate":                 {"--url", "https://localhost", "--ca", secret(t, "x", 0o600)},
		"takes texts, not prompts":       {"--url", "https://localhost", "--template-from", "x"},
		"go together":                    {"--url", "https://localhost", "--api", "ollama", "--model", "m", "--template-prefix", "x"},
		"reading the template":           {"--url", "https://localhost", "--api", "ollama", "--model", "m", "--template-prefix", "/nonexistent", "--template-suffix", "x"},
		"--api is one of":                {"--url", "https://localhost", "--api", "grpc"},
		"--url wants an address":         {"--url", "localhost"},
		"either --distinct or --repeat":  {"--distinct", "--repeat", "3"},
		"--texts":                        {"--texts", "/nonexistent"},
		"--clients wants":                {"--clients", "0"},
		"invalid argument":               {"--duration", "10"},
		"itself offers":                  {"--api", "chat"},
		"--starts wants":                 {"--starts", "0"},
		"unknown flag: --key":            {"--key", "gh_x"},
		"unknown command":                {"extra"},
		"makes more than":                {"--rate", "99999", "--duration", "10m"},
		"nothing to measure":             {"--url", "https://localhost", "--rounds", "0"},
		"in the clear":                   {"--url", "http://192.0.2.1", "--key-file", secret(t, "gh_x", 0o600)},
		"wants a JSON object":            {"--url", "https://localhost", "--extra", "x"},
		"takes none":                     {"--url", "https://localhost", "--lead-in"},
		"leave --model out":              {"--gguf", "x", "--model", "m"},
		"brings others":                  {"--seed", "2", "--texts", "x"},
		"holds no text":                  {"--texts", secret(t, "\n", 0o600)},
		"setting looks like engine.thre": {"--set", "threads"},
	} {
		r := guardhouse(t, "", append([]string{"bench"}, args...)...)
		require.Equal(t, exitUsage, r.code, "%v: %s", args, r.err)
		require.Contains(t, r.err, want, "%v", args)
		require.Equal(t, 1, strings.Count(r.err, "\n"), "%v: one line, not %q", args, r.err)
		require.Empty(t, r.out)
	}
}

func TestBenchSaysWhatIsWrongWithTheServer(t *testing.T) {
	var a asked
	s := a.server(t, "<html>")
	r := guardhouse(t, "", "bench", "--url", s.URL, "--ca", caFile(t, s))
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "not as --api says")
	r = guardhouse(t, "", "bench", "--url", s.URL)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "give --ca FILE")
	r = guardhouse(t, "", "bench", "--url", "http://127.0.0.1:1")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "connection refused")
}
