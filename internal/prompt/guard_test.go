package prompt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/tokenizer"
)

func fixture(t testing.TB, name string) (*gguf.File, *tokenizer.Tokenizer) {
	t.Helper()
	file := open(t, filepath.Join("..", "..", "testdata", "gguf", name))
	v, err := tokenizer.VocabOf(file)
	require.NoError(t, err)
	tok, err := tokenizer.New(v)
	require.NoError(t, err)
	return file, tok
}

// ownGuard answers a guard on our own model file and template.
func ownGuard(t testing.TB) *Guard {
	t.Helper()
	file, tok := fixture(t, "tiny.gguf")
	g, err := NewGuard(file, tok, "")
	require.NoError(t, err)
	return g
}

func TestOwnGuard(t *testing.T) {
	g := ownGuard(t)
	require.True(t, g.Cut())
	require.Len(t, g.TemplateSHA256(), 64)
	a, err := g.Encode([]Message{{"user", "Unsafe?"}})
	require.NoError(t, err)
	b, err := g.Encode([]Message{{"user", "something else\n\n"}})
	require.NoError(t, err)
	require.Equal(t, a.IDs[:a.Prefix], b.IDs[:b.Prefix])
	require.Greater(t, a.Prefix, 20)
	require.Equal(t, a.IDs[a.Prefix+a.BodyIDs:], b.IDs[b.Prefix+b.BodyIDs:])
	require.False(t, a.Response)
	c, err := g.Encode([]Message{{"user", "x"}, {"assistant", "y"}})
	require.NoError(t, err)
	require.True(t, c.Response)
	require.Positive(t, g.Overhead(false))
	require.Positive(t, g.Overhead(true))
	v := g.Vocabulary()
	require.Equal(t, "Safety: Controversial\nCategories: Violent", g.tok.Decode(slices.Concat(v.LeadIn, v.Labels[1].IDs, v.CategoriesLine, v.Categories[0].IDs)))
}

func TestEncodeRefuses(t *testing.T) {
	g := ownGuard(t)
	for name, msgs := range map[string][]Message{
		"none": nil, "empty": {}, "system alone": {{"system", "x"}},
		"system last": {{"user", "x"}, {"system", "y"}}, "system in the middle": {{"user", "x"}, {"system", "y"}, {"user", "z"}},
		"two systems": {{"system", "x"}, {"system", "y"}, {"user", "z"}}, "assistant first": {{"assistant", "x"}, {"user", "y"}},
		"assistant alone": {{"assistant", "x"}}, "assistant behind system": {{"system", "x"}, {"assistant", "y"}},
		"tool last": {{"user", "x"}, {"tool", "y"}}, "tool in the middle": {{"user", "x"}, {"tool", "y"}, {"user", "z"}},
		"developer": {{"developer", "x"}, {"user", "y"}}, "no role": {{"", "x"}}, "upper case": {{"User", "x"}},
		"padded role": {{" user", "x"}}, "not UTF-8": {{"user", "a\xff"}}, "function": {{"user", "x"}, {"function", "y"}},
	} {
		_, err := g.Encode(msgs)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.Equal(t, "input", fault.From(err).Field, name)
	}
}

func TestNewGuardRefuses(t *testing.T) {
	file, tok := fixture(t, "tiny.gguf")
	for name, c := range map[string]struct{ src, want string }{
		"loses the last":      {"{% for m in messages[:-1] %}{{ m.content }}{% endfor %}x", "loses a message"},
		"loses the assistant": {"{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}", "loses a message"},
		"constant":            {"always the same", "loses a message"},
		"cuts":                {"{% for m in messages %}{{ m.content[:5] }}{% endfor %}", "loses a message"},
		"raises":              {"{{ raise_exception('never') }}", "refuses this conversation"},
		"include":             {"{% include 'x' %}", "include"},
		"long":                {strings.Repeat("word ", maxFixed/5+1) + "{% for m in messages %}{{ m.content }}{% endfor %}", "more than"},
	} {
		_, err := NewGuard(file, tok, c.src)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.Contains(t, fault.From(err).Message, c.want, name)
	}
	delete(file.KV, "tokenizer.chat_template")
	_, err := NewGuard(file, tok, "")
	require.Contains(t, fault.From(err).Message, "no chat template")
}

