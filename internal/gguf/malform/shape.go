package malform

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// block is a kind of weights that a model may have: so many of them in so many bytes.
type block struct {
	kind      uint32
	per, size uint64
}

// blocks are all kinds that are multiplied with, the widest last.
func blocks() []block {
	return []block{
		{0, 1, 4},
		{1, 1, 2},
		{30, 1, 2},
		{2, 32, 18},
		{3, 32, 20},
		{6, 32, 22},
		{7, 32, 24},
		{8, 32, 34},
		{20, 32, 18},
		{39, 32, 17},
		{10, 256, 84},
		{11, 256, 110},
		{12, 256, 144},
		{13, 256, 176},
		{14, 256, 210},
		{16, 256, 66},
		{17, 256, 74},
		{18, 256, 98},
		{19, 256, 50},
		{21, 256, 110},
		{22, 256, 82},
		{23, 256, 136},
		{29, 256, 56},
		{34, 256, 54},
		{35, 256, 66},
	}
}

// shape are the numbers of a model.
type shape struct {
	arch                                 string
	layers, embedding, feed              uint64
	heads, headsKV, headSize, vocabulary uint64
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// Shape answers a sound model with the words of p and, by chance, another architecture, other sizes, kinds of weights and
// weights. Nothing is wrong with it: what is to be shown is that the engine computes any sound model without a mistake of memory.
func Shape(p *Parts, r *rand.Rand) Case {
	h := shape{arch: pick(r, "qwen3", "qwen2", "llama", "qwen3vl"), layers: 1 + r.Uint64N(3)}
	h.headsKV = pick[uint64](r, 1, 1, 2, 3)
	h.heads = h.headsKV * pick[uint64](r, 1, 2, 3, 4)
	h.headSize = pick(r, 2, 4, 6, 8, 10, 16, 18, 32, 34, 48, 64, 64, 66, 80, 96, 100, 128, 130, 192, 256, 2*(1+r.Uint64N(130)))
	h.embedding = pick(r, 2+r.Uint64N(100), 32*(1+r.Uint64N(9)), 256, 512)
	if h.arch == "qwen2" { // the engine has no other
		h.embedding = h.heads * h.headSize
	}
	h.feed = pick(r, 2+r.Uint64N(200), 32*(1+r.Uint64N(9)), 256, 512)
	q := p.With(func(q *Parts) {
		h.vocabulary = q.lengthen(r)
		h.describe(q, r)
		h.weigh(q, r)
	})
	return Case{"shape", fmt.Sprintf("%+v", h), q.Join()}
}

// lengthen adds words of no use to the vocabulary, and answers how many words there are.
func (p *Parts) lengthen(r *rand.Rand) (words uint64) {
	more := pick(r, 0, 0, 1, r.IntN(40))
	for i := range p.Pairs {
		k := &p.Pairs[i]
		if k.Key != "tokenizer.ggml.tokens" && k.Key != "tokenizer.ggml.token_type" {
			continue
		}
		words = binary.LittleEndian.Uint64(k.Value[4:]) + uint64(more)
		v := binary.LittleEndian.AppendUint64(append([]byte(nil), k.Value[:4]...), words)
		v = append(v, k.Value[12:]...)
		for n := range more {
			if k.Key == "tokenizer.ggml.tokens" {
				v = append(v, Text(fmt.Sprintf("[no use %d]", n))...)
			} else {
				v = binary.LittleEndian.AppendUint32(v, 5)
			}
		}
		k.Value = v
	}
	return words
}

// describe writes the numbers, and by chance what may be left out.
func (h shape) describe(p *Parts, r *rand.Rand) {
	number := func(key string, n uint64) { p.Set(h.arch+"."+key, 4, binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	real := func(key string, x float64) {
		p.Set(h.arch+"."+key, 6, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x))))
	}
	p.Set("general.architecture", 8, Text(h.arch))
	number("block_count", h.layers)
	number("context_length", pick[uint64](r, 1, 2, 100, 512, 4096, 1<<20))
	number("embedding_length", h.embedding)
	number("feed_forward_length", h.feed)
	number("attention.head_count", h.heads)
	number("attention.head_count_kv", h.headsKV)
	number("attention.key_length", h.headSize)
	number("attention.value_length", h.headSize)
	if r.IntN(2) == 0 || h.arch == "llama" {
		number("rope.dimension_count", h.headSize)
	}
	real("attention.layer_norm_rms_epsilon", pick(r, 1e-6, 1e-30, 0.5, 1))
	real("rope.freq_base", pick(r, 1, 10000, 1e6, 1e12))
	if r.IntN(3) == 0 {
		p.Set(h.arch+".rope.scaling.type", 8, Text(pick(r, "none", "linear", "yarn")))
		real("rope.scaling.factor", pick(r, 1e-3, 1, 4, 4096))
		number("rope.scaling.original_context_length", pick[uint64](r, 1, 512, 1<<20))
	}
	if h.arch == "qwen3vl" {
		half := uint32(h.headSize / 2)
		a := r.Uint32N(half + 1)
		b := r.Uint32N(half - a + 1)
		v := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, 5), 4)
		for _, n := range []uint32{a, b, half - a - b, 0} {
			v = binary.LittleEndian.AppendUint32(v, n)
		}
		p.Set(h.arch+".rope.dimension_sections", kindArray, v)
	}
}

// weigh writes the tensors.
func (h shape) weigh(p *Parts, r *rand.Rand) {
	p.Table, p.Data = nil, nil
	add := func(name string, dims ...uint64) {
		kind, rows := block{0, 1, 4}, uint64(1)
		if len(dims) > 1 {
			rows = dims[1]
			for kind = pick(r, blocks()...); dims[0]%kind.per != 0; {
				kind = pick(r, blocks()...)
			}
		}
		data := make([]byte, dims[0]/kind.per*kind.size*rows)
		for i := range data {
			data[i] = byte(r.Uint32()) & 0xbf // no number in it is infinite, whatever its kind
		}
		p.Table = append(p.Table, Tensor{name, dims, kind.kind, uint64(len(p.Data))})
		p.Data = append(p.Data, data...)
		p.Data = append(p.Data, make([]byte, -len(p.Data)&(dataAlignment-1))...)
	}
	e, q, kv := h.embedding, h.heads*h.headSize, h.headsKV*h.headSize
	add("token_embd.weight", e, h.vocabulary)
	add("output_norm.weight", e)
	if r.IntN(2) == 0 {
		add("output.weight", e, h.vocabulary)
	}
	for i := range h.layers {
		b := fmt.Sprintf("blk.%d.", i)
		add(b+"attn_norm.weight", e)
		add(b+"attn_q.weight", e, q)
		add(b+"attn_k.weight", e, kv)
		add(b+"attn_v.weight", e, kv)
		add(b+"attn_output.weight", q, e)
		switch h.arch {
		case "qwen2":
			add(b+"attn_q.bias", q)
			add(b+"attn_k.bias", kv)
			add(b+"attn_v.bias", kv)
		case "qwen3", "qwen3vl":
			add(b+"attn_q_norm.weight", h.headSize)
			add(b+"attn_k_norm.weight", h.headSize)
		}
		add(b+"ffn_norm.weight", e)
		add(b+"ffn_gate.weight", e, h.feed)
		add(b+"ffn_up.weight", e, h.feed)
		add(b+"ffn_down.weight", h.feed, e)
	}
	p.Tensors = uint64(len(p.Table))
}
