package prompt

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// threat M7: the texts that end the process in the engine's own tokenizer.
func TestTextCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	g := tinyGuard(t)
	p := shared(t, "goldens", "qwen", "text-crash", "cases.jsonl")
	if g == nil || p == "" {
		return
	}
	f, err := os.Open(p)
	require.NoError(t, err)
	defer f.Close()
	lines, n := bufio.NewScanner(f), 0
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var c struct {
			ID    string
			Kind  string
			Parts []json.RawMessage
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		if c.Parts == nil {
			continue // a request body: the HTTP layer's
		}
		n++
		var b strings.Builder
		for _, part := range c.Parts {
			var s string
			var times int
			require.NoError(t, json.Unmarshal(part, &[]any{&s, &times}))
			b.WriteString(strings.Repeat(s, times))
		}
		start := time.Now()
		prompt, err := g.Encode([]Message{{"user", b.String()}})
		took := time.Since(start)
		require.NoError(t, err, c.ID)
		require.Less(t, took, time.Minute, c.ID) // measured: at most 60 ms
		body := prompt.IDs[prompt.Prefix : prompt.Prefix+prompt.BodyIDs]
		require.Equal(t, " "+normalize(norm.NFC, b.String())+"\n\n", g.tok.Decode(body), c.ID)
		require.Less(t, slices.Max(body), int32(151643), c.ID) // threat T1
		t.Logf("%s %-22s %8d ids %v", c.ID, c.Kind, prompt.BodyIDs, took)
	}
	require.NoError(t, lines.Err())
	require.Equal(t, 45, n)
}