// threat M5: the structure of these files is sound, their templates are not.
func TestHostileTemplatesInFiles(t *testing.T) {
	for _, name := range []string{"template-include.gguf", "template-loop.gguf", "template-class.gguf"} {
		file, tok := fixture(t, name)
		start := time.Now()
		_, err := NewGuard(file, tok, "")
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.Less(t, time.Since(start), time.Minute)
	}
	p := shared(t, "goldens", "qwen", "malformed-gguf", "template-include.gguf")
	if p == "" {
		return
	}
	src, ok := open(t, p).String("tokenizer.chat_template")
	require.True(t, ok)
	_, err := Compile(src)
	require.Contains(t, fault.From(err).Message, "include")
}

// A vocabulary in which two labels begin alike cannot be read at one position.
func TestVocabularyRefuses(t *testing.T) {
	file, _ := fixture(t, "tiny.gguf")
	v, err := tokenizer.VocabOf(file)
	require.NoError(t, err)
	v.Merges = nil // every word begins with the byte of the space
	tok, err := tokenizer.New(v)
	require.NoError(t, err)
	_, err = NewGuard(file, tok, "")
	require.Contains(t, fault.From(err).Message, "labels apart")
}

func hostileText() *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			"<|im_end|>", "<|im_start|>", "<think>", "</think>", "<tool_call>", "<|im_", "end|>", "<", ">", "a", "Safe", " ", "\n",
			"\n\n", "'", "'s", "!", "7", "字", "é", "e\u0301", "\u0301", "\u0338", "😀", "\u200b", "\x00", "</CHAT>\n", "USER: ",
		}), 0, 30).Draw(r, "parts"), "")
	})
}

// threat T1: whatever the content, the special ids of a prompt are those of the template alone, the
// cut changes nothing, and the content comes back out of the ids.
func TestContentIsNeverSpecial(t *testing.T) {
	guards := []*Guard{ownGuard(t)}
	if g := tinyGuard(t); g != nil {
		guards = append(guards, g)
	}
	special := func(g *Guard, ids []int32) (out []int32) {
		for _, id := range ids {
			if !g.tok.Ordinary(id) {
				out = append(out, id)
			}
		}
		return out
	}
	for _, g := range guards {
		shapes := [][]Message{{{"user", ""}}, {{"user", ""}, {"assistant", ""}}, {{"system", ""}, {"user", ""}, {"assistant", ""}, {"user", ""}}}
		rapid.Check(t, func(r *rapid.T) {
			msgs := slices.Clone(rapid.SampledFrom(shapes).Draw(r, "shape"))
			want, err := g.Encode(msgs)
			require.NoError(r, err)
			for i := range msgs {
				msgs[i].Content = hostileText().Draw(r, "content")
			}
			p, err := g.Encode(msgs)
			require.NoError(r, err)
			require.Equal(r, special(g, want.IDs), special(g, p.IDs))
			same, err := g.agrees(msgs)
			require.NoError(r, err)
			require.True(r, same)
			text, err := g.tpl.Render(msgs)
			require.NoError(r, err)
			require.Equal(r, norm.NFC.String(text), g.tok.Decode(p.IDs))
			require.Equal(r, want.IDs[:want.Prefix], p.IDs[:p.Prefix])
		})
	}
}

// Where template text and content merge, there is no cut there, and the ids are still the whole's.
func TestCutRetreats(t *testing.T) {
	file, tok := fixture(t, "tiny.gguf")
	for name, src := range map[string]string{
		"letters touch": "Judge the last{% for m in messages %}{{ m.content }}and{% endfor %}of the user",
		"no fixed text": "{% for m in messages %}{{ m.content }}{% endfor %}",
		"mark binds":    "x ={% for m in messages %}{{ m.content }}\u0338{% endfor %}",
		"not composed":  "e\u0301 {% for m in messages %}{{ m.content }}{% endfor %} e\u0301",
		"split literal": "<|im_{% for m in messages %}{{ m.content }}{% endfor %}end|>",
		"spaces":        "a  {% for m in messages %}{{ m.content }}\n{% endfor %}  b",
	} {
		g, err := NewGuard(file, tok, src)
		require.NoError(t, err, name)
		rapid.Check(t, func(r *rapid.T) {
			msgs := []Message{{"user", hostileText().Draw(r, "content")}}
			same, err := g.agrees(msgs)
			require.NoError(r, err)
			require.True(r, same, name)
			p, err := g.Encode(msgs)
			require.NoError(r, err)
			for _, id := range p.IDs {
				require.True(r, tok.Ordinary(id), name)
			}
		})
	}
}

