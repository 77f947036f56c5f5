package malform

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Cases answers the siblings of a sound file, class by class. Not all of them are malformed: a context of 511 instead of 512
// is a sound model, and what is to be shown is that whatever passes loads.
func Cases(sound []byte) []Case {
	p := Split(sound)
	return slices.Concat(headers(p), numbers(sound, p), kinds(p), keys(p), strange(p), tables(p), cuts(sound), splits(p), foreign(), templates(p))
}

// lies are numbers that a field of that width can be made to say.
func lies(f Field) []uint64 {
	all := []uint64{0, 1, 2, f.Value - 1, f.Value + 1, f.Value * 2, 255, 256, 65535, 65536, math.MaxInt32, 1 << 31, math.MaxUint32, 4e9}
	if f.Width == 8 {
		all = append(all, 1<<32, 1<<33, 1<<40, 1<<42+1, 1<<61, 1<<62, math.MaxInt64, 1<<63, math.MaxUint64, math.MaxUint64-31, 1<<63+f.Value)
	}
	var out []uint64
	for _, n := range all {
		if f.Width < 8 {
			n &= 1<<(8*f.Width) - 1
		}
		if n != f.Value && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// numbers changes every count, length, type and number in its place, with nothing else moved.
func numbers(sound []byte, p *Parts) (out []Case) {
	for _, f := range p.Fields {
		for _, n := range lies(f) {
			b := slices.Clone(sound)
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], n)
			copy(b[f.At:f.At+f.Width], word[:])
			out = append(out, Case{f.Class, fmt.Sprintf("%s says %d", f.Name, n), b})
		}
	}
	return out
}

// headers changes each letter of the magic, and versions.
func headers(p *Parts) (out []Case) {
	for at := range len(p.Magic) {
		for _, c := range []byte("GUFgufX\x00 \xff") {
			magic := []byte(p.Magic)
			if magic[at] == c {
				continue
			}
			magic[at] = c
			out = append(out, Case{"header", fmt.Sprintf("magic %q", magic), p.With(func(q *Parts) { q.Magic = string(magic) }).Join()})
		}
	}
	for _, v := range []uint32{0, 1, 4, 5, 16, 3 << 8, 3 << 16, 3 << 24, 1 << 31, math.MaxUint32} {
		out = append(out, Case{"header", fmt.Sprintf("version %d", v), p.With(func(q *Parts) { q.Version = v }).Join()})
	}
	return out
}

// floats are what a number of a model should not be.
func floats() []uint32 {
	var out []uint32
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), -1, 1e-45, 1e-30, 0.5, 1, 2, 1e9, 1e30, math.MaxFloat32} {
		out = append(out, math.Float32bits(float32(x)))
	}
	return append(out, 0x7f800001, 0xffffffff)
}

// kinds gives every key every other type, with a value of that type.
func kinds(p *Parts) (out []Case) {
	values := map[uint32][][]byte{
		0: {{1}}, 1: {{0xff}}, 2: {{1, 0}}, 3: {{0xff, 0xff}}, 4: {{1, 0, 0, 0}}, 5: {{0xff, 0xff, 0xff, 0xff}}, 7: {{0}, {1}, {2}, {255}},
		8:  {Text(""), Text("1"), Text("qwen3"), Text("a\x00b"), Text("\xff\xfe"), Text(strings.Repeat("x", 70_000))},
		10: {make([]byte, 8)}, 11: {[]byte("\xff\xff\xff\xff\xff\xff\xff\xff")}, 12: {make([]byte, 8), []byte("\x00\x00\x00\x00\x00\x00\xf8\x7f")},
		9:  {array(8, 0, nil), array(5, 0, nil), array(5, 1, make([]byte, 4)), array(6, 2, make([]byte, 8)), array(9, 1, array(0, 0, nil)), array(7, 2, []byte{1, 2})},
		13: {nil}, math.MaxUint32: {nil},
	}
	for _, x := range floats() {
		values[6] = append(values[6], binary.LittleEndian.AppendUint32(nil, x))
	}
	for i, pair := range p.Pairs {
		for kind, all := range values {
			for _, v := range all {
				q := p.With(func(q *Parts) { q.Pairs[i].Kind, q.Pairs[i].Value = kind, v })
				out = append(out, Case{"type", fmt.Sprintf("%s of kind %d with %.12x", pair.Key, kind, v), q.Join()})
			}
		}
	}
	return out
}

func array(elem uint32, n uint64, values []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, elem), n), values...)
}

// keys takes each key away, writes it twice, renames it and moves it.
func keys(p *Parts) (out []Case) {
	for i, pair := range p.Pairs {
		add := func(name string, change func(*Parts)) {
			out = append(out, Case{"metadata", pair.Key + " " + name, p.With(change).Join()})
		}
		add("missing", func(q *Parts) { q.Pairs = slices.Delete(q.Pairs, i, i+1); q.Keys-- })
		add("twice", func(q *Parts) { q.Pairs = append(q.Pairs, pair); q.Keys++ })
		add("renamed", func(q *Parts) { q.Pairs[i].Key += "x" })
		add("in capitals", func(q *Parts) { q.Pairs[i].Key = strings.ToUpper(pair.Key) })
		add("with a NUL", func(q *Parts) { q.Pairs[i].Key += "\x00" })
		add("with a space", func(q *Parts) { q.Pairs[i].Key = " " + pair.Key })
		add("last", func(q *Parts) { q.Pairs = append(slices.Delete(q.Pairs, i, i+1), pair) })
	}
	return out
}

