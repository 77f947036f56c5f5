//go:build !nollama

package app

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostileCase is one of the texts and bodies that end other programs.
type hostileCase struct {
	ID, Kind, Expect string
	Parts            [][2]any
	Body             *string `json:"body_b64"`
	Zlib             *string `json:"body_zlib_b64"`
}

// bodies answers what is sent: the case as it is, and so that its text is judged in any case.
func (c hostileCase) bodies(t *testing.T) [][]byte {
	t.Helper()
	if c.Parts != nil {
		var b strings.Builder
		for _, p := range c.Parts {
			b.WriteString(strings.Repeat(p[0].(string), int(p[1].(float64)))) //nolint:forcetypeassert // a test
		}
		runes := []rune(b.String())
		return [][]byte{native("%s", b.String()), native("%s", string(runes[:min(len(runes), 600)]))}
	}
	if c.Body != nil {
		raw, err := base64.StdEncoding.DecodeString(*c.Body)
		require.NoError(t, err)
		return [][]byte{raw, bytes.Replace(raw, []byte(`"messages"`), []byte(`"input"`), 1)}
	}
	require.NotNil(t, c.Zlib)
	packed, err := base64.StdEncoding.DecodeString(*c.Zlib)
	require.NoError(t, err)
	z, err := zlib.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	raw, err := io.ReadAll(z)
	require.NoError(t, err)
	return [][]byte{raw, bytes.Replace(raw, []byte(`"messages"`), []byte(`"input"`), 1)}
}

// TestHostileTextsThroughEverything: threats M7, T5, R1. Every case of goldens/qwen/text-crash goes over TLS through the gate to the real
// engine: a verdict or a clear 4xx, a row for each, and the next ordinary text is judged as before.
func TestHostileTextsThroughEverything(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "goldens", "qwen", "text-crash", "cases.jsonl"))
	if err != nil {
		t.Skip("not run: the 68 hostile cases of goldens/qwen/text-crash are not beside the repository")
	}
	// The whole text passes tokenizer and limit; what the engine is asked about is bounded, so that the test takes seconds.
	c := newCrowd(t, 1, map[string]string{"models.max_input_tokens": "3000"})
	before := runtime.NumGoroutine()
	h := c.person("127.0.0.1")
	post := func(body []byte) answer {
		a, err := c.judge(t.Context(), h, c.keys[0], "/api/v1/moderations", body)
		require.NoError(t, err)
		return a
	}
	ordinary := native("What is a good recipe for bread?")
	first := post(ordinary)
	require.Equal(t, http.StatusOK, first.status)
	cases, answered := 0, 0
	for line := range strings.Lines(string(data)) {
		var hostile hostileCase
		require.NoError(t, json.Unmarshal([]byte(line), &hostile))
		cases++
		for i, body := range hostile.bodies(t) {
			a := post(body)
			if a.status == http.StatusOK && (hostile.Expect != "4xx" || i == 1) {
				answered++
				require.Contains(t, []string{"allow", "review", "block"}, a.Action, hostile.ID)
			} else {
				require.GreaterOrEqual(t, a.status, 400, "%s %s: %s", hostile.ID, hostile.Kind, a.body)
				require.Less(t, a.status, 499, "%s %s: %s", hostile.ID, hostile.Kind, a.body)
			}
		}
		again := post(ordinary)
		require.Equal(t, http.StatusOK, again.status, "after %s", hostile.ID)
		require.Equal(t, first.Action, again.Action, "after %s", hostile.ID)
	}
	require.Equal(t, 68, cases)
	require.Greater(t, answered, 40)
	h.CloseIdleConnections()
	t.Log(c.settled(before))
}
