package manager

import (
	"golang.org/x/sys/unix"

	"guardhouse/internal/catalog"
	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
)

// bytesOfF16 is the size of one number of the cache.
const bytesOfF16 = 2

// shapeOf answers what of a checked header decides about memory.
func shapeOf(f *gguf.File, mapped bool) inference.Shape {
	arch := f.Architecture() + "."
	number := func(key string, otherwise int64) int64 {
		if n, ok := f.Uint(arch + key); ok {
			return int64(n)
		}
		return otherwise
	}
	s := inference.Shape{Mapped: mapped, Heads: int(number("attention.head_count", 1))}
	tied := int64(0)
	for _, t := range f.Tensors {
		size := int64(t.Size)
		s.WeightBytes += size
		switch t.Name {
		case "token_embd.weight":
			tied += size
			s.Vocabulary = int(t.Dims[len(t.Dims)-1])
		case "output.weight":
			tied = -1 << 62
		}
	}
	s.TiedBytes = max(0, tied)
	head := number("embedding_length", 0) / max(1, int64(s.Heads))
	s.CellBytes = number("block_count", 1) * number("attention.head_count_kv", int64(s.Heads)) *
		(number("attention.key_length", head) + number("attention.value_length", head)) * bytesOfF16
	return s
}

// isMapped says that the engine maps the file instead of reading it: nobody can ever change its bytes.
func isMapped(f *catalog.File) bool {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	const needed = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK
	return err == nil && seals&needed == needed
}
