package prompt

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// referenceTalk is a conversation and what the reference makes of it with each template of referenceChats.
type referenceTalk struct {
	Messages []Message
	Rendered map[string]string
}

func referenceTalks(t testing.TB) []referenceTalk {
	t.Helper()
	return jsonLines[referenceTalk](t, filepath.Join("..", "..", "testdata", "template", "talks.jsonl"), 189)
}

// TestReferenceTalks: white space of every kind, marks of templates and of models, thoughts and tools' words in every place, and roles in
// every order, as scripts/render_chats.py had them rendered by Jinja.
func TestReferenceTalks(t *testing.T) {
	talks := referenceTalks(t)
	for _, one := range referenceChats(t) {
		tpl, err := compile(one.Template, true)
		require.NoError(t, err, one.Name)
		tpl.fixed = map[string]value{"bos_token": text{s: "<|endoftext|>"}, "eos_token": text{s: "<|im_end|>"}}
		for _, talk := range talks {
			require.Contains(t, talk.Rendered, one.Name)
			got, err := tpl.Render(talk.Messages)
			require.NoError(t, err, "%s: %q", one.Name, talk.Messages)
			require.Equal(t, talk.Rendered[one.Name], got, "%s: %q", one.Name, talk.Messages)
		}
	}
}

// threat T1: what the ids say is what was rendered, normalised as the family's tokenizer does, and no message is taken for a mark: there
// are as many special ids as in the same conversation of plain words.
func TestReferenceTalksAsIDs(t *testing.T) {
	special := func(c *Chat, ids []int32) (n int) {
		for _, id := range ids {
			if !c.tok.Ordinary(id) {
				n++
			}
		}
		return n
	}
	for _, one := range referenceChats(t)[:4] {
		c := ownChat(t, one.Template)
		for _, talk := range referenceTalks(t) {
			p, err := c.Encode(talk.Messages)
			require.NoError(t, err, "%s: %q", one.Name, talk.Messages)
			require.Equal(t, norm.NFC.String(talk.Rendered[one.Name]), c.tok.Decode(p.IDs), "%s: %q", one.Name, talk.Messages)
			if one.Name == "qwen3" { // its own words depend on what an answer thought
				continue
			}
			var plain []Message
			for _, m := range talk.Messages {
				plain = append(plain, Message{m.Role, "x"})
			}
			want, err := c.Encode(plain)
			require.NoError(t, err)
			require.Equal(t, special(c, want.IDs), special(c, p.IDs), "%s: %q", one.Name, talk.Messages)
		}
	}
}
