package bench

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"
)

// API names a way to ask for a verdict.
type API string

// The ways to ask. The last three take a prompt or conversation and answer words.
const (
	Moderations       API = "moderations"        // POST /api/v1/moderations
	OpenAIModerations API = "openai-moderations" // POST /v1/moderations
	Completions       API = "completions"        // POST /v1/completions
	Chat              API = "chat"               // POST /v1/chat/completions
	Ollama            API = "ollama"             // POST /api/generate, raw
)

// APIs answers all of them.
func APIs() []API { return []API{Moderations, OpenAIModerations, Completions, Chat, Ollama} }

// Prompt is a guard's prompt: the text stands between the two parts. With LeadIn the answer's first words are given as well.
type Prompt struct{ Prefix, Suffix, LeadIn string }

func (p Prompt) render(text string) string { return p.Prefix + text + p.Suffix + p.LeadIn }

// dialect spells requests and reads answers of one API. It is immutable.
type dialect struct {
	path   string
	member string // which member of the request holds the text
	head   []byte // the request up to that member's value
	tail   []byte
	wrap   func(text string) any
	read   func(data []byte, a *answer) error
}

// answer is what one request brought.
type answer struct {
	status     int
	sent, done time.Time // its first byte was about to leave; the last byte of its answer was here
	refused    bool      // busy or over a limit: to be asked again after retryAfter
	retryAfter time.Duration
	said       string // the words of a refusal

	label   label
	cached  bool
	timed   bool // model and queue are the server's own
	modelMS float64
	queueMS float64
	prompt  int // tokens, those that the server remembered included
	answer  int // tokens decoded
}

// unusableError is an answer that is not what the API promises.
type unusableError struct{ why string }

func (e *unusableError) Error() string { return e.why }

// retryUntold is how long a client waits that was not told how long.
const retryUntold = 100 * time.Millisecond

func newDialect(o Options) (dialect, error) {
	body := map[string]any{}
	if o.Model != "" {
		body["model"] = o.Model
	}
	d := dialect{member: "prompt", wrap: func(text string) any { return o.Prompt.render(text) }}
	switch o.API {
	case Completions:
		d.path, d.read = "/v1/completions", readCompletion
		body["max_tokens"], body["temperature"], body["stream"] = o.MaxTok, 0, false
	case Chat:
		d.path, d.read, d.member = "/v1/chat/completions", readCompletion, "messages"
		body["max_tokens"], body["temperature"], body["stream"] = o.MaxTok, 0, false
		d.wrap = func(text string) any { return []map[string]string{{"role": "user", "content": text}} }
	case Ollama:
		d.path, d.read = "/api/generate", readOllama
		body["raw"], body["stream"] = true, false
		body["options"] = map[string]any{"num_predict": o.MaxTok, "temperature": 0}
	case OpenAIModerations:
		d.path, d.read, d.member = "/v1/moderations", readOpenAIModeration, "input"
		d.wrap = func(text string) any { return text }
	default:
		d.path, d.read, d.member = "/api/v1/moderations", readModeration, "input"
		d.wrap = func(text string) any { return text }
	}
	if err := merge(body, o.Extra); err != nil {
		return d, err
	}
	delete(body, d.member)
	return d, d.compose(body)
}

// merge adds the members of a JSON object, those of an object inside one by one.
func merge(body map[string]any, extra string) error {
	if extra == "" {
		return nil
	}
	var more map[string]any
	if err := json.Unmarshal([]byte(extra), &more); err != nil {
		return wrong("extra", "--extra wants a JSON object")
	}
	for name, value := range more {
		have, isMap := body[name].(map[string]any)
		if inner, ok := value.(map[string]any); ok && isMap {
			maps.Copy(have, inner)
			continue
		}
		body[name] = value
	}
	return nil
}

// compose writes what all requests share once: the text's member stands last.
func (d *dialect) compose(body map[string]any) error {
	shared, err := json.Marshal(body)
	if err != nil {
		return err
	}
	d.head = append(d.head, strings.TrimSuffix(string(shared), "}")...)
	if len(body) > 0 {
		d.head = append(d.head, ',')
	}
	d.head = append(d.head, `"`+d.member+`":`...)
	d.tail = []byte("}")
	return nil
}

func (d *dialect) body(dst []byte, text string) ([]byte, error) {
	value, err := json.Marshal(d.wrap(text))
	if err != nil {
		return nil, err
	}
	return append(append(append(dst, d.head...), value...), d.tail...), nil
}

// judge asks for one verdict. It fails where no answer came, or a 200 that is no verdict. spare is memory for the request.
func (c *client) judge(text string, spare *[]byte) (a answer, err error) {
	var body []byte
	if spare != nil {
		body = (*spare)[:0]
	}
	if body, err = c.target.dialect.body(body, text); err != nil {
		return a, err
	}
	if spare != nil {
		*spare = body
	}
	a.sent = time.Now()
	status, after, data, err := c.post(body)
	a.done = time.Now()
	if err != nil {
		return a, err
	}
	a.status = status
	switch status {
	case http.StatusOK:
		return a, c.target.dialect.read(data, &a)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		a.refused, a.retryAfter = true, after
		if after < 0 {
			a.retryAfter = retryUntold
		}
	}
	a.said = said(data)
	return a, nil
}

func decodeLoosely(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return errors.Join(&unusableError{"what it holds is not the JSON that was expected"}, err)
	}
	return nil
}
