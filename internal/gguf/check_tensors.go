package gguf

import (
	"maps"
	"slices"
	"strconv"
)

// want is one tensor that an architecture asks for.
type want struct {
	dims     [2]uint64
	optional bool
}

// wanted answers every tensor of the model by name.
func wanted(h hyper) map[string]want {
	e, kv, q := h.embedding, h.headSize*h.headsKV, h.headSize*h.heads
	m := map[string]want{
		"token_embd.weight":  {dims: [2]uint64{e, h.vocab}},
		"output_norm.weight": {dims: [2]uint64{e, 1}},
		"output.weight":      {dims: [2]uint64{e, h.vocab}, optional: true},
	}
	for i := range h.blocks {
		b := "blk." + strconv.FormatUint(i, 10) + "."
		m[b+"attn_norm.weight"] = want{dims: [2]uint64{e, 1}}
		m[b+"attn_q.weight"] = want{dims: [2]uint64{e, q}}
		m[b+"attn_k.weight"] = want{dims: [2]uint64{e, kv}}
		m[b+"attn_v.weight"] = want{dims: [2]uint64{e, kv}}
		m[b+"attn_output.weight"] = want{dims: [2]uint64{q, e}}
		m[b+"ffn_norm.weight"] = want{dims: [2]uint64{e, 1}}
		m[b+"ffn_gate.weight"] = want{dims: [2]uint64{e, h.feed}}
		m[b+"ffn_up.weight"] = want{dims: [2]uint64{e, h.feed}}
		m[b+"ffn_down.weight"] = want{dims: [2]uint64{h.feed, e}}
		switch h.arch {
		case "llama": // without the biases and rope factors that some have
			continue
		case "qwen2":
			m[b+"attn_q.bias"] = want{dims: [2]uint64{q, 1}}
			m[b+"attn_k.bias"] = want{dims: [2]uint64{kv, 1}}
			m[b+"attn_v.bias"] = want{dims: [2]uint64{kv, 1}}
			continue
		}
		m[b+"attn_q_norm.weight"] = want{dims: [2]uint64{h.headSize, 1}}
		m[b+"attn_k_norm.weight"] = want{dims: [2]uint64{h.headSize, 1}}
	}
	return m
}

// checkTensors compares the table with what the architecture asks for: nothing missing, nothing more.
func (f *File) checkTensors(h hyper) error {
	m := wanted(h)
	for _, t := range f.Tensors {
		w, ok := m[t.Name]
		if !ok {
			return refuse("it holds a tensor that the architecture does not have")
		}
		rows := uint64(1)
		if len(t.Dims) > 1 {
			rows = t.Dims[1]
		}
		if t.Dims[0] != w.dims[0] || rows != w.dims[1] || len(t.Dims) > 2 {
			return refuse("the tensor %s has a wrong shape", t.Name)
		}
		if vector := w.dims[1] == 1; (vector && t.Type != 0) || !t.Type.weight() {
			return refuse("the tensor %s has a type that cannot be computed with", t.Name)
		}
		delete(m, t.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !m[name].optional {
			return refuse("the tensor %s is missing", name)
		}
	}
	return nil
}
