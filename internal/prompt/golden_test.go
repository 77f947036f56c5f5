package prompt

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/tokenizer"
)

// nano is the guard that the product ships with.
const nano = "../../models/guard-nano.gguf"

// shared answers a path below the shared folder, "" where it is absent.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	p := filepath.Join(append([]string{"..", "..", "..", "shared"}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Logf("NOT RUN: the reference outputs are not here (%s)", filepath.Join(parts...))
		return ""
	}
	return p
}

func open(t testing.TB, path string) *gguf.File {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := gguf.Read(f, info.Size())
	require.NoError(t, err)
	require.NoError(t, file.CheckLlama())
	return file
}

func guardOf(t testing.TB, path string) *Guard {
	t.Helper()
	file := open(t, path)
	v, err := tokenizer.VocabOf(file)
	require.NoError(t, err)
	tok, err := tokenizer.New(v)
	require.NoError(t, err)
	g, err := NewGuard(file, tok, "")
	require.NoError(t, err)
	return g
}

func tinyGuard(t testing.TB) *Guard {
	t.Helper()
	p := shared(t, "goldens", "qwen", "tiny-guard", "tiny-guard-q8_0.gguf")
	if p == "" {
		return nil
	}
	return guardOf(t, p)
}

type goldenCase struct {
	ID       string
	Mode     string
	Messages []Message
	Rendered string
	Body     string
	Expected []int32 `json:"ids_expected"`
	BodyIDs  []int32 `json:"body_ids"`
}

func goldenCases(t testing.TB) []goldenCase {
	t.Helper()
	return jsonLines[goldenCase](t, shared(t, "goldens", "qwen", "guard-template", "cases.jsonl"), 76)
}

// jsonLines reads a file of so many JSON objects, one a line.
func jsonLines[T any](t testing.TB, path string, count int) (out []T) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one T
		require.NoError(t, json.Unmarshal(lines.Bytes(), &one))
		out = append(out, one)
	}
	require.NoError(t, lines.Err())
	require.Len(t, out, count)
	return out
}

// threat T1: ids_expected has no special id in the body where the naive ids have.
func TestGoldenPrompts(t *testing.T) {
	g := tinyGuard(t)
	if g == nil {
		return
	}
	src, err := os.ReadFile(shared(t, "goldens", "qwen", "guard-template", "chat_template.jinja"))
	require.NoError(t, err)
	tpl, err := Compile(string(src))
	require.NoError(t, err)
	require.True(t, g.Cut())
	for _, c := range goldenCases(t) {
		out, err := tpl.Render(c.Messages)
		require.NoError(t, err, c.ID)
		require.Equal(t, c.Rendered, out, c.ID)
		p, err := g.Encode(c.Messages)
		require.NoError(t, err, c.ID)
		require.Equal(t, c.Expected, p.IDs, c.ID)
		require.Equal(t, len(c.BodyIDs), p.BodyIDs, c.ID)
		require.Equal(t, c.Mode == "response", p.Response, c.ID)
	}
	g.cut = false // tokenised whole the ids are the same, only slower
	for _, c := range goldenCases(t) {
		p, err := g.Encode(c.Messages)
		require.NoError(t, err, c.ID)
		require.Equal(t, c.Expected, p.IDs, c.ID)
		require.Zero(t, p.Prefix)
	}
}

func TestGoldenSplit(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	g := tinyGuard(t)
	if g == nil {
		return
	}
	b, err := os.ReadFile(shared(t, "goldens", "qwen", "guard-template", "split.json"))
	require.NoError(t, err)
	var s struct {
		Modes map[string]struct {
			Prefix []int32 `json:"prefix_ids"`
			Suffix []int32 `json:"suffix_ids"`
		}
		Answer struct {
			LeadIn  []int32            `json:"leadin_ids"`
			Labels  map[string][]int32 `json:"label_ids"`
			Classes map[string][]int32 `json:"category_ids"`
			End     int32              `json:"end_id"`
		}
	}
	require.NoError(t, json.Unmarshal(b, &s))
	for mode, msgs := range map[string][]Message{
		"prompt": {{"user", "x"}}, "response": {{"user", "x"}, {"assistant", "y"}},
	} {
		p, err := g.Encode(msgs)
		require.NoError(t, err)
		require.Equal(t, s.Modes[mode].Prefix, p.IDs[:p.Prefix])
		require.Equal(t, s.Modes[mode].Suffix, p.IDs[p.Prefix+p.BodyIDs:])
	}
	v := g.Vocabulary()
	require.Equal(t, s.Answer.LeadIn, g.LeadIn())
	require.Equal(t, s.Answer.End, v.End)
	for _, w := range v.Labels {
		require.Equal(t, s.Answer.Labels[w.Text], w.IDs)
	}
	for _, w := range append(v.Categories, v.None) {
		require.Equal(t, s.Answer.Classes[w.Text], w.IDs)
	}
}

func TestGoldenRejects(t *testing.T) {
	g := tinyGuard(t)
	if g == nil {
		return
	}
	f, err := os.Open(shared(t, "goldens", "qwen", "guard-template", "reject.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	lines, n := bufio.NewScanner(f), 0
	for lines.Scan() {
		var c struct {
			ID       string
			Messages []struct {
				Role    string
				Content any
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		msgs := []Message{}
		for _, m := range c.Messages {
			s, ok := m.Content.(string)
			if !ok {
				msgs = nil // content that is no text never gets here: the HTTP layer refuses it
				break
			}
			msgs = append(msgs, Message{m.Role, s})
		}
		if msgs == nil {
			continue
		}
		n++
		_, err := g.Encode(msgs)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), c.ID)
	}
	require.GreaterOrEqual(t, n, 8)
}

func TestGuardNano(t *testing.T) {
	g := guardOf(t, nano)
	require.True(t, g.Cut())
	out, err := g.tpl.Render([]Message{{"user", "hi"}, {"assistant", "yo"}})
	require.NoError(t, err)
	require.Equal(t, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n<|im_start|>guard\n", out)
	v := g.Vocabulary()
	require.Equal(t, "fi x", g.Normalize("\u3000ﬁ\u200b x\u00ad "))
	// The first id of a category decides which it is: a name then takes two passes at most.
	first := map[int32]string{}
	for _, w := range append(v.Categories, v.None) {
		require.NotContains(t, first, w.IDs[0], w.Text)
		first[w.IDs[0]] = w.Text
	}
}
