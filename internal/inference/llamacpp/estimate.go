package llamacpp

import "guardhouse/internal/inference"

// estimate answers what a model of that shape takes on so many cores, from the numbers that Load itself plans with: the cache is
// exact, weights and rows are no less than they will be, and computing is what the engine reserves at most.
func estimate(s inference.Spec, shape inference.Shape, cores int) inference.Memory {
	m := weightsOf(shape)
	p, err := newPlan(s, shape.WeightBytes, cores)
	if err != nil {
		return m // Load refuses it before it takes anything
	}
	cell := shape.CellBytes
	if p.lane.cacheQ8 {
		cell = cell * 34 / 64
	}
	p.need = need{cell: cell, vocab: shape.Vocabulary, heads: shape.Heads}
	if all := p.fitting(s, s.Room); !p.givenLanes {
		p.deal(all[len(all)-1].lanes, s.Slots) // a trial may choose any of them
	}
	_ = p.squeeze(s.Room) // as far as it goes: whoever asks compares
	lanes := int64(p.lanes)
	m.Cache, m.Compute, m.Output = lanes*p.need.cache(p.lane), lanes*p.need.compute(p.lane), lanes*p.need.rows(p.lane)
	return m
}

// weightsOf answers what the tensors take: a file that is mapped stands beside the form that kernels want.
func weightsOf(s inference.Shape) inference.Memory {
	m := inference.Memory{Weights: s.WeightBytes, Packed: s.TiedBytes}
	if s.Mapped {
		m.Packed += s.WeightBytes
	}
	return m
}
