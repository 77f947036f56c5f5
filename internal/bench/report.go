package bench

import (
	"fmt"
	"time"
)

// Report is everything that a run measured, and with what.
type Report struct {
	Began       time.Time      `json:"began"`
	Version     any            `json:"version,omitempty"` // of the program that measured
	Machine     Machine        `json:"machine"`
	Settings    SettingsReport `json:"settings"`
	Texts       TextsReport    `json:"texts"`
	Start       []StartReport  `json:"starts,omitempty"`
	Rounds      []Round        `json:"rounds"`
	Summary     []Summary      `json:"summary"`
	End         *MemoryReport  `json:"memory_at_the_end,omitempty"`
	Interrupted bool           `json:"interrupted"`
}

// SettingsReport repeats the options; never the key.
type SettingsReport struct {
	URL       string   `json:"url"` // "" = a server of our own
	API       API      `json:"api"`
	Model     string   `json:"model"`
	LeadIn    string   `json:"lead_in,omitempty"`
	Template  string   `json:"template_sha256,omitempty"` // of prefix, NUL, suffix
	MaxTokens int      `json:"max_tokens,omitempty"`
	Extra     string   `json:"extra,omitempty"`
	Server    []string `json:"server_settings,omitempty"`
	GGUF      string   `json:"gguf,omitempty"`
	Clients   []int    `json:"clients"`
	Rounds    int      `json:"rounds"`
	Seconds   float64  `json:"round_seconds"`
	Requests  int      `json:"round_requests,omitempty"`
	First     uint64   `json:"first_text"`
	Warmup    float64  `json:"warmup_seconds"`
	Rate      float64  `json:"rate,omitempty"`
	Timeout   float64  `json:"timeout_seconds"`
}

// TextsReport says which texts were sent. Lengths are those of the first thousand.
type TextsReport struct {
	Source     string  `json:"source"`
	Seed       *uint64 `json:"seed,omitempty"`
	Distinct   int     `json:"distinct_in_file,omitempty"`
	Repeat     uint64  `json:"repeat,omitempty"`
	SHA256     string  `json:"sha256,omitempty"`
	Characters Lengths `json:"characters"`
	Chinese    float64 `json:"share_with_chinese"`
}

// Lengths are counts of characters.
type Lengths struct {
	Lowest  int `json:"lowest"`
	P5      int `json:"p5"`
	P50     int `json:"p50"`
	P95     int `json:"p95"`
	Highest int `json:"highest"`
}

// Round is one round as it was. Model and queue milliseconds are the server's own words, where it has any.
type Round struct {
	Clients         int            `json:"clients"`
	Number          int            `json:"round"`
	First           uint64         `json:"first_text"`
	Seconds         float64        `json:"seconds"` // from the first request's start to the last answer
	Verdicts        int            `json:"verdicts"`
	PerSecond       float64        `json:"verdicts_per_second"`
	Latency         Spread         `json:"latency_ms"`
	Model           *Spread        `json:"model_ms,omitempty"`
	Queue           *Spread        `json:"queue_ms,omitempty"`
	Cached          int            `json:"cached"`
	Answers         map[string]int `json:"answers"`
	PromptTokens    int            `json:"prompt_tokens"`
	AnswerTokens    int            `json:"answer_tokens"`
	TokensPerSecond float64        `json:"prompt_tokens_per_second"`
	Errors          map[string]int `json:"errors"`     // refusals by status, failures by kind
	Unfinished      int            `json:"unfinished"` // refused, and told to come back after the round's end
	Unsent          int            `json:"unsent"`     // due by --rate, and never begun
	Reconnects      int            `json:"reconnects"`
	ClientCPU       float64        `json:"client_cpu_ms_per_verdict"`
	ClientCores     float64        `json:"client_cores"`
	ServerCPU       float64        `json:"server_cpu_ms_per_verdict,omitempty"` // of our own server
	Samples         []Sample       `json:"samples,omitempty"`

	samples []sample
	waits   []time.Duration
}

// String says a round in a line.
func (r Round) String() string {
	return fmt.Sprintf("round %d, %s: %d verdicts, %s/s", r.Number, clientsInWords(r.Clients), r.Verdicts, rate(r.PerSecond))
}

// Sample is one text's measurement.
type Sample struct {
	Text    uint64  `json:"text"`
	At      float64 `json:"at_ms"` // when it began, or was due, after the round's begin
	Took    float64 `json:"took_ms"`
	Model   float64 `json:"model_ms,omitempty"`
	Queue   float64 `json:"queue_ms,omitempty"`
	Prompt  int     `json:"prompt_tokens,omitempty"`
	Decoded int     `json:"answer_tokens,omitempty"`
	Label   string  `json:"label"`
	Cached  bool    `json:"cached,omitempty"`
}

// Summary is all rounds with one number of clients. Percentiles are of all their measurements together.
type Summary struct {
	Clients         int            `json:"clients"`
	PerSecond       Rate           `json:"verdicts_per_second"`
	Latency         Spread         `json:"latency_ms"`
	Model           *Spread        `json:"model_ms,omitempty"`
	Queue           *Spread        `json:"queue_ms,omitempty"`
	Around          *Spread        `json:"around_ms,omitempty"` // latency less model and queue, of each answer
	Verdicts        int            `json:"verdicts"`
	Cached          int            `json:"cached"`
	Answers         map[string]int `json:"answers"`
	TokensPerSecond Rate           `json:"prompt_tokens_per_second"`
	Errors          map[string]int `json:"errors"`
	Unfinished      int            `json:"unfinished"`
	Unsent          int            `json:"unsent"`
	ClientCPU       float64        `json:"client_cpu_ms_per_verdict"`
	ServerCPU       float64        `json:"server_cpu_ms_per_verdict,omitempty"`
}