// The library's composed form puts a joiner after thirty marks; the reference does not.
func TestNormalizeLongRuns(t *testing.T) {
	for n := range 60 {
		s := "xe" + strings.Repeat("\u0301", n) + "y\u0323\u0302"
		want := "x" + map[bool]string{true: "é" + strings.Repeat("\u0301", max(n-1, 0)), false: "e"}[n > 0] + "\u1EF5\u0302"
		require.Equal(t, want, normalize(norm.NFC, s), n)
	}
	long := strings.Repeat("\u0301\u0323", 40) // ordered by class: all below marks before all above
	require.Equal(t, "\u1EB9"+strings.Repeat("\u0323", 39)+strings.Repeat("\u0301", 40), normalize(norm.NFC, "e"+long))
	require.Equal(t, strings.Repeat("\u0323", 40)+strings.Repeat("\u0301", 40), normalize(norm.NFC, long))
	require.Equal(t, "각"+strings.Repeat("\u0301", 40), normalize(norm.NFC, "\u1100\u1161\u11a8"+strings.Repeat("\u0301", 40)))
	start := time.Now()
	out := normalize(norm.NFC, strings.Repeat("e"+strings.Repeat("\u0301\u0323\u0334", 30000), 4))
	require.Equal(t, 4, strings.Count(out, "\u1EB9"))
	require.Less(t, time.Since(start), time.Minute) // measured: 0.1 s
	rapid.Check(t, func(r *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "e", "\u0301", "\u0323", "\u0334", "\u0344", "각", "\u1100", "\u1161", "ﬁ", "\u0b47", "\u0b56", "Å"}), 0, 60).Draw(r, "s"), "")
		for _, form := range []norm.Form{norm.NFC, norm.NFKC} {
			have := normalize(form, s)
			if want := form.String(s); !strings.ContainsRune(want, 0x034F) {
				require.Equal(r, want, have)
			}
			require.Equal(r, have, normalize(form, have))
		}
	})
}

// The contract of reference.jsonl's other half: the normalisation of the reference tokenizer.
func TestReferenceNormalization(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "tokenizer", "reference.jsonl"))
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		var c struct{ Text, NFC string }
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		require.Equal(t, c.NFC, normalize(norm.NFC, c.Text), "%q", c.Text)
	}
}

func TestPlainContent(t *testing.T) {
	require.Equal(t, "fi 1 x", plainContent("\u3000ﬁ ① \u200bx\u00ad\x1f "))
	require.Equal(t, "", plainContent("\u200b\ufeff \n"))
	file, tok := fixture(t, "tiny.gguf")
	g, err := NewGuard(file, tok, "")
	require.NoError(t, err)
	g.form, g.clean = norm.NFKC, plainContent
	a, err := g.Encode([]Message{{"user", " \u200bSafe\ufeff\n"}})
	require.NoError(t, err)
	b, err := g.Encode([]Message{{"user", "Safe"}})
	require.NoError(t, err)
	require.Equal(t, b.IDs, a.IDs)
}

func BenchmarkEncodePrompt(b *testing.B) {
	g := tinyGuard(b)
	if g == nil {
		g = ownGuard(b)
	}
	msgs := []Message{{"user", strings.Repeat("How do I bake a loaf of bread in 2 hours? 请告诉我。 ", 12)}}
	b.ReportAllocs()
	for range b.N {
		if _, err := g.Encode(msgs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewGuard(b *testing.B) {
	file, tok := fixture(b, "tiny.gguf")
	for range b.N {
		if _, err := NewGuard(file, tok, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// threat M5: what a template costs when a model is loaded is bounded too.
func TestNewGuardIsBounded(t *testing.T) {
	file, tok := fixture(t, "tiny.gguf")
	each := "{% for m in messages %}{{ m.content }}{% endfor %}"
	for name, src := range map[string]string{
		"long before": strings.Repeat("a", maxFixed-100) + each,
		"long behind": each + strings.Repeat("!", maxFixed-100),
		"marks":       "e" + strings.Repeat("\u0301", maxFixed/2-100) + each,
		"steps":       "{% for i in range(900) %}{% set x = 1 + 1 %}{% endfor %}" + each,
		"specials":    strings.Repeat("<think>", maxFixed/7-20) + each,
	} {
		start := time.Now()
		g, err := NewGuard(file, tok, src)
		require.NoError(t, err, name)
		same, err := g.agrees([]Message{{"user", "Safe\u0301!!"}})
		require.NoError(t, err, name)
		require.True(t, same, name)
		require.Less(t, time.Since(start), time.Minute, name)
		t.Logf("%-12s %v", name, time.Since(start))
	}
}
