package chat

import (
	"math"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// Limits of one request (threat M7).
const (
	MaxMessages  = 256
	MaxStops     = 4
	MaxStopBytes = 256
	MaxBiased    = 300
	MaxTop       = inference.MaxTop
	// maxBytes stops texts before they are tokenised; over HTTP the body's limit is met first.
	maxBytes = 4 << 20
)

// check refuses what no model has to be asked about. most is the setting that bounds an answer's tokens.
func (r *Request) check(most int) error {
	if err := r.checkMessages(); err != nil {
		return err
	}
	switch {
	case r.Model == "":
		return fault.New(fault.Invalid, "Name the model: the field model is missing.").WithField("model")
	case r.Within < 0:
		return fault.New(fault.Invalid, "The time to wait is negative.").WithField("wait")
	case r.MaxTokens != nil && *r.MaxTokens < 1:
		return fault.New(fault.Invalid, "An answer has at least one token.").WithField("max_tokens")
	case r.MaxTokens != nil && *r.MaxTokens > most:
		return fault.Newf(fault.Invalid, "An answer has at most %d tokens here, as chat.max_tokens says.", most).WithField("max_tokens")
	case len(r.Bias) > MaxBiased:
		return fault.Newf(fault.Invalid, "logit_bias has more than %d entries.", MaxBiased).WithField("logit_bias")
	case r.Top < 0 || r.Top > MaxTop:
		return fault.Newf(fault.Invalid, "top_logprobs must be between 0 and %d.", MaxTop).WithField("top_logprobs")
	case r.Top > 0 && !r.Logprobs:
		return fault.New(fault.Invalid, "top_logprobs are told beside logprobs only: set logprobs to true.").WithField("top_logprobs")
	}
	if err := r.checkStops(); err != nil {
		return err
	}
	return r.sampling(0).Check(math.MaxInt32) // the model's own vocabulary is asked when it is known
}

func (r *Request) checkMessages() error {
	n, size := len(r.Messages), 0
	if n == 0 {
		return unfit("The conversation is empty.")
	}
	if n > MaxMessages {
		return fault.Newf(fault.Invalid, "A conversation has at most %d messages; this one has %d.", MaxMessages, n).WithField("messages")
	}
	for _, m := range r.Messages {
		if !utf8.ValidString(m.Content) {
			return unfit("A message is not valid UTF-8.")
		}
		size += len(m.Content)
	}
	if size > maxBytes {
		return fault.Newf(fault.TooLarge, "The messages have %d bytes; the limit is %d.", size, maxBytes).WithField("messages")
	}
	return nil
}

func (r *Request) checkStops() error {
	if len(r.Stop) > MaxStops {
		return fault.Newf(fault.Invalid, "At most %d stop strings are looked for.", MaxStops).WithField("stop")
	}
	for _, s := range r.Stop {
		if s == "" || len(s) > MaxStopBytes || !utf8.ValidString(s) {
			return fault.Newf(fault.Invalid, "A stop string has 1 to %d bytes of UTF-8.", MaxStopBytes).WithField("stop")
		}
	}
	return nil
}

func unfit(message string) error { return fault.New(fault.Invalid, message).WithField("messages") }

// sampling is how ids are chosen, with a temperature for a request that names none, and a seed that is another one each time.
func (r *Request) sampling(temperature float64) inference.Sampling {
	s := inference.Sampling{
		Temperature: temperature, TopK: r.TopK, MinP: r.MinP, Presence: r.Presence, Frequency: r.Frequency, Bias: r.Bias,
	}
	if r.Temperature != nil {
		s.Temperature = *r.Temperature
	}
	if r.TopP != nil {
		if s.TopP = *r.TopP; s.TopP == 0 { // the engine's word for all; here it is the likeliest, with whom any sum begins
			s.TopK = 1
		}
	}
	if s.Seed = rand.Uint64(); r.Seed != nil { //nolint:gosec // chooses words, keeps no secret
		s.Seed = uint64(*r.Seed) // any 64 bits are one
	}
	return s
}

// size answers the bytes of all texts.
func (r *Request) size() (n int) {
	for _, m := range r.Messages {
		n += len(m.Content)
	}
	return n
}

// content is what an audit row's keyed hash covers: role, line feed, text of every message.
func (r *Request) content() [][]byte {
	all := make([][]byte, 0, len(r.Messages)+1)
	for _, m := range r.Messages {
		all = append(all, written(m.Role, m.Content))
	}
	return all
}

func written(role, text string) []byte { return []byte(strings.Join([]string{role, text}, "\n")) }
