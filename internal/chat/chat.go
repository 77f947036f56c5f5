// Package chat owns what models write: it turns a conversation into the prompt of a model's own template, has the model write
// behind it, ids into text as they come, and leaves the audit rows, one for an answer and two for a stream. A chat model writes its
// answer; a guard writes the text that its verdict is made of, with nothing forced. Nothing of what is asked or written is kept. It
// may import access, audit, catalog, fault, inference, limit, manager, prompt and tokenizer.
package chat

import (
	"time"

	"guardhouse/internal/prompt"
	"guardhouse/internal/tokenizer"
)

// Voice is how a model is spoken with: what the manager.Loader of a kind keeps of the file, where the kind can write.
type Voice interface {
	// Encode answers the prompt behind which the model writes its answer. It refuses what the template has no place for.
	Encode(messages []prompt.Message) (prompt.Prompt, error)
	// Vocabulary answers what ids are made of.
	Vocabulary() *tokenizer.Tokenizer
	// Ends are the ids that end an answer.
	Ends() []int32
}

// Request asks for one answer. Nil and zero members leave it to the model's kind, the setting or the context; their bounds are
// inference.Sampling's and those of this package, and what lies outside is refused.
type Request struct {
	Model               string
	Messages            []prompt.Message
	MaxTokens           *int
	Temperature, TopP   *float64
	TopK                int
	MinP                float64
	Presence, Frequency float64
	Bias                map[int32]float64
	Seed                *int64
	Stop                []string
	Logprobs            bool
	Top                 int           // alternatives that are told of each token
	Within              time.Duration // how long the caller waits; 0 = as long as the setting lets him
}

// Why an answer ended.
const (
	Stop   = "stop"   // the model ended it, or a stop string stood in it
	Length = "length" // it had as many tokens as it may
)

// ModelRef says exactly what wrote.
type ModelRef struct{ ID, SHA256, Quantization, TemplateSHA256 string }

// Runtime says what computes, so far as it changes the numbers.
type Runtime struct {
	Build, Engine, Device, Kernels, KVCache string
	Flash                                   bool
}

// Opening is what is known of an answer before its first token. AuditID and AuditHash are the row's that stands before it.
type Opening struct {
	ID, RequestID      string
	At                 time.Time
	Model              ModelRef
	Runtime            Runtime
	PolicyVersion      int64
	AuditID, AuditHash string
}

// Piece is a part of a text, whole characters, with the tokens that begin in it where they were asked for.
type Piece struct {
	Text   string
	Tokens []Token
}

// Token is one token of an answer. Its bytes need not be whole characters.
type Token struct {
	Bytes   []byte
	Logprob float64
	Top     []Token // the likeliest in its place, without theirs
}

// Usage is what an answer took.
type Usage struct {
	Prompt, Completion int // tokens
	Cached             int // of the prompt's, those that were not computed anew
}

// Timings are the cost of an answer in milliseconds: waiting for the model, the model's work, and all from the request on.
type Timings struct {
	QueueMS, ModelMS, TotalMS float64
	QueuePosition             int // in the line when it came; 0 = it did not wait
}

// Answer is a whole text. AuditID and AuditHash are the row's that is durable since it ended.
type Answer struct {
	Opening
	Piece
	Finish  string
	Usage   Usage
	Timings Timings
}

// Listener hears a text as it comes. An error says that nobody does any more.
type Listener interface {
	// Begin is called when the row at open is durable and before any Piece.
	Begin(o Opening) error
	Piece(p Piece) error
	// End is called when the row at close is durable. Its Text is what Pieces were of, and not repeated.
	End(a Answer) error
	// Cut is called on another goroutine, once, when the stream's time or right is over before its end: a call that waits for a slow
	// reader is to return. It is not called once Stream has returned.
	Cut()
	// Broken tells a listener who heard Begin why there is no End.
	Broken(why error)
}
