package inference

import (
	"time"

	"guardhouse/internal/fault"
)

// Bounds of a Generation (threat M7): what lies outside is refused before native code hears of it.
const (
	MaxTemperature = 2.0  // a higher one writes noise
	MaxPenalty     = 2.0  // of presence and frequency, either way
	MaxBias        = 100  // of one id, either way: as good as never, as good as always
	MaxBiased      = 1024 // ids with a bias
	MaxStopIDs     = 64
	MaxTop         = 20 // alternatives told of each id
)

// Generation asks for what a model writes after a prompt, an id at a time.
type Generation struct {
	Prompt []int32
	Prefix int     // leading ids that the prompts of all callers share; they alone may be found computed by anybody
	Max    int     // most ids to write
	Stop   []int32 // an id of these ends the text and is no part of it
	Sampling
	// Logprobs asks for the probability of each id, and Top, at most MaxTop, for those of the likeliest ids beside it. They are
	// natural logarithms of the model's own distribution: the softmax over the whole vocabulary before temperature, penalties and
	// bias, as vLLM answers them.
	Logprobs bool
	Top      int
	// Keep lets what was computed stay until the place is needed, for the next prompt of the same account that begins alike
	// (threat T3: for no other's).
	Keep bool
	// Sink is handed each id when it is known; false says that it is enough, and the text ends with that id. A lease calls it on the
	// caller's goroutine, and it may take its time: the model does not wait for it. A model calls it on its own goroutine, and it
	// must answer at once. nil = nobody listens.
	Sink func(Token) bool

	// What follows is the lease's to say.
	Owner   string      // the account whose text this is
	Written int         // trailing ids of Prompt that this generation wrote in turns before this one
	Yield   func() bool // asked between ids: whether the place is wanted by somebody else; nil = never
}

// Sampling is how an id is chosen among all. The order: penalties and bias are added to the logits, which are then divided by the
// temperature; TopK, MinP and TopP, in that order, leave out what is unlikely, and one of the rest is drawn. The same seed and
// prompt give the same ids on the same build and machine where nobody else's ids are in the same passes and as much of the prompt was
// found computed: the shape of a pass changes the last bits of a logit.
type Sampling struct {
	Temperature float64           // 0 = the likeliest id, of equals the lowest; nothing else is looked at then but penalties and bias
	TopK        int               // so many of the likeliest; 0 = all
	TopP        float64           // the fewest of the likeliest that have this much probability together; 0 or 1 = all
	MinP        float64           // those with at least this part of the likeliest one's probability; 0 = all
	Presence    float64           // taken from the logit of an id that was written already
	Frequency   float64           // taken from it as often as it was written
	Window      int               // penalties look at the last so many written ids, never at the prompt; 0 = at all
	Bias        map[int32]float64 // added to the logits of these ids
	Seed        uint64
}

// Token is one written id. Logprob and Top are empty unless they were asked for.
type Token struct {
	ID      int32
	Logprob float64
	Top     []Likely // the likeliest first, of equals the lowest id; the written id is not put in
}

// Likely is an id and the logarithm of its probability.
type Likely struct {
	ID      int32
	Logprob float64
}

// Reason is why a text ended.
type Reason string

// The reasons.
const (
	Stopped  = Reason("stop")     // at a stop id, or the sink had enough
	Length   = Reason("length")   // Max ids were written
	Canceled = Reason("canceled") // an error says why: the caller left, ran out of time, or the model failed
	Yielded  = Reason("yielded")  // a turn is over; no lease answers this
)

// Generated is what was written. Beside an error it says how far the text came.
type Generated struct {
	IDs       []int32 // without the stop id
	Reason    Reason
	Stop      int32         // the stop id that ended it, -1 where none did
	Prompt    int           // ids of the prompt
	Cached    int           // of them, those that were not computed anew
	Passes    int           // forward passes this took part in
	Evaluated int           // ids computed in them
	Turns     int           // times it was given a place; more than 1 where others waited meanwhile
	Queue     time.Duration // waiting for a place, all turns
	Place     int           // in the line when it came, as in Answer
	Compute   time.Duration // with a place, all turns
}

// Check refuses with fault.Invalid ids, counts and numbers outside the model and the bounds above, and with fault.TooLarge what
// does not fit in a slot: what passes cannot make native code read outside its arrays (threat M7).
func (g Generation) Check(vocabulary, slotTokens int) error {
	switch {
	case len(g.Prompt) == 0:
		return fault.New(fault.Invalid, "the prompt is empty")
	case g.Prefix < 0 || g.Prefix > len(g.Prompt):
		return fault.New(fault.Invalid, "the prefix is longer than the prompt")
	case g.Written < 0 || g.Written > len(g.Prompt)-g.Prefix:
		return fault.New(fault.Invalid, "more was written than the prompt holds")
	case g.Max < 1:
		return fault.New(fault.Invalid, "a text has at least one token")
	case g.Top < 0 || g.Top > MaxTop || g.Top > 0 && !g.Logprobs:
		return fault.Newf(fault.Invalid, "at most %d alternatives are told, and only beside probabilities", MaxTop)
	case len(g.Stop) > MaxStopIDs:
		return fault.Newf(fault.Invalid, "at most %d ids may end a text", MaxStopIDs)
	case len(g.Prompt) > slotTokens || g.Max > slotTokens-len(g.Prompt): // no sum of what callers gave can overflow
		return fault.Newf(fault.TooLarge, "the prompt and its answer need more than the %d tokens of the model's context", slotTokens)
	}
	for _, ids := range [][]int32{g.Prompt, g.Stop} {
		for _, id := range ids {
			if id < 0 || int(id) >= vocabulary {
				return fault.New(fault.Invalid, "a token id is outside the model's vocabulary")
			}
		}
	}
	return g.Sampling.Check(vocabulary)
}

// Check refuses with fault.Invalid what is outside the bounds, NaN and infinity among it. The field is named as OpenAI's users know it.
func (s Sampling) Check(vocabulary int) error {
	for _, r := range []struct {
		field       string
		value       float64
		least, most float64
	}{
		{"temperature", s.Temperature, 0, MaxTemperature},
		{"top_p", s.TopP, 0, 1},
		{"min_p", s.MinP, 0, 1},
		{"presence_penalty", s.Presence, -MaxPenalty, MaxPenalty},
		{"frequency_penalty", s.Frequency, -MaxPenalty, MaxPenalty},
	} {
		if !(r.value >= r.least && r.value <= r.most) { // NaN is neither
			return fault.Newf(fault.Invalid, "%s must be between %g and %g", r.field, r.least, r.most).WithField(r.field)
		}
	}
	if s.TopK < 0 {
		return fault.New(fault.Invalid, "top_k must not be negative").WithField("top_k")
	}
	if s.Window < 0 {
		return fault.New(fault.Invalid, "the penalties' window must not be negative")
	}
	if len(s.Bias) > MaxBiased {
		return fault.Newf(fault.Invalid, "logit_bias has more than %d entries", MaxBiased).WithField("logit_bias")
	}
	for id, by := range s.Bias {
		if id < 0 || int(id) >= vocabulary || !(by >= -MaxBias && by <= MaxBias) {
			return fault.Newf(fault.Invalid, "logit_bias names tokens of the model, each with -%d to %d", MaxBias, MaxBias).WithField("logit_bias")
		}
	}
	return nil
}
