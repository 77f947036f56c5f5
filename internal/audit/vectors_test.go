package audit_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
)

// -update writes the vectors anew: a change of them is a change of the contract.
var update = flag.Bool("update", false, "rewrite the vectors in docs/audit.md") //nolint:gochecknoglobals // a test flag

const page = "../../docs/audit.md"

const marker = "<!-- vector -->\n"

// vectors are the events that docs/audit.md shows: plain, hostile strings, empty.
func vectors() []audit.Event {
	first := audit.Event{
		V: 1, ID: "evt_01KAJ0G0000000000000000001", Seq: 1, At: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		Actor: audit.Actor{Type: "user", ID: "usr_01KAJ0FZZZ0000000000000001", Name: "rita"},
		Roles: []string{"reviewer"}, Groups: []string{}, Operation: "infer", IP: "192.0.2.7", UserAgent: "OpenAI/Python 2.8.0",
		Action: "moderation.run", Model: "guard-nano", ModelSHA256: strings.Repeat("ab", 32), Decision: "allow",
		RuleID: "shipped-guard-nano", PolicyVersion: 1, RequestID: "req_01KAJ0G0000000000000000002",
		ContentHash: strings.Repeat("0c", 32), Duration: 9500 * time.Microsecond,
		Details:  map[string]any{"items": 2, "flagged": true, "modes": []string{"strict"}},
		PrevHash: audit.Genesis,
	}
	first.Hash = first.ComputeHash()
	second := audit.Event{
		V: 1, ID: "evt_01KAJ0G0000000000000000003", Seq: 2, At: time.Date(2026, 11, 21, 9, 0, 1, 5_000_000, time.UTC),
		Actor: audit.Actor{Type: "key", ID: "usr_01KAJ0FZZZ0000000000000001", Name: "李 \"rita\" \\ <b>&amp;"}, KeyID: "key_01KAJ0FZZZ0000000000000009",
		Roles: []string{"reviewer", "护士"}, Groups: []string{"radiology"}, Purpose: "line one\nline two\ttab\u0001\u001f\u007f\u2028 😀",
		Operation: "infer", IP: "2001:db8::1", UserAgent: "\ufffd\b\f\r/", Action: "moderation.run", Resource: "mod_01KAJ0G0000000000000000004",
		Model: "imported-1", Decision: "error", Reason: "canceled", PolicyVersion: 9007199254740991, RequestID: "req_01KAJ0G0000000000000000005",
		Duration: time.Microsecond,
		Details: map[string]any{
			"code": "canceled", "Z": -1, "a": nil, "é": "e\u0301", "nested": map[string]any{"b": []any{}, "a": map[string]any{}}, "n": 9007199254740991,
		},
		PrevHash: first.Hash,
	}
	second.Hash = second.ComputeHash()
	empty := audit.Event{V: 1, At: time.UnixMilli(0), PrevHash: audit.Genesis}
	empty.Hash = empty.ComputeHash()
	return []audit.Event{first, second, empty}
}

// spaced is the event as a server may send it: indented and escaped otherwise than the canonical form.
func spaced(t *testing.T, e audit.Event) string {
	t.Helper()
	b, err := json.MarshalIndent(e, "", "  ")
	require.NoError(t, err)
	return string(b)
}

func TestVectorsOfTheDocument(t *testing.T) {
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	head, tail, ok := strings.Cut(string(data), marker)
	require.True(t, ok)
	if *update {
		tail = ""
		for _, e := range vectors() {
			tail += "\n```json\n" + spaced(t, e) + "\n```\n```text\n" + string(audit.Canonical(e)) + "\n```\n```text\n" + e.Hash + "\n```\n"
		}
		require.NoError(t, os.WriteFile(page, []byte(head+marker+tail), 0o600))
	}
	blocks := fenced(tail)
	want := vectors()
	require.Len(t, blocks, 3*len(want))
	for i, e := range want {
		event, canonical, hash := blocks[3*i], blocks[3*i+1], blocks[3*i+2]
		var parsed audit.Event
		require.NoError(t, json.Unmarshal([]byte(event), &parsed))
		require.Equal(t, canonical, string(audit.Canonical(parsed)), "from its JSON alone")
		require.Equal(t, hash, parsed.ComputeHash())
		require.Equal(t, hash, parsed.Hash)
		require.Equal(t, canonical, string(audit.Canonical(e)))
		require.True(t, json.Valid([]byte(canonical)))
	}
}

// fenced answers the contents of the fenced blocks of a page.
func fenced(text string) []string {
	var out []string
	var block []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```") && inside:
			out, block, inside = append(out, strings.Join(block, "\n")), nil, false
		case strings.HasPrefix(line, "```"):
			inside = true
		case inside:
			block = append(block, line)
		}
	}
	return out
}
