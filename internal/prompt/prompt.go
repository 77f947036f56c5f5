// Package prompt makes the prompts of guards and of chat models: it renders a model's own chat template with a small Jinja subset
// of ours, keeps apart what a caller sent from what the template says, normalises, and cuts the prompt
// into prefix, body and suffix. A template comes out of a model file and is hostile until proved
// otherwise: anything it may not do is refused by name, and size, depth, steps and output are bounded.
// It imports gguf, tokenizer and fault, and golang.org/x/text for Unicode tables.
package prompt

import (
	"maps"
	"unicode/utf8"

	"guardhouse/internal/fault"
)

// Who may speak.
const (
	roleSystem    = "system"
	roleUser      = "user"
	roleAssistant = "assistant"
)

// Message is one turn of a conversation.
type Message struct{ Role, Content string }

// Limits of a template. The Qwen3Guard template has 4 KiB, writes 2 KiB besides the contents, and takes
// about 100 steps and 25 for each message. A model is loaded after some 500 renderings, in under a second.
const (
	maxSource = 64 << 10
	maxDepth  = 64     // nested blocks and expressions
	maxSteps  = 20_000 // nodes evaluated for one conversation, besides stepsEach for each message
	stepsEach = 500
	maxLoop   = 1 << 17 // turns of one loop
	maxRange  = 10_000  // numbers of one range()
	maxFixed  = 1 << 15 // bytes written for a conversation of empty messages
	maxWork   = 1 << 17 // bytes of text made, besides workFactor times the content
)

// workFactor bounds how often a template may copy what it was given.
const workFactor = 16

// markWork is what a mark costs beside the bytes of its text.
const markWork = 16

// Template is a compiled chat template; it is immutable.
type Template struct {
	body  []statement
	fixed map[string]value // variables besides the conversation
}

// Compile answers a template. It refuses with fault.Invalid, naming the construct, everything outside
// the subset: include, import, extends, macros, calls, unknown filters, tests and attributes.
func Compile(src string) (*Template, error) { return compile(src, false) }

// compile is Compile. Templates of chat models may also ask texts for a few of Python's methods.
func compile(src string, chat bool) (*Template, error) {
	if len(src) > maxSource {
		return nil, fault.Newf(fault.Invalid, "the chat template is longer than %d KiB", maxSource>>10)
	}
	if !utf8.ValidString(src) {
		return nil, fault.New(fault.Invalid, "the chat template is not UTF-8 text")
	}
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, chat: chat}
	body, err := p.statements()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEnd {
		return nil, invalid("the block {%% %s %%} is out of place", p.peek().word())
	}
	return &Template{body: body}, nil
}

// Render answers the prompt text for a conversation.
func (t *Template) Render(msgs []Message) (string, error) {
	out, err := t.render(msgs)
	return out.s, err
}

// render answers the prompt text with the places of the contents marked.
func (t *Template) render(msgs []Message) (text, error) {
	r := newRun(msgs)
	maps.Copy(r.scopes[0], t.fixed)
	for _, s := range t.body {
		if err := s.exec(r); err != nil {
			return text{}, err
		}
	}
	return r.out.text(), nil
}

// invalid answers an error about a template. Words of the template in it are identifiers only.
func invalid(format string, args ...any) error {
	return fault.Newf(fault.Invalid, "the chat template is refused: "+format, args...)
}
