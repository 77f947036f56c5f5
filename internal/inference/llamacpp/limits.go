package llamacpp

import (
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

const (
	maxSlots      = 256     // llama.cpp's most sequences of one context
	maxSlotTokens = 1 << 17 // far over every guard model's context
	maxBatch      = 4096
	maxThreads    = 512 // llama.cpp's
	maxLabels     = 64
	maxTailIDs    = 512
	// Outside these a difference of two logits, over the temperature, leaves single precision.
	minTemperature, maxTemperature = 0.01, 100.0

	// chunk is the most ids of one prompt in one pass: at 10 ms an id (0.6B on two slow cores) a client
	// that left is noticed within 2.6 s even if others keep the pass alive, and short prompts get in between.
	chunk = 256
	// cellStep is what llama.cpp rounds a slot's cells up to.
	cellStep = 256
	// laneWeights is the size of a model up to which several passes run side by side, a core each, instead of
	// one pass over all cores. A small model's operations are shorter than the threads' wait for each other:
	// guard-nano, two cores: 408 prompts a second on two lanes, 332 on one, 54 where threads outnumber cores.
	// Over it the compute buffers count (300 MiB a context at 0.6B), and long operations hide the waiting.
	laneWeights = 128 << 20
	maxLanes    = 8
	// shelves is how many prefixes have a place of their own, beside the slots: a template has one before a question and
	// one before an answer. shelfIDs is the longest that may stand there: each id of it is a cell that no slot has.
	shelves, shelfIDs = 2, 256
	// poll keeps idle helpers spinning for some 2 ms between passes; the library's own 50 would burn a core
	// for 100 ms after every verdict.
	poll = 1
)

// plan is how one model is laid out.
type plan struct {
	lanes, threads int
	lane           laneLimits
	slotTokens     int // the caller's own bound, at most lane.slotTokens
	temperature    float64
}

// newPlan refuses with fault.Invalid what no context can be made from.
func newPlan(s inference.Spec, weightBytes int64, cores int) (plan, error) {
	if s.Slots < 1 || s.Slots > maxSlots {
		return plan{}, fault.Newf(fault.Invalid, "a model needs 1 to %d slots", maxSlots)
	}
	if s.SlotTokens < 1 || s.SlotTokens > maxSlotTokens {
		return plan{}, fault.Newf(fault.Invalid, "a slot needs 1 to %d tokens", maxSlotTokens)
	}
	if s.Batch < 0 || s.Batch > maxBatch {
		return plan{}, fault.Newf(fault.Invalid, "a batch holds at most %d tokens", maxBatch)
	}
	if s.Threads < 0 {
		return plan{}, fault.New(fault.Invalid, "the number of threads is negative")
	}
	if s.Temperature != 0 && !(s.Temperature >= minTemperature && s.Temperature <= maxTemperature) {
		return plan{}, fault.Newf(fault.Invalid, "the temperature must be between %g and %g, or 0 for none", minTemperature, maxTemperature)
	}
	p := plan{lanes: 1, threads: min(s.Threads, maxThreads), slotTokens: s.SlotTokens, temperature: s.Temperature}
	if p.threads == 0 {
		p.threads = max(1, min(cores, maxThreads))
	}
	if p.temperature == 0 {
		p.temperature = 1
	}
	if weightBytes <= laneWeights {
		p.lanes = min(p.threads, s.Slots, maxLanes)
	}
	batch := s.Batch
	if batch == 0 {
		batch = chunk
	}
	p.lane = laneLimits{
		slots:      (s.Slots + p.lanes - 1) / p.lanes,
		slotTokens: (s.SlotTokens + cellStep - 1) / cellStep * cellStep,
		threads:    p.threads, poll: poll, flash: true,
	}
	// A batch below the slots could not give each of them an id.
	p.lane.batch = max(batch, p.lane.slots)
	return p, nil
}

// check answers fault.Invalid for ids, labels and counts outside the model, and fault.TooLarge for a
// query that cannot fit in a slot. What passes cannot make native code read outside its arrays.
func check(q inference.Query, vocab, slotTokens int) error {
	if len(q.Prompt) == 0 {
		return fault.New(fault.Invalid, "the prompt is empty")
	}
	if q.Prefix < 0 || q.Prefix > len(q.Prompt) {
		return fault.New(fault.Invalid, "the prefix is longer than the prompt")
	}
	if q.Free && (len(q.Labels) > 0 || len(q.Tails) > 0 || len(q.Hints) > 0 || q.Draft != nil || q.MaxTail < 1) {
		return fault.New(fault.Invalid, "a free query has a tail and neither labels nor hints nor drafts")
	}
	if !q.Free && len(q.Labels) == 0 || len(q.Labels) > maxLabels || len(q.Hints) > maxLabels || len(q.Tails) > len(q.Labels) {
		return fault.Newf(fault.Invalid, "a query needs 1 to %d labels, no more tails than labels and as many hints", maxLabels)
	}
	if q.MaxTail < 0 || q.MaxTail > maxTailIDs || len(q.Stop) > maxLabels {
		return fault.Newf(fault.Invalid, "a tail has at most %d ids", maxTailIDs)
	}
	longest := 0
	if q.Free {
		longest = q.MaxTail
	}
	for _, t := range q.Tails {
		if len(t) > maxTailIDs {
			return fault.Newf(fault.Invalid, "a tail has at most %d ids", maxTailIDs)
		}
		if t != nil && q.MaxTail > 0 {
			longest = max(longest, 1+len(t)+q.MaxTail)
		}
	}
	// Compared one by one: no sum of what callers gave can overflow.
	if len(q.Prompt) > slotTokens || len(q.Prompt) > slotTokens-longest {
		return fault.Newf(fault.TooLarge, "the prompt and its answer need more than the %d tokens of the model's context", slotTokens)
	}
	for _, ids := range append([][]int32{q.Prompt, q.Labels, q.Hints, q.Stop}, q.Tails...) {
		if err := checkIDs(ids, vocab); err != nil {
			return err
		}
	}
	return nil
}

func checkIDs(ids []int32, vocab int) error {
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return fault.New(fault.Invalid, "a token id is outside the model's vocabulary")
		}
	}
	return nil
}
