package prompt

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/tokenizer"
)

// Chat makes the prompts of one chat model. It is immutable.
type Chat struct {
	coder
	tpl  *Template
	sha  string
	ends []int32
}

// NewChat answers the prompt maker of a model. The template is the file's own unless templateOverride is given. It refuses a model
// without a usable template, and one whose template loses what the user or the system says.
func NewChat(f *gguf.File, tok *tokenizer.Tokenizer, templateOverride string) (*Chat, error) {
	src := templateOverride
	if src == "" {
		src, _ = f.String("tokenizer.chat_template")
	}
	if strings.TrimSpace(src) == "" {
		return nil, fault.New(fault.Invalid, "the model file has no chat template")
	}
	tpl, err := compile(src, true)
	if err != nil {
		return nil, err
	}
	tpl.fixed = map[string]value{"bos_token": literalOf(f, tok, "bos"), "eos_token": literalOf(f, tok, "eos")}
	sum := sha256.Sum256([]byte(src))
	c := &Chat{tpl: tpl, coder: coder{tok: tok, form: norm.NFC}, sha: hex.EncodeToString(sum[:]), ends: endsOf(f, tok)}
	if pre, _ := f.String("tokenizer.ggml.pre"); pre == "smollm" {
		c.fixed = true // its reference takes text as it is; that of the qwen family normalises
	}
	return c, c.prove()
}

// literalOf answers a special token as the template writes it, nothing where the model has none.
func literalOf(f *gguf.File, tok *tokenizer.Tokenizer, name string) text {
	id, ok := f.Uint("tokenizer.ggml." + name + "_token_id")
	if !ok || id >= uint64(tok.Size()) {
		return text{}
	}
	piece, _ := tok.Piece(int32(id))
	return text{s: string(piece)}
}

// endsOf answers the ids that end a turn: those that the file names, and the control tokens that chat formats end with.
func endsOf(f *gguf.File, tok *tokenizer.Tokenizer) []int32 {
	ends := []int32{tok.EOS()}
	for _, key := range []string{"eot", "eom"} {
		if id, ok := f.Uint("tokenizer.ggml." + key + "_token_id"); ok && id < uint64(tok.Size()) {
			ends = append(ends, int32(id))
		}
	}
	for _, name := range []string{"<|im_end|>", "<|endoftext|>", "<|eot_id|>"} {
		if id, ok := tok.ID(name); ok && tok.Control(id) {
			ends = append(ends, id)
		}
	}
	slices.Sort(ends)
	return slices.Compact(ends)
}

// TemplateSHA256 answers the hash of the template's text, in hexadecimal.
func (c *Chat) TemplateSHA256() string { return c.sha }

// Vocabulary answers what ids are made of.
func (c *Chat) Vocabulary() *tokenizer.Tokenizer { return c.tok }

// Ends answers the ids that end an answer.
func (c *Chat) Ends() []int32 { return slices.Clone(c.ends) }

// Encode answers the prompt behind which the model writes its answer. Prefix is what the template writes before anybody's content,
// as far as a special token ends it: the ids of what follows depend on no more than what follows. It refuses with fault.Invalid a
// conversation without messages, other roles than system, user and assistant, what is not UTF-8, and what the template has no place for.
func (c *Chat) Encode(msgs []Message) (Prompt, error) {
	if len(msgs) == 0 {
		return Prompt{}, fault.New(fault.Invalid, "the conversation has no messages").WithField("messages")
	}
	for _, m := range msgs {
		if m.Role != roleSystem && m.Role != roleUser && m.Role != roleAssistant {
			return Prompt{}, fault.New(fault.Invalid, "a message has a role other than system, user and assistant").WithField("messages")
		}
		if !utf8.ValidString(m.Content) {
			return Prompt{}, fault.New(fault.Invalid, "a message is not UTF-8 text").WithField("messages")
		}
	}
	t, err := c.tpl.render(msgs)
	if err != nil {
		return Prompt{}, err
	}
	if lost(t, msgs) {
		return Prompt{}, fault.New(fault.Invalid, "the model's chat template loses a message of this conversation").WithField("messages")
	}
	return c.assemble(t)
}

// lost says whether the text lacks a part of what the system or a user said. Templates may drop what a model thought aloud.
func lost(t text, msgs []Message) bool {
	shown := make([]int, len(msgs))
	for _, m := range t.marks {
		shown[m.msg] += m.to - m.from
	}
	for i, m := range msgs {
		if m.Role != roleAssistant && shown[i] < len(strings.TrimFunc(m.Content, blank)) {
			return true
		}
	}
	return false
}

// assemble answers the ids, cut behind the last special token before the first content: no merge crosses one.
func (c *Chat) assemble(t text) (Prompt, error) {
	from, to := len(t.s), len(t.s)
	if len(t.marks) > 0 {
		from, to = t.marks[0].from, t.marks[len(t.marks)-1].to
	}
	at := 0
	for {
		_, end, _, ok := c.tok.FindSpecial(t.s[at:from])
		if !ok {
			break
		}
		at += end
	}
	ids, err := c.encode(make([]int32, 0, len(t.s)/3+16), t.cut(0, at))
	if err != nil {
		return Prompt{}, err
	}
	p := Prompt{Prefix: len(ids)}
	end := len(t.s)
	if start, _, _, ok := c.tok.FindSpecial(t.s[to:]); ok {
		end = to + start
	}
	if ids, err = c.encode(ids, t.cut(at, end)); err != nil {
		return Prompt{}, err
	}
	p.BodyIDs = len(ids) - p.Prefix
	p.IDs, err = c.encode(ids, t.cut(end, len(t.s)))
	return p, err
}

// prove renders the ordinary conversations. A template need not take a system message; what it takes it must show.
func (c *Chat) prove() error {
	const fox = "The quick brown fox."
	for _, roles := range [][]string{
		{roleUser},
		{roleUser, roleAssistant, roleUser},
		{roleSystem, roleUser},
		{roleSystem, roleUser, roleAssistant, roleUser},
	} {
		var msgs, empty []Message
		for _, r := range roles {
			msgs, empty = append(msgs, Message{r, fox}), append(empty, Message{r, ""})
		}
		p, err := c.Encode(msgs)
		switch refused := err != nil; {
		case refused && roles[0] == roleSystem && fault.From(err).Message == refusesConversation:
			continue
		case refused:
			return err
		case len(p.IDs) == 0:
			return invalid("it writes nothing")
		}
		t, err := c.tpl.render(empty)
		if err != nil {
			return err
		}
		if len(t.s) > maxFixed {
			return invalid("it writes more than %d KiB besides the messages", maxFixed>>10)
		}
	}
	return nil
}
