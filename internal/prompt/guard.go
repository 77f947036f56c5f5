package prompt

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/tokenizer"
)

// Guard makes the prompts of one guard model. It is safe for many goroutines.
type Guard struct {
	coder
	tpl        *Template
	clean      func(string) string // what the model was trained to see of a content; nil: text in NFC
	sha        string
	vocabulary AnswerVocab
	overhead   [2]int
	cut        bool

	mu    sync.RWMutex
	edges map[string]edge
}

// Prompt is what the engine gets, less the forced lead-in.
type Prompt struct {
	IDs      []int32
	Prefix   int  // leading ids that every conversation of this shape shares
	BodyIDs  int  // ids between the fixed parts
	Response bool // the last message is the assistant's: the answer has a Refusal line
}

// NewGuard answers the prompt maker of a model. The template is the file's own unless templateOverride
// is given. It refuses a model without a usable template, one whose template loses messages, and one
// whose vocabulary cannot tell the three labels apart at their first token.
func NewGuard(f *gguf.File, tok *tokenizer.Tokenizer, templateOverride string) (*Guard, error) {
	src := templateOverride
	if src == "" {
		src, _ = f.String("tokenizer.chat_template")
	}
	if strings.TrimSpace(src) == "" {
		return nil, fault.New(fault.Invalid, "the model file has no chat template")
	}
	tpl, err := Compile(src)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(src))
	g := &Guard{tpl: tpl, coder: coder{tok: tok, form: norm.NFC}, sha: hex.EncodeToString(sum[:]), edges: map[string]edge{}}
	if err := g.setNormalization(f); err != nil {
		return nil, err
	}
	if g.vocabulary, err = newVocabulary(tok); err != nil {
		return nil, err
	}
	return g, g.prove()
}

func (g *Guard) setNormalization(f *gguf.File) error {
	name, _ := f.String("guardhouse.text_normalization")
	switch name {
	case "", "nfc":
	case "nfkc":
		g.form, g.clean, g.fixed = norm.NFKC, plainContent, true
	case "nfkc_fold":
		g.form, g.clean, g.fixed = norm.NFKC, foldContent, true
	default:
		return fault.New(fault.Invalid, "guardhouse.text_normalization is not nfc, nfkc or nfkc_fold")
	}
	return nil
}

// Cut says whether the fixed parts of the two ordinary shapes are tokenised once and kept; if not,
// every prompt is tokenised whole, with the same ids.
func (g *Guard) Cut() bool { return g.cut }

// TemplateSHA256 answers the hash of the template's text, in hexadecimal.
func (g *Guard) TemplateSHA256() string { return g.sha }

// LeadIn answers the ids of the forced beginning of the answer, "Safety:".
func (g *Guard) LeadIn() []int32 { return g.vocabulary.LeadIn }

// Vocabulary answers the words that the answer is made of.
func (g *Guard) Vocabulary() AnswerVocab { return g.vocabulary }

// Overhead answers the ids of a prompt whose contents are empty.
func (g *Guard) Overhead(response bool) int {
	if response {
		return g.overhead[1]
	}
	return g.overhead[0]
}

// Normalize answers text as the model gets it: NFC, or for models that say nfkc also without
// invisible characters and white space at the ends; nfkc_fold takes letters to small Latin ones besides.
func (g *Guard) Normalize(s string) string {
	if g.clean != nil {
		return g.clean(s)
	}
	return normalize(g.form, s)
}

// Encode answers the prompt for a conversation. It refuses with fault.Invalid what a guard template
// would judge wrongly or not at all: no message, unknown roles, a system message that is not the
// first, a first turn that is not the user's, a last one that is not the user's or the assistant's.
func (g *Guard) Encode(msgs []Message) (Prompt, error) {
	if err := checkShape(msgs); err != nil {
		return Prompt{}, err
	}
	t, err := g.rendered(msgs)
	if err != nil {
		return Prompt{}, err
	}
	p, err := g.assemble(t)
	p.Response = msgs[len(msgs)-1].Role == roleAssistant
	return p, err
}

func checkShape(msgs []Message) error {
	if len(msgs) == 0 {
		return fault.New(fault.Invalid, "the conversation has no messages").WithField("input")
	}
	first := 0
	for i, m := range msgs {
		switch {
		case m.Role == roleSystem && i > 0:
			return fault.New(fault.Invalid, "a system message may only be the first").WithField("input")
		case m.Role == roleSystem:
			first = 1
		case m.Role != roleUser && m.Role != roleAssistant:
			return fault.New(fault.Invalid, "a message has a role other than system, user and assistant").WithField("input")
		}
		if !utf8.ValidString(m.Content) {
			return fault.New(fault.Invalid, "a message is not UTF-8 text").WithField("input")
		}
	}
	if first == len(msgs) || msgs[first].Role != roleUser {
		return fault.New(fault.Invalid, "the first turn of a conversation must be the user's").WithField("input")
	}
	return nil
}

// rendered answers the prompt text and refuses a template that loses part of a message: it would pass
// unmoderated.
func (g *Guard) rendered(msgs []Message) (text, error) {
	if g.clean != nil {
		clean := make([]Message, len(msgs))
		for i, m := range msgs {
			clean[i] = Message{m.Role, g.clean(m.Content)}
		}
		msgs = clean
	}
	t, err := g.tpl.render(msgs)
	if err != nil {
		return text{}, err
	}
	shown := make([]int, len(msgs))
	for _, m := range t.marks {
		shown[m.msg] += m.to - m.from
	}
	for i, m := range msgs {
		if shown[i] < len(strings.TrimFunc(m.Content, blank)) {
			return text{}, fault.New(fault.Invalid, "the model's chat template loses a message of this conversation")
		}
	}
	return t, nil
}

// assemble answers prefix, body and suffix as ids. The prefix ends and the suffix begins where no
// merge can cross, whatever the contents are (see edge).
func (g *Guard) assemble(t text) (Prompt, error) {
	if len(t.marks) == 0 {
		ids, err := g.encode(nil, t)
		return Prompt{IDs: ids, BodyIDs: len(ids)}, err
	}
	from, to := t.marks[0].from, t.marks[len(t.marks)-1].to
	head, tail := g.edge("<"+t.s[:from]), g.edge(">"+t.s[to:])
	ids := make([]int32, 0, len(head.ids)+len(tail.ids)+(to-from)/2+16)
	ids = append(ids, head.ids...)
	ids, err := g.encode(ids, t.cut(head.at, to+tail.at))
	if err != nil {
		return Prompt{}, err
	}
	body := len(ids) - len(head.ids)
	return Prompt{IDs: append(ids, tail.ids...), Prefix: len(head.ids), BodyIDs: body}, nil
}
