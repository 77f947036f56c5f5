//go:build !nollama

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const tinyGuard = "../../../shared/goldens/qwen/tiny-guard"

// goldenCase is a row of the reference: what the model goldenAnswer unforced, and how sure of its labels it was.
type goldenCase struct {
	ID         string
	Messages   json.RawMessage
	IDs        []int32
	Probs      map[string]float64 `json:"label_probs"`
	GreedyText string             `json:"greedy_text"`
}

// goldenAnswer is what the server says of one.
type goldenAnswer struct {
	Severity, Action string
	Categories       []string
	Refusal          *bool
	Scores           map[string]float64
	Model            struct{ SHA256 string }
	Timings          struct {
		PromptTokens int `json:"prompt_tokens"`
	}
}

// greedy writes a verdict the way the model does.
func (a goldenAnswer) greedy() string {
	list := "None"
	if len(a.Categories) > 0 {
		list = strings.Join(a.Categories, ", ")
	}
	text := "Safety: " + a.Severity + "\nCategories: " + list
	if a.Refusal != nil {
		text += "\nRefusal: " + map[bool]string{true: "Yes", false: "No"}[*a.Refusal]
	}
	return text + "<|im_end|>"
}

// asks posts a conversation, again while the model is being loaded.
func (s *started) asks(t *testing.T, key string, messages json.RawMessage) (status int, a goldenAnswer) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"model": "tiny-guard", "input": messages})
	require.NoError(t, err)
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer c.CloseIdleConnections()
	require.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"api/v1/moderations", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		require.NoError(t, err, s.stderr.String())
		defer res.Body.Close()
		if status = res.StatusCode; status == http.StatusOK {
			require.NoError(t, json.NewDecoder(res.Body).Decode(&a))
		}
		return status != http.StatusServiceUnavailable
	}, time.Minute, 50*time.Millisecond)
	return status, a
}

// TestGoldensThroughImport: the reference model comes in by the command, through reader and sandboxed trial, and is served; over HTTPS it
// then gives the reference's verdicts, of as many tokens.
func TestGoldensThroughImport(t *testing.T) {
	f, err := os.Open(filepath.Join(tinyGuard, "goldens.jsonl"))
	if os.IsNotExist(err) {
		t.Skip("not run: the reference model is not on this machine")
	}
	require.NoError(t, err)
	defer f.Close()
	data := folder(t)
	in := command(t, "model", "import", filepath.Join(tinyGuard, "tiny-guard-q8_0.gguf"), "--id", "tiny-guard", "--kind", "guard", "--allow", "role:reviewer", "--data", data, "--json")
	require.Equal(t, exitGood, in.code, in.err)
	on(t, data, exitGood, password, "user", "create", "rita", "--role", "reviewer", "--password-stdin")
	key, _ := parsed(t, on(t, data, exitGood, "", "key", "create", "--user", "rita", "--label", "goldens", "--json"))["key"].(string)
	s := startAs(t, filepath.Dir(data), nil, "--no-supervisor", "--listen", "127.0.0.1:0")
	defer s.ends(t)
	verdicts, unreadable, blank := 0, 0, 0
	lines := bufio.NewScanner(f)
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		var g goldenCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &g))
		status, a := s.asks(t, key, g.Messages)
		if status == http.StatusBadRequest { // the product does not ask about nothing
			blank++
			continue
		}
		require.Equal(t, http.StatusOK, status, g.ID)
		require.Contains(t, in.out, a.Model.SHA256)
		if !strings.HasSuffix(g.GreedyText, "<|im_end|>") {
			require.Equal(t, "review", a.Action, g.ID)
			unreadable++
			continue
		}
		verdicts++
		require.Equal(t, g.GreedyText, a.greedy(), g.ID)
		require.Equal(t, len(g.IDs), a.Timings.PromptTokens, g.ID)
		labels := a.Scores["safe"] + a.Scores["controversial"] + a.Scores["unsafe"]
		for name, want := range g.Probs {
			require.InDelta(t, want, a.Scores[strings.ToLower(name)]/labels, 0.075, "%s: half the tolerance of a logit, %s", g.ID, name)
		}
	}
	require.NoError(t, lines.Err())
	t.Logf("%d verdicts and %d answers that are none, as the reference; %d blank texts refused", verdicts, unreadable, blank)
	require.Equal(t, 40, verdicts+unreadable+blank)
	require.Equal(t, 3, unreadable)
}
