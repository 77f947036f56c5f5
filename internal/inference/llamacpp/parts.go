package llamacpp

import (
	"os"
	"strconv"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/gpu"
)

// parts answers the sizes of a model's parts as they would be on a device under the plan, by the file's own table of tensors.
func parts(f *os.File, p plan) (gpu.Sizes, error) {
	info, err := f.Stat()
	if err != nil {
		return gpu.Sizes{}, fault.Wrap(err, fault.Unprocessable, "the model file could not be read")
	}
	g, err := gguf.Read(f, info.Size())
	if err != nil {
		return gpu.Sizes{}, err
	}
	return partsOf(g, p), nil
}

func partsOf(g *gguf.File, p plan) gpu.Sizes {
	arch := g.Architecture()
	number := func(key string) int64 {
		n, ok := g.Uint(arch + "." + key)
		if !ok || n > 1<<31 {
			return 0
		}
		return int64(n)
	}
	s := gpu.Sizes{Layers: make([]int64, min(number("block_count"), 4096))}
	embedding, vocab := int64(0), int64(0)
	for _, t := range g.Tensors {
		name, _ := strings.CutPrefix(t.Name, "blk.")
		layer, _, _ := strings.Cut(name, ".")
		i, err := strconv.Atoi(layer)
		switch {
		case name != t.Name && err == nil && i >= 0 && i < len(s.Layers):
			s.Layers[i] += int64(t.Size)
		case t.Name == "token_embd.weight":
			embedding, vocab = int64(t.Size), int64(t.Dims[len(t.Dims)-1])
		case strings.HasPrefix(t.Name, "output"):
			s.Output += int64(t.Size)
		}
	}
	if s.Output < embedding/2 { // tied: the output is a copy of the embedding
		s.Output += embedding
	}
	heads, width := number("attention.head_count"), int64(0)
	if heads > 0 {
		width = number("embedding_length") / heads
	}
	values := orElse(number("attention.head_count_kv"), heads) * (orElse(number("attention.key_length"), width) + orElse(number("attention.value_length"), width))
	cell := 2 * values // f16
	if p.lane.cacheQ8 {
		cell = values * 34 / 32
	}
	s.Cache = int64(p.lanes) * cellsOf(p.lane) * cell
	s.Compute = need{vocab: int(vocab)}.of(p.lane, p.lanes)
	return s
}

func orElse(n, otherwise int64) int64 {
	if n > 0 {
		return n
	}
	return otherwise
}

func cellsOf(l laneLimits) int64 {
	return int64(l.slots)*int64(l.slotTokens) + int64(l.shelves())*shelfIDs
}
