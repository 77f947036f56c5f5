package llamacpp

import "errors"

// core is what a lane needs of a native context. One goroutine uses it at a time, but for abort.
type core interface {
	info() laneInfo
	// decode runs one pass. After any error the slots in it hold an unknown part of it.
	decode(p *pass, threads int) error
	// keep drops what a slot holds from position from on.
	keep(slot, from int) error
	// copySlot replaces all that dst holds by all that src holds.
	copySlot(src, dst int) error
	// wipe empties all slots and clears their cells, so that nothing of what was computed is left in them.
	wipe() error
	// score reads the row of entry row of the last pass, which must have been wanted.
	score(row int, temperature float64, labels []int32) (scores, error)
	// logits answers the whole row of entry row of the last pass, in native memory: until the next pass, and no longer.
	logits(row int) ([]float32, error)
	// abort makes the running pass and later ones fail until it is called with false. Any goroutine may
	// call it until close.
	abort(on bool)
	close()
}

// laneLimits are the numbers that a context is made with.
type laneLimits struct {
	slots, slotTokens, batch, threads, poll int
	share                                   int // threads of a pass while all lanes work
	flash, cacheQ8                          bool
}

// shelves answers the sequences beside the slots: as many as llama.cpp has left.
func (l laneLimits) shelves() int { return max(0, min(shelves, maxSlots-l.slots)) }

// laneInfo is what the context really has.
type laneInfo struct {
	vocab, slots, slotTokens, batch int
	shelves                         int  // sequences beside the slots, each for a prefix of at most shelfIDs
	passesOver                      bool // attention multiplies others' cells by zero instead of leaving them out
	memory                          memory
}

// memory is what the engine's own books say of one context, in bytes. The model's part is the same for all.
type memory struct {
	plain, packed       int64 // weights as in the file, and in the form that kernels want
	cache, compute, row int64 // row: the logits of one wanted id
	// What of all that is on a GPU, and not counted above.
	gpuModel, gpuCache, gpuCompute int64
}

// scores are read from one row of logits.
type scores struct {
	probs  []float64
	logits []float32
	best   int32 // the id with the largest logit of the vocabulary
}

// What native code complains of, by its codes.
var (
	errFull      = errors.New("the key/value cache is full")
	errAborted   = errors.New("the pass was aborted")
	errInvalid   = errors.New("the engine refused its arguments")
	errFailed    = errors.New("the engine failed")
	errException = errors.New("the engine threw an exception")
	errNotFinite = errors.New("the model answered a number that is not finite")
)

// pass is the input of one forward pass: entry i is id ids[i] at position pos[i] of slot seq[i], and its
// logits are kept if want[i] is 1. Slots appear in increasing order.
type pass struct {
	ids, pos, seq []int32
	want          []int8
}

func (p *pass) reset() {
	p.ids, p.pos, p.seq, p.want = p.ids[:0], p.pos[:0], p.seq[:0], p.want[:0]
}

func (p *pass) add(slot, pos int, id int32, want bool) {
	var w int8
	if want {
		w = 1
	}
	p.ids = append(p.ids, id)
	p.pos = append(p.pos, int32(pos))
	p.seq = append(p.seq, int32(slot))
	p.want = append(p.want, w)
}
