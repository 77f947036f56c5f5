package catalog

import (
	"io"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/prompt"
	"guardhouse/internal/tokenizer"
)

// probe is the text that a template is tried with.
const probe = "Hello."

// inspection is what an import found a file to be.
type inspection struct {
	file     *gguf.File
	kind     string
	template string  // hash
	prompt   []int32 // a short one, to try the model with
}

// inspect recognises what a checked file is, by its template and its vocabulary, and refuses in Go what cannot be run: an
// architecture or a vocabulary that is not supported, a template that is missing or refused. own is a template given beside
// the file, which then counts instead of the file's.
func inspect(f *gguf.File, own string) (*inspection, error) {
	if err := f.CheckLlama(); err != nil {
		return nil, err
	}
	src := own
	if src == "" {
		src, _ = f.String("tokenizer.chat_template")
	}
	if strings.TrimSpace(src) == "" {
		return nil, errNoTemplate()
	}
	if asksForVerdict(src) {
		return inspectAsGuard(f, own)
	}
	return inspectAsChat(f, own)
}

func errNoTemplate() error {
	return fault.New(fault.Invalid, "the model file is refused: a model needs a chat template, and this file has none: --template gives it one")
}

// asksForVerdict says whether a template is a guard's: its own words speak of safety and of categories, as every guard's policy
// does, or the turn that it opens for the answer is a guard's.
func asksForVerdict(src string) bool {
	t, err := prompt.Compile(src)
	if err != nil {
		return false
	}
	out, err := t.Render([]prompt.Message{{Role: "user", Content: probe}})
	if err != nil {
		return false
	}
	out = strings.ToLower(out)
	_, after, _ := strings.Cut(out, strings.ToLower(probe))
	return strings.Contains(out, "safety") && strings.Contains(out, "categor") || strings.Contains(after, "guard")
}

func inspectAsGuard(f *gguf.File, own string) (*inspection, error) {
	g, err := newGuard(f, own)
	if err != nil {
		return nil, err
	}
	p, err := g.Prompt.Encode([]prompt.Message{{Role: "user", Content: probe}})
	if err != nil {
		return nil, err
	}
	return &inspection{file: f, kind: KindGuard, template: g.Prompt.TemplateSHA256(), prompt: append(p.IDs, g.Prompt.LeadIn()...)}, nil
}

func inspectAsChat(f *gguf.File, own string) (*inspection, error) {
	c, err := newChat(f, own)
	if err != nil {
		return nil, err
	}
	p, err := c.Prompt.Encode([]prompt.Message{{Role: "user", Content: probe}})
	if err != nil {
		return nil, err
	}
	if f.ContextLength() < len(p.IDs)+minWindow {
		return nil, fault.New(fault.Invalid, "the model file is refused: its context is too short for its own template")
	}
	return &inspection{file: f, kind: KindChat, template: c.Prompt.TemplateSHA256(), prompt: p.IDs}, nil
}

// Chat is what a chat model's file says about making prompts for it.
type Chat struct {
	File      *gguf.File
	Tokenizer *tokenizer.Tokenizer
	Prompt    *prompt.Chat
}

func newChat(f *gguf.File, own string) (*Chat, error) {
	tok, _, err := newTokenizer(f)
	if err != nil {
		return nil, err
	}
	p, err := prompt.NewChat(f, tok, own)
	if err != nil {
		return nil, err
	}
	return &Chat{File: f, Tokenizer: tok, Prompt: p}, nil
}

// inspectGuard is InspectGuard with a template given beside the file.
func inspectGuard(r io.ReaderAt, size int64, own string) (*Guard, error) {
	f, err := gguf.Read(r, size)
	if err != nil {
		return nil, err
	}
	if err := f.CheckLlama(); err != nil {
		return nil, err
	}
	return newGuard(f, own)
}

// inspectChat answers what is needed to run the GGUF file behind r as a chat model.
func inspectChat(r io.ReaderAt, size int64, own string) (*Chat, error) {
	f, err := gguf.Read(r, size)
	if err != nil {
		return nil, err
	}
	if err := f.CheckLlama(); err != nil {
		return nil, err
	}
	return newChat(f, own)
}

func newTokenizer(f *gguf.File) (*tokenizer.Tokenizer, tokenizer.Vocab, error) {
	vocab, err := tokenizer.VocabOf(f)
	if err != nil {
		return nil, vocab, err
	}
	tok, err := tokenizer.New(vocab)
	return tok, vocab, err
}
