package moderation

import (
	"strings"
	"unicode/utf8"

	"guardhouse/internal/fault"
)

// Limits of one request, beside the limit in tokens. An array of 256 keeps the audit row's details
// below their bound; a conversation of 256 turns is longer than any that fits in the default limit.
const (
	MaxInputs   = 256
	MaxMessages = 256
	// maxBytes stops texts before they are tokenised; over HTTP the body's limit is met first.
	maxBytes = 4 << 20
)

// check refuses what no model has to be asked about.
func (r Request) check() error {
	switch {
	case len(r.Inputs) == 0:
		return invalid("There is nothing to judge: input is empty.")
	case len(r.Inputs) > MaxInputs:
		return fault.Newf(fault.Invalid, "At most %d inputs can be judged at once; this request has %d.", MaxInputs, len(r.Inputs)).WithField("input")
	case r.Within < 0:
		return fault.New(fault.Invalid, "The time to wait is negative.").WithField("wait")
	case r.Mode != "" && r.Mode != Strict && r.Mode != Loose:
		return fault.New(fault.Invalid, "policy must be strict or loose.").WithField("policy")
	}
	for _, in := range r.Inputs {
		if err := in.check(); err != nil {
			return err
		}
	}
	if n := size(r.Inputs); n > maxBytes {
		return fault.Newf(fault.TooLarge, "The input has %d bytes; the limit is %d.", n, maxBytes).WithField("input")
	}
	return nil
}

// size answers the bytes of all texts.
func size(inputs []Input) (n int) {
	for _, in := range inputs {
		for _, m := range in.Messages {
			n += len(m.Content)
		}
	}
	return n
}

func (in Input) check() error {
	n := len(in.Messages)
	switch {
	case n == 0:
		return invalid("There is nothing to judge: the conversation is empty.")
	case n > MaxMessages:
		return fault.Newf(fault.Invalid, "A conversation has at most %d messages; this one has %d.", MaxMessages, n).WithField("input")
	case strings.TrimSpace(in.Messages[n-1].Content) == "":
		return invalid("There is nothing to judge: the text is blank.")
	}
	for _, m := range in.Messages {
		if !utf8.ValidString(m.Content) {
			return invalid("The text is not valid UTF-8.")
		}
	}
	return nil
}

func invalid(message string) error { return fault.New(fault.Invalid, message).WithField("input") }
