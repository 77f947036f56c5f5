// Package shape answers what of a model's checked header decides about memory. It may import gguf and inference.
package shape

import (
	"strconv"
	"strings"

	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
)

const (
	// bytesOfF16 is the size of one number of the cache.
	bytesOfF16 = 2
	// mostLayers and mostNumber bound what a header may say of itself here: no sum of what follows wraps.
	mostLayers, mostNumber = 4096, 1 << 31
)

// Of answers the shape of a model. mapped says that the engine maps its file.
func Of(f *gguf.File, mapped bool) inference.Shape {
	number := func(key string, otherwise int64) int64 {
		if n, ok := f.Uint(f.Architecture() + "." + key); ok && n > 0 && n <= mostNumber {
			return int64(n)
		}
		return otherwise
	}
	layers := min(number("block_count", 1), mostLayers)
	s := inference.Shape{Mapped: mapped, Heads: int(number("attention.head_count", 1)), LayerBytes: make([]int64, layers)}
	embedding := tensors(f, &s)
	if s.OutputBytes < embedding/2 { // tied: the output reads the table of tokens, and a device has a copy of its own
		s.OutputBytes += embedding
		s.TiedBytes = embedding
	}
	head := number("embedding_length", 0) / max(1, int64(s.Heads))
	s.CellBytes = layers * number("attention.head_count_kv", int64(s.Heads)) *
		(number("attention.key_length", head) + number("attention.value_length", head)) * bytesOfF16
	return s
}

// tensors adds up the table of tensors, and answers the size of the table of tokens.
func tensors(f *gguf.File, s *inference.Shape) (embedding int64) {
	for _, t := range f.Tensors {
		size := int64(t.Size)
		s.WeightBytes += size
		rest, inLayer := strings.CutPrefix(t.Name, "blk.")
		number, _, _ := strings.Cut(rest, ".")
		i, err := strconv.Atoi(number)
		switch {
		case inLayer && err == nil && i >= 0 && i < len(s.LayerBytes):
			s.LayerBytes[i] += size
		case t.Name == "token_embd.weight":
			embedding, s.Vocabulary = size, int(t.Dims[len(t.Dims)-1])
		case strings.HasPrefix(t.Name, "output"):
			s.OutputBytes += size
		}
	}
	return embedding
}
