package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
)

// golden answers a path below the shared reference outputs, "" where they are absent.
func golden(t testing.TB, parts ...string) string {
	t.Helper()
	p := filepath.Join(append([]string{"..", "..", "..", "shared", "goldens", "qwen"}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Logf("NOT RUN: the reference outputs are not here (%s)", filepath.Join(parts...))
		return ""
	}
	return p
}

func reference(t testing.TB) *Tokenizer {
	t.Helper()
	p := golden(t, "tiny-guard", "tiny-guard-q8_0.gguf")
	if p == "" {
		return nil
	}
	f, err := os.Open(p)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := gguf.Read(f, info.Size())
	require.NoError(t, err)
	require.NoError(t, file.CheckLlama())
	v, err := VocabOf(file)
	require.NoError(t, err)
	tok, err := New(v)
	require.NoError(t, err)
	return tok
}

func TestGoldenBodies(t *testing.T) {
	tok := reference(t)
	if tok == nil {
		return
	}
	f, err := os.Open(golden(t, "guard-template", "cases.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		var c struct {
			ID       string
			Body     string
			BodyIDs  []int32 `json:"body_ids"`
			NeedsNFC bool    `json:"needs_nfc"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		if c.NeedsNFC {
			continue
		}
		n++
		require.Equal(t, c.BodyIDs, tok.Encode(c.Body), c.ID)
		require.Equal(t, c.Body, tok.Decode(c.BodyIDs), c.ID)
	}
	require.NoError(t, lines.Err())
	require.Greater(t, n, 70)
}

func TestGoldenFixedParts(t *testing.T) {
	tok := reference(t)
	if tok == nil {
		return
	}
	b, err := os.ReadFile(golden(t, "guard-template", "split.json"))
	require.NoError(t, err)
	var s struct {
		Modes map[string]struct {
			PrefixText string  `json:"prefix_text"`
			PrefixIDs  []int32 `json:"prefix_ids"`
			SuffixText string  `json:"suffix_text"`
			SuffixIDs  []int32 `json:"suffix_ids"`
		}
		Answer struct {
			LeadIn  []int32            `json:"leadin_ids"`
			Labels  map[string][]int32 `json:"label_ids"`
			Classes map[string][]int32 `json:"category_ids"`
		}
	}
	require.NoError(t, json.Unmarshal(b, &s))
	for name, m := range s.Modes {
		require.Equal(t, m.PrefixIDs, tok.EncodeSpecial(m.PrefixText), name)
		require.Equal(t, m.SuffixIDs, tok.EncodeSpecial(m.SuffixText), name)
	}
	require.Equal(t, s.Answer.LeadIn, tok.Encode("Safety:"))
	for word, ids := range s.Answer.Labels {
		require.Equal(t, ids, tok.Encode(" "+word))
	}
	for word, ids := range s.Answer.Classes {
		require.Equal(t, ids, tok.Encode(" "+word))
	}
}
