//go:build !nollama

package llamacpp

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"guardhouse/internal/fault"
)

// nativeLane is the core that stands on one llama.cpp context.
type nativeLane struct {
	c *C.gh_lane
	i laneInfo
}

// openLane makes a context on w. It refuses with fault.Unprocessable what does not fit in memory.
func openLane(w *weights, l laneLimits) (*nativeLane, error) {
	words := (*C.char)(C.calloc(1, wordsSize))
	defer C.free(unsafe.Pointer(words))
	params := C.gh_lane_params{
		slots: C.uint32_t(l.slots), slot_tokens: C.uint32_t(l.slotTokens), batch: C.uint32_t(l.batch),
		shelves: C.uint32_t(l.shelves()), shelf_tokens: shelfIDs,
		threads: C.int32_t(l.threads), share: C.int32_t(l.share), poll: C.uint32_t(l.poll),
		flash: C.bool(l.flash), cache_q8: C.bool(l.cacheQ8),
	}
	n := &nativeLane{}
	if code := C.gh_open(w.c, &params, &n.c, words, wordsSize); code != C.GH_OK {
		cause := fmt.Errorf("making context: %w: %s", codeError(code), strings.TrimSpace(C.GoString(words)))
		return nil, fault.Wrap(cause, fault.Unprocessable, "the model does not run with these limits")
	}
	var i C.gh_lane_info
	C.gh_describe_lane(n.c, &i)
	n.i = laneInfo{
		vocab: w.vocab, slots: int(i.slots), slotTokens: int(i.slot_tokens), batch: int(i.batch), shelves: l.shelves(),
		passesOver: !l.flash,
		memory: memory{
			plain: int64(i.plain_bytes), packed: int64(i.packed_bytes), cache: int64(i.cache_bytes),
			compute: int64(i.compute_bytes), row: int64(i.row_bytes),
			gpuModel: int64(i.gpu_model_bytes), gpuCache: int64(i.gpu_cache_bytes), gpuCompute: int64(i.gpu_compute_bytes),
		},
	}
	return n, nil
}

func (n *nativeLane) info() laneInfo { return n.i }

func (n *nativeLane) decode(p *pass, threads int) error {
	if len(p.ids) == 0 {
		return errInvalid
	}
	return codeError(C.gh_decode(n.c, (*C.int32_t)(&p.ids[0]), (*C.int32_t)(&p.pos[0]), (*C.int32_t)(&p.seq[0]),
		(*C.int8_t)(&p.want[0]), C.int32_t(len(p.ids)), C.int32_t(threads)))
}

func (n *nativeLane) keep(slot, from int) error {
	return codeError(C.gh_keep(n.c, C.int32_t(slot), C.int32_t(from)))
}

func (n *nativeLane) copySlot(src, dst int) error {
	return codeError(C.gh_copy(n.c, C.int32_t(src), C.int32_t(dst)))
}

func (n *nativeLane) wipe() error { return codeError(C.gh_wipe(n.c)) }

func (n *nativeLane) score(row int, temperature float64, labels []int32) (scores, error) {
	var best C.int32_t
	if len(labels) == 0 {
		code := C.gh_score(n.c, C.int32_t(row), C.double(temperature), nil, 0, nil, nil, &best)
		return scores{best: int32(best)}, codeError(code)
	}
	s := scores{probs: make([]float64, len(labels)), logits: make([]float32, len(labels))}
	code := C.gh_score(n.c, C.int32_t(row), C.double(temperature), (*C.int32_t)(&labels[0]), C.int32_t(len(labels)),
		(*C.double)(&s.probs[0]), (*C.float)(&s.logits[0]), &best)
	s.best = int32(best)
	return s, codeError(code)
}

func (n *nativeLane) logits(row int) ([]float32, error) {
	p := C.gh_logits(n.c, C.int32_t(row))
	if p == nil {
		return nil, errInvalid
	}
	return unsafe.Slice((*float32)(p), n.i.vocab), nil
}

// row answers some logits of one entry of the last pass.
func (n *nativeLane) row(i int, ids []int32) ([]float32, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out := make([]float32, len(ids))
	code := C.gh_row(n.c, C.int32_t(i), (*C.int32_t)(&ids[0]), C.int32_t(len(ids)), (*C.float)(&out[0]))
	return out, codeError(code)
}

func (n *nativeLane) abort(on bool) { C.gh_abort(n.c, C.bool(on)) }

func (n *nativeLane) close() {
	C.gh_close(n.c)
	n.c = nil
}
