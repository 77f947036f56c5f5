package catalog

import (
	"io"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/prompt"
	"guardhouse/internal/tokenizer"
)

// AnswerRoom is how many tokens of a guard's context are kept for its answer: all nine categories and
// the refusal line take 39 in the Qwen3 vocabulary, and a small vocabulary needs about half as much again.
const AnswerRoom = 64

// minWindow is the least text a guard must be able to see at once, in tokens.
const minWindow = 64

// Guard is what a guard model's file says about making prompts for it and reading its answers.
type Guard struct {
	File      *gguf.File
	Tokenizer *tokenizer.Tokenizer
	Prompt    *prompt.Guard
	Stop      []int32 // ids that end an answer
	Window    int     // tokens of text that fit beside template, lead-in and answer
}

// InspectGuard answers what is needed to run the GGUF file behind r as a guard. It refuses, in Go and
// before any native code, files whose structure, template or vocabulary is not what a guard needs.
func InspectGuard(r io.ReaderAt, size int64) (*Guard, error) { return inspectGuard(r, size, "") }

func newGuard(f *gguf.File, own string) (*Guard, error) {
	if template, ok := f.String("tokenizer.chat_template"); own == "" && (!ok || template == "") {
		return nil, errNoTemplate()
	}
	tok, vocab, err := newTokenizer(f)
	if err != nil {
		return nil, err
	}
	p, err := prompt.NewGuard(f, tok, own)
	if err != nil {
		return nil, err
	}
	g := &Guard{File: f, Tokenizer: tok, Prompt: p, Stop: stops(tok, vocab.EOS)}
	return g, g.measure()
}

// measure finds the room for text; it refuses a context too short for its own template.
func (g *Guard) measure() error {
	g.Window = g.File.ContextLength() - g.Overhead()
	if g.Window < minWindow {
		return fault.New(fault.Invalid, "the model file is refused: its context is too short for its own template")
	}
	return nil
}

// Overhead answers the tokens of a query that are not text: template, lead-in and answer.
func (g *Guard) Overhead() int {
	return max(g.Prompt.Overhead(false), g.Prompt.Overhead(true)) + len(g.Prompt.LeadIn()) + AnswerRoom
}

// Temperature answers what logits are divided by before the softmax, 1 if the file does not say.
func (g *Guard) Temperature() float64 {
	if t, ok := g.File.Float("guardhouse.calibration.temperature"); ok {
		return t
	}
	return 1
}

// stops answers the end of text and the two ends that Qwen models also write.
func stops(tok *tokenizer.Tokenizer, eos int32) []int32 {
	ids := []int32{eos}
	for _, name := range []string{"<|im_end|>", "<|endoftext|>"} {
		if id, ok := tok.ID(name); ok && id != eos {
			ids = append(ids, id)
		}
	}
	return ids
}
