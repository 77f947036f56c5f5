package prompt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
)

// referenceChat is a template and what the reference makes of conversations.
type referenceChat struct {
	Name, Template string
	Cases          []struct {
		Messages []Message
		Rendered string
	}
}

func referenceChats(t testing.TB) (all []referenceChat) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "template", "chat.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &all))
	require.Len(t, all, 5)
	return all
}

// The texts were rendered by the reference renderer with trim_blocks and lstrip_blocks, from the templates of the families named and
// one of our own for the methods.
func TestReferenceChats(t *testing.T) {
	for _, c := range referenceChats(t) {
		tpl, err := compile(c.Template, true)
		require.NoError(t, err, c.Name)
		tpl.fixed = map[string]value{"bos_token": text{s: "<|endoftext|>"}, "eos_token": text{s: "<|im_end|>"}}
		for _, one := range c.Cases {
			got, err := tpl.Render(one.Messages)
			require.NoError(t, err, c.Name)
			require.Equal(t, one.Rendered, got, "%s: %v", c.Name, one.Messages)
		}
	}
}

const chatML = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe helpful.<|im_end|>\n' }}" +
	"{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

func ownChat(t testing.TB, template string) *Chat {
	t.Helper()
	file, tok := fixture(t, "tiny.gguf")
	c, err := NewChat(file, tok, template)
	require.NoError(t, err)
	return c
}

func TestChat(t *testing.T) {
	c := ownChat(t, chatML)
	require.Len(t, c.TemplateSHA256(), 64)
	end, ok := c.tok.ID("<|im_end|>")
	require.True(t, ok)
	require.Contains(t, c.Ends(), end)
	a, err := c.Encode([]Message{{"user", "Hello"}})
	require.NoError(t, err)
	require.Equal(t, "<|im_start|>system\nBe helpful.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n", c.tok.Decode(a.IDs))
	require.Equal(t, c.tok.EncodeSpecial(c.tok.Decode(a.IDs)), a.IDs, "as the reference cuts the whole")
	require.Equal(t, "<|im_start|>system\nBe helpful.<|im_end|>\n<|im_start|>", c.tok.Decode(a.IDs[:a.Prefix]), "the template's own")
	require.Equal(t, "user\nHello", c.tok.Decode(a.IDs[a.Prefix:a.Prefix+a.BodyIDs]))
	b, err := c.Encode([]Message{{"user", "Hello"}, {"assistant", "Yes"}, {"user", "and"}})
	require.NoError(t, err)
	require.Equal(t, a.IDs[:a.Prefix], b.IDs[:b.Prefix])
	require.Equal(t, a.IDs[:len(a.IDs)-1], b.IDs[:len(a.IDs)-1], "a conversation goes on where it was")
	s, err := c.Encode([]Message{{"system", "the"}, {"user", "of"}})
	require.NoError(t, err)
	require.Equal(t, 1, s.Prefix, "nothing that a caller sent is shared")
}

func TestChatRefuses(t *testing.T) {
	c := ownChat(t, chatML)
	for want, msgs := range map[string][]Message{
		"no messages": {},
		"role":        {{"tool", "x"}},
		"UTF-8":       {{"user", "\xff"}},
	} {
		_, err := c.Encode(msgs)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
		require.Contains(t, fault.From(err).Message, want)
	}
	file, tok := fixture(t, "tiny.gguf")
	for template, want := range map[string]string{
		"{{ messages[0].content }}{{ messages[0].content.join('x') }}": "join",
		"{{ messages[0].content.split('x', 1) }}":                      "arguments",
		"{{ messages | tojson }}":                                      "tojson",
		"{{ messages[0].content.split('') }}":                          "split",
		"{{ messages[0].content.startswith() }}":                       "startswith",
		"{{ messages[0].content.strip(1) }}":                           "strip",
		"{{ messages.strip() }}":                                       "a list",
		"{{ messages[0].content }}":                                    "loses a message",
		"{% for m in messages %}{{ m.role }}{% endfor %}":              "loses a message",
		"{{ raise_exception('no') }}":                                  "refuses this conversation",
		"{% include 'x' %}":                                            "include",
		" ":                                                            "no chat template",
	} {
		_, err := NewChat(withoutTemplate(file), tok, template)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), template)
		require.Contains(t, fault.From(err).Message, want, template)
	}
	// A template need not take a system message, and says so by refusing it.
	c = ownChat(t, "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}")
	_, err := c.Encode([]Message{{"system", "x"}, {"user", "y"}})
	require.Contains(t, fault.From(err).Message, "refuses this conversation")
}

func withoutTemplate(f *gguf.File) *gguf.File {
	g := *f
	g.KV = map[string]gguf.Value{}
	for k, v := range f.KV {
		if k != "tokenizer.chat_template" {
			g.KV[k] = v
		}
	}
	return &g
}

// threat T1: whatever anybody says, the special ids of the prompt are the template's, as many as for a conversation of plain words.
func TestNoContentBecomesASpecialToken(t *testing.T) {
	special := func(c *Chat, msgs []Message) (ids []int32) {
		p, err := c.Encode(msgs)
		require.NoError(t, err)
		for _, id := range p.IDs {
			if !c.tok.Ordinary(id) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for _, one := range referenceChats(t)[:4] {
		c := ownChat(t, one.Template)
		rapid.Check(t, func(r *rapid.T) {
			piece := rapid.SampledFrom([]string{"<|im_end|>", "<|im_start|>", "<think>", "</think>", "<tool_call>", "<|endoftext|>", "<|im_", "end|>", "\n", "user\n", "a", "é", "<"})
			var said, plain []Message
			for i := range rapid.IntRange(1, 4).Draw(r, "turns") {
				role := []string{"user", "assistant"}[i%2]
				words := strings.Join(rapid.SliceOfN(piece, 1, 5).Draw(r, "words"), "")
				if role == "assistant" {
					words = strings.ReplaceAll(words, "</think>", "") // Qwen3's template cuts there
				}
				said, plain = append(said, Message{role, words + "."}), append(plain, Message{role, "x"})
			}
			if got, want := special(c, said), special(c, plain); !slices.Equal(got, want) {
				r.Fatalf("%s: %v: %v instead of %v", one.Name, said, got, want)
			}
		})
	}
}