// strange sets keys that the engine reads and a usual model does not have.
func strange(p *Parts) (out []Case) {
	arch := "qwen3."
	u32 := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	for _, key := range []string{
		"expert_count", "expert_used_count", "expert_group_count", "expert_group_used_count", "expert_feed_forward_length", "expert_gating_func",
		"expert_shared_count", "leading_dense_block_count", "pooling_type", "attention.sliding_window", "rope.dimension_count",
		"rope.scaling.original_context_length", "vocab_size", "features_length", "n_deepstack_layers", "decoder_start_token_id", "nextn_predict_layers",
		"attention.causal", "attention.group_norm_groups", "attention.indexer.head_count", "ssm.conv_kernel", "embedding_length_out", "interleave_moe_layer_step",
	} {
		for _, n := range []uint32{0, 1, 2, 16, 128, 1 << 16, math.MaxInt32, math.MaxUint32} {
			out = append(out, Case{"hyperparameter", fmt.Sprintf("%s is %d", key, n), p.With(func(q *Parts) { q.Set(arch+key, 4, u32(n)) }).Join()})
		}
	}
	for _, key := range []string{
		"rope.freq_base", "rope.freq_base_swa", "rope.scale_linear", "rope.scaling.factor", "rope.scaling.attn_factor", "rope.scaling.yarn_log_multiplier",
		"rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
		"attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "attention.group_norm_epsilon", "attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale",
		"attention.output_scale", "logit_scale", "residual_scale", "embedding_scale", "attn_logit_softcapping", "final_logit_softcapping", "expert_weights_scale",
	} {
		for _, x := range floats() {
			out = append(out, Case{"hyperparameter", fmt.Sprintf("%s is %g", key, math.Float32frombits(x)), p.With(func(q *Parts) { q.Set(arch+key, 6, u32(x)) }).Join()})
		}
	}
	for _, kind := range []string{"none", "linear", "yarn", "longrope", "magic", "", "YARN", "yarn\x00"} {
		out = append(out, Case{"hyperparameter", "scaling " + kind, p.With(func(q *Parts) {
			q.Set(arch+"rope.scaling.type", 8, Text(kind))
			q.Set(arch+"rope.scaling.factor", 6, u32(math.Float32bits(4)))
		}).Join()})
	}
	for _, id := range []string{"bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "cls", "mask", "prefix", "suffix", "middle", "fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep", "fim_sep"} {
		for _, n := range []uint32{0, 65, 1 << 20, math.MaxInt32, math.MaxUint32} {
			out = append(out, Case{"tokenizer", fmt.Sprintf("%s is %d", id, n), p.With(func(q *Parts) { q.Set("tokenizer.ggml."+id+"_token_id", 4, u32(n)) }).Join()})
		}
	}
	for _, key := range []string{"add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix", "remove_extra_whitespaces"} {
		for _, n := range []byte{0, 1, 2} {
			out = append(out, Case{"tokenizer", fmt.Sprintf("%s is %d", key, n), p.With(func(q *Parts) { q.Set("tokenizer.ggml."+key, 7, []byte{n}) }).Join()})
		}
	}
	for _, model := range []string{"llama", "bert", "t5", "rwkv", "plamo2", "none", "no_vocab", "", "gpt2\x00", "GPT2"} {
		out = append(out, Case{"tokenizer", "model " + model, p.With(func(q *Parts) { q.Set("tokenizer.ggml.model", 8, Text(model)) }).Join()})
	}
	for _, pre := range []string{"default", "llama-bpe", "deepseek-llm", "falcon", "gpt-2", "qwen2", "qwen35", "chatglm-bpe", "tekken", "smollm", "superbpe", "kimi-k2", "hunyuan", "unknown", "", "qwen2\n"} {
		out = append(out, Case{"tokenizer", "pre " + pre, p.With(func(q *Parts) { q.Set("tokenizer.ggml.pre", 8, Text(pre)) }).Join()})
	}
	for _, n := range []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 24, 31, 32, 33, 48, 63, 64, 96, 100, 128, 255, 256, 512, 1000, 4096, 4097, 32768, 65535, 65536, 65537, 1 << 17, 1 << 20, 1 << 24, 1 << 30, 1<<30 + 1, 1 << 31, math.MaxInt32, math.MaxUint32 - 31, math.MaxUint32} {
		out = append(out, Case{"alignment", fmt.Sprintf("alignment %d", n), p.With(func(q *Parts) { q.Set("general.alignment", 4, u32(n)) }).Join()})
	}
	return out
}
