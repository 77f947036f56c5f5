package llamacpp

import (
	"fmt"

	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
)

// describe answers the numbers that the contexts really have.
func describe(p plan, cores []core) inference.Description {
	d := inference.Description{
		WeightBytes: p.weightBytes, SlotTokens: p.slotTokens, Threads: p.threads, Lanes: len(cores),
		Flash: p.lane.flash, Cache: cacheF16, Choice: p.choice, Device: gpu.DeviceCPU,
	}
	if p.lane.cacheQ8 {
		d.Cache = cacheQ8
	}
	onGPU := int64(0)
	for _, c := range cores {
		i := c.info()
		d.Vocabulary, d.Batch = i.vocab, i.batch
		d.Slots += i.slots
		d.Memory.Weights, d.Memory.Packed = i.memory.plain, i.memory.packed
		d.Memory.Cache += i.memory.cache
		d.Memory.Compute += i.memory.compute
		d.Memory.Output += i.memory.row * int64(i.slots) * rowsPerQuery
		onGPU = i.memory.gpuModel
		d.Memory.GPU += i.memory.gpuCache + i.memory.gpuCompute
		d.CacheBytes += i.memory.cache + i.memory.gpuCache
	}
	d.Memory.GPU += onGPU
	if p.squeezed > 0 {
		d.Choice.Why += fmt.Sprintf("; %s instead of %d: there is no memory for more", counted(d.Slots, "slot"), p.squeezed)
	}
	return d
}
