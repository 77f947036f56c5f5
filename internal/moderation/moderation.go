// Package moderation owns verdicts: it turns a text or a conversation into prompts for a guard model,
// reads the answer at the forced position, judges long inputs in windows, and stores each verdict in
// one transaction with its audit row. Its rule is to fail closed: what cannot be read ends in review.
// It may import inference, access, audit, db, fault, gguf, tokenizer, prompt and catalog.
package moderation

import (
	"encoding/json"
	"time"

	"guardhouse/internal/prompt"
)

// The severities, categories' order and actions are the Qwen3Guard vocabulary and the HTTP contract.
const (
	Safe          = "Safe"
	Controversial = "Controversial"
	Unsafe        = "Unsafe"

	Allow  = "allow"
	Review = "review"
	Block  = "block"

	Strict = "strict"
	Loose  = "loose"
)

// Input is one conversation; a plain text is one message of role user. The last message is judged.
type Input struct {
	Messages []prompt.Message
}

// Request asks for one verdict per input. Model "" or an alias is the default guard, Mode "" the
// setting. Reference asks for the model's unforced answer beside each verdict: it takes many passes. Within is how long
// the caller waits for the answer, 0 = as long as the setting lets him.
type Request struct {
	Model     string
	Inputs    []Input
	Mode      string
	Reference bool
	Within    time.Duration
}

// Scores are the model's own probabilities at the verdict position; Other is the mass on everything
// that is no verdict. They sum to 1.
type Scores struct {
	Safe          float64 `json:"safe"`
	Controversial float64 `json:"controversial"`
	Unsafe        float64 `json:"unsafe"`
	Other         float64 `json:"other"`
}

// ModelRef says exactly what judged.
type ModelRef struct {
	ID             string `json:"id"`
	SHA256         string `json:"sha256"`
	Quantization   string `json:"quantization"`
	TemplateSHA256 string `json:"template_sha256"`
}

// PolicyRef says under which rules and reading the verdict was made.
type PolicyRef struct {
	Version int64  `json:"version"`
	Mode    string `json:"mode"`
}

// Timings are the cost of a verdict. ModelMS is the time in which the model worked on at least one of the windows, QueueMS
// that in which some waited and none was worked on: together they are never more than TotalMS. PromptTokens and Passes are
// summed over the windows. QueuePosition is the place in the line of the window that stood last, when it came: 1 = nobody
// went before it. It is 0 where none waited, and it is not stored.
type Timings struct {
	QueueMS      float64 `json:"queue_ms"`
	ModelMS      float64 `json:"model_ms"`
	TotalMS      float64 `json:"total_ms"`
	PromptTokens int     `json:"prompt_tokens"`
	Passes       int     `json:"passes"`
	Windows      int     `json:"windows"`

	QueuePosition int `json:"queue_position,omitempty"`
}

// Verdict is the native answer. Refusal is nil unless a response was judged.
type Verdict struct {
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	RequestID  string    `json:"request_id"`
	Severity   string    `json:"severity"`
	Categories []string  `json:"categories"`
	Refusal    *bool     `json:"refusal"`
	Flagged    bool      `json:"flagged"`
	Action     string    `json:"action"`
	Scores     Scores    `json:"scores"`
	Model      ModelRef  `json:"model"`
	Policy     PolicyRef `json:"policy"`
	// Runtime is what computed it; nil in rows that are older than its being kept. A remembered verdict has that of the run
	// which gave it.
	Runtime   *RuntimeRef `json:"runtime"`
	Cached    bool        `json:"cached"`
	AuditHash string      `json:"audit_hash"`
	Timings   Timings     `json:"timings"`
	// DecidingWindow is the window whose severity and scores these are, 1 to Timings.Windows; 0 in rows that are older than
	// its being kept.
	DecidingWindow int `json:"deciding_window"`
	// Reference is nil unless it was asked for. It is not stored.
	Reference *Reference `json:"reference,omitempty"`
}

// Reference is what the model writes when nothing is forced: greedy decoding from the bare prompt.
// Where that is not in the answer format Severity is empty and Agrees false: the verdict stands.
type Reference struct {
	Severity   string   `json:"severity"`
	Categories []string `json:"categories"`
	Refusal    *bool    `json:"refusal"`
	Agrees     bool     `json:"agrees"` // severity, categories and refusal are the verdict's in every window
}

// timeLayout is RFC 3339 in UTC with milliseconds, never fewer digits.
const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON answers the published form, whose times always have milliseconds.
func (v Verdict) MarshalJSON() ([]byte, error) {
	type plain Verdict
	return json.Marshal(struct {
		plain
		CreatedAt string `json:"created_at"`
	}{plain(v), v.CreatedAt.UTC().Format(timeLayout)})
}
