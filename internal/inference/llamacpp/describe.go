package llamacpp

import (
	"fmt"

	"guardhouse/internal/inference"
)

// deviceCPU is the one place where this build computes.
const deviceCPU = "cpu"

// describe answers the numbers that the contexts really have.
func describe(p plan, cores []core) inference.Description {
	d := inference.Description{
		WeightBytes: p.weightBytes, SlotTokens: p.slotTokens, Threads: p.threads, Lanes: len(cores),
		Flash: p.lane.flash, Cache: cacheF16, Choice: p.choice, Device: deviceCPU,
	}
	if p.lane.cacheQ8 {
		d.Cache = cacheQ8
	}
	for _, c := range cores {
		i := c.info()
		d.Vocabulary, d.Batch = i.vocab, i.batch
		d.Slots += i.slots
		d.Memory.Weights, d.Memory.Packed = i.memory.plain, i.memory.packed
		d.Memory.Cache += i.memory.cache
		d.Memory.Compute += i.memory.compute
		d.Memory.Output += i.memory.row * int64(i.slots) * rowsPerQuery
	}
	d.CacheBytes = d.Memory.Cache
	if p.squeezed > 0 {
		d.Choice.Why += fmt.Sprintf("; %s instead of %d: there is no memory for more", counted(d.Slots, "slot"), p.squeezed)
	}
	return d
}
