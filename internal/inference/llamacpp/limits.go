package llamacpp

import (
	"slices"

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
	// shelves is how many prefixes have a place of their own, beside the slots: a template has one before a question and
	// one before an answer. shelfIDs is the longest that may stand there: each id of it is a cell that no slot has.
	shelves, shelfIDs = 2, 256
	// poll keeps idle helpers spinning for some 2 ms between passes; the library's own 50 would burn a core
	// for 100 ms after every verdict.
	poll = 1

	choiceAuto, choiceOn, choiceOff = "auto", "on", "off"
	cacheF16, cacheQ8               = "f16", "q8_0"
)

// plan is how one model is laid out.
type plan struct {
	lanes, slots, threads  int
	givenLanes, givenSlots bool // asked for: neither tried nor made fewer
	lane                   laneLimits
	batch                  int // asked for, or the usual; a lane's is at least its slots
	slotTokens             int // the caller's own bound, at most lane.slotTokens
	temperature            float64
	weightBytes            int64
	need                   need
	squeezed               int // slots that there is no memory for, 0 = there is
	choice                 inference.Choice
	late                   bool // a trial did not end in time
}

// newPlan answers the plan that size and machine alone suggest. It refuses with fault.Invalid what no context can be made
// from.
func newPlan(s inference.Spec, weightBytes int64, cores int) (plan, error) {
	if err := checkSpec(s); err != nil {
		return plan{}, err
	}
	p := plan{
		threads: min(s.Threads, maxThreads), slotTokens: s.SlotTokens, temperature: s.Temperature, batch: s.Batch,
		weightBytes: weightBytes, givenLanes: s.Lanes > 0, givenSlots: s.Slots > 0,
	}
	if p.threads == 0 {
		p.threads = max(1, min(cores, maxThreads))
	}
	if p.temperature == 0 {
		p.temperature = 1
	}
	if p.batch == 0 {
		p.batch = chunk
	}
	p.lane = laneLimits{
		slotTokens: (s.SlotTokens + cellStep - 1) / cellStep * cellStep, threads: p.threads, poll: poll,
		// Without flash attention every id is held against the cells of all slots, masked or not: four short prompts beside one of
		// 3,500 ids took 108 ms instead of 13, with it 8.2 instead of 7.0 (guard-nano).
		flash: s.Flash != choiceOff, cacheQ8: s.Cache == cacheQ8,
	}
	lanes := s.Lanes
	if lanes == 0 {
		lanes = guess(p.layouts(s.Slots), weightBytes).lanes
	}
	p.deal(lanes, s.Slots)
	return p, nil
}

// layouts answers what may be chosen from with so many slots given, 0 for none.
func (p *plan) layouts(slots int) []layout {
	if slots == 0 {
		slots = maxSlots
	}
	return layouts(p.threads, slots)
}

// deal gives the plan so many lanes and slots, the usual number of them for 0.
func (p *plan) deal(lanes, slots int) {
	if slots == 0 {
		slots = max(minSlots, slotsPerLane*lanes)
	}
	p.lanes, p.slots = lanes, max(slots, lanes)
	p.lane.slots = (p.slots + lanes - 1) / lanes
	p.lane.share = max(1, p.threads/lanes)
	// A batch below the slots could not give each of them an id.
	p.lane.batch = max(p.batch, p.lane.slots)
}

// checkSpec refuses with fault.Invalid what no context can be made from.
func checkSpec(s inference.Spec) error {
	if s.Slots < 0 || s.Slots > maxSlots {
		return fault.Newf(fault.Invalid, "a model has 1 to %d slots, or 0 for those that suit the machine", maxSlots)
	}
	if s.Lanes < 0 || s.Lanes > maxLanes || s.Slots > 0 && s.Lanes > s.Slots {
		return fault.Newf(fault.Invalid, "a model has 1 to %d lanes and no more than slots, or 0 for those that suit the machine", maxLanes)
	}
	if s.SlotTokens < 1 || s.SlotTokens > maxSlotTokens {
		return fault.Newf(fault.Invalid, "a slot needs 1 to %d tokens", maxSlotTokens)
	}
	if s.Batch < 0 || s.Batch > maxBatch {
		return fault.Newf(fault.Invalid, "a batch holds at most %d tokens", maxBatch)
	}
	if s.Threads < 0 {
		return fault.New(fault.Invalid, "the number of threads is negative")
	}
	if !slices.Contains([]string{"", choiceAuto, choiceOn, choiceOff}, s.Flash) {
		return fault.New(fault.Invalid, "flash attention is auto, on or off")
	}
	if !slices.Contains([]string{"", choiceAuto, cacheF16, cacheQ8}, s.Cache) {
		return fault.New(fault.Invalid, "the cache is auto, f16 or q8_0")
	}
	if s.Cache == cacheQ8 && s.Flash == choiceOff {
		return fault.New(fault.Invalid, "a q8_0 cache needs flash attention")
	}
	if s.Temperature != 0 && !(s.Temperature >= minTemperature && s.Temperature <= maxTemperature) {
		return fault.Newf(fault.Invalid, "the temperature must be between %g and %g, or 0 for none", minTemperature, maxTemperature)
	}
	return nil
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
