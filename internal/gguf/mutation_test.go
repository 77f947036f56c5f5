package gguf

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func check(b []byte) error {
	f, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	return f.CheckLlama()
}

type mutation struct {
	name   string
	mutate func(m *model)
	want   string // part of the message
}

func key(k string, v any) func(*model) { return func(m *model) { m.set(k, v) } }

func without(k string) func(*model) { return func(m *model) { m.drop(k) } }

func words(k string, change func([]string) []string) func(*model) {
	return func(m *model) { m.set(k, change(append([]string(nil), m.get(k).([]string)...))) }
}

func on(name string, change func(*sheet)) func(*model) {
	return func(m *model) { change(m.tensor(name)) }
}

const (
	tokensKey = "tokenizer.ggml.tokens"
	mergesKey = "tokenizer.ggml.merges"
	typesKey  = "tokenizer.ggml.token_type"
	epsKey    = "qwen3.attention.layer_norm_rms_epsilon"
)

// threat M1
func structural() []mutation {
	return []mutation{
		{"magic", func(m *model) { m.magic = "GGUX" }, "not a GGUF"},
		{"big endian", func(m *model) { m.version = 3 << 24 }, "version"},
		{"version 1", func(m *model) { m.version = 1 }, "version"},
		{"version 4", func(m *model) { m.version = 4 }, "version"},
		{"negative tensor count", func(m *model) { m.tensorCount = 1 << 62 }, "tensors"},
		{"one tensor too many", func(m *model) { m.tensorCount = int64(len(m.sheets)) + 1 }, ""},
		{"one tensor too few", func(m *model) { m.tensorCount = int64(len(m.sheets)) - 1 }, ""},
		{"no tensors", func(m *model) { m.sheets = nil }, "no tensors"},
		{"no keys", func(m *model) { m.keyCount = 0 }, "keys"},
		{"more keys than there are", func(m *model) { m.keyCount = 4096 }, ""},
		{"fewer keys than there are", func(m *model) { m.keyCount = 10 }, ""},
		{"key length 2^62", func(m *model) { m.keyLength = 1 << 62 }, "longer"},
		{"key length 4 GB", func(m *model) { m.keyLength = 4 << 30 }, "longer"},
		{"empty key", func(m *model) { m.pairs[1].key = "" }, "key is empty"},
		{"long key", func(m *model) { m.pairs[1].key = strings.Repeat("k", 65536) }, "longer"},
		{"key with NUL", func(m *model) { m.pairs[1].key = "general.name\x00x" }, "NUL"},
		{"key not UTF-8", func(m *model) { m.pairs[1].key = "general.\xff" }, "UTF-8"},
		{"key twice", func(m *model) { m.pairs = append(m.pairs, pair{"general.name", "again"}) }, "twice"},
		{"value type", func(m *model) { m.pairs[1].value = rawValue("\x0d\x00\x00\x00") }, "unknown type"},
		{"nested array", func(m *model) {
			m.set("x.y", rawValue("\x09\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
		}, "inside arrays"},
		{"array type", func(m *model) {
			m.set("x.y", rawValue("\x09\x00\x00\x00\x63\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
		}, "unknown type"},
		{"array of 2^63 bytes", func(m *model) {
			m.set("x.y", rawValue("\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"))
		}, "more elements"},
		{"array of 2^63 strings", func(m *model) {
			m.set("x.y", rawValue("\x09\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"))
		}, "strings"},
		{"string of 2^63", func(m *model) { m.set("x.y", rawValue("\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80")) }, "longer"},
		{"string past the end", func(m *model) {
			m.pairs = append(m.pairs, pair{"x.y", rawValue("\x08\x00\x00\x00\x00\x00\x20\x00\x00\x00\x00\x00")})
		}, "ends inside"},
		{"boolean 2", func(m *model) { m.set("tokenizer.ggml.add_bos_token", rawValue("\x07\x00\x00\x00\x02")) }, "boolean"},
		{"value with NUL", key("general.name", "a\x00b"), "NUL"},
		{"value not UTF-8", key("general.name", "\xc3("), "UTF-8"},
		{"infinite number in any key", key("x.y", inf), "finite"},
		{"NaN in any array", key("x.y", []float32{1, nan}), "finite"},
		{"cut by a byte of data", func(m *model) { m.cut = 33 }, "past the end"},
		{"cut in the table", func(m *model) { m.cut = len(m.bytes()) - 4000 }, ""},
		{"bytes behind", func(m *model) { m.tail = make([]byte, 64) }, "after the last"},
		{"alignment 0", key("general.alignment", uint32(0)), "alignment"},
		{"alignment 24", key("general.alignment", uint32(24)), "alignment"},
		{"alignment 1 GB", key("general.alignment", uint32(1<<30)), "alignment"},
		{"alignment INT32", key("general.alignment", int32(32)), "wrong type"},
		{"alignment UINT64", key("general.alignment", uint64(32)), "wrong type"},
		{"split", func(m *model) { m.set("split.count", uint16(2)); m.set("split.no", uint16(0)) }, "several files"},
		{"split number", key("split.no", uint16(1)), "several files"},
		{"split type", key("split.count", uint32(2)), "wrong type"},
	}
}

// threat M1
func tensors() []mutation {
	embed, q := "token_embd.weight", "blk.0.attn_q.weight"
	return []mutation{
		{"5 dimensions", on(q, func(s *sheet) { s.dims = []uint64{32, 32, 1, 1, 1} }), "dimensions"},
		{"0 dimensions", on(q, func(s *sheet) { s.dims = nil }), "dimensions"},
		{"dimension 0", on(q, func(s *sheet) { s.dims = []uint64{32, 0} }), "dimension of 0"},
		{"negative dimension", on(q, func(s *sheet) { s.dims = []uint64{32, 1 << 63} }), "overflow"},
		{"2^42+1", on(embed, func(s *sheet) { s.dims = []uint64{32, 1<<42 + 1} }), "past the end"},
		{"product wraps to little", on(embed, func(s *sheet) { s.dims = []uint64{1 << 32, 1 << 32, 2} }), "overflow"},
		{"size wraps", on(embed, func(s *sheet) { s.dims = []uint64{1 << 61, 2} }), "overflow"},
		{"type 4", on(q, func(s *sheet) { s.kind = 4 }), "removed type"},
		{"type 40", on(q, func(s *sheet) { s.kind = 40 }), "removed type"},
		{"type 2^31", on(q, func(s *sheet) { s.kind = 1 << 31 }), "removed type"},
		{"row no block multiple", on(q, func(s *sheet) { s.kind, s.dims = 8, []uint64{31, 32} }), "block"},
		{"offset behind the file", on(q, func(s *sheet) { s.offset = 1 << 40 }), "aligned"},
		{"offset 2^62", on(q, func(s *sheet) { s.offset = 1 << 62 }), "aligned"},
		{"overlap", on(q, func(s *sheet) { s.offset = 0 }), "overlaps"},
		{"unaligned", on(q, func(s *sheet) { s.offset = 17 }), "aligned"},
		{"name twice", on(q, func(s *sheet) { s.name = embed }), "same name"},
		{"name of 64", on(q, func(s *sheet) { s.name = strings.Repeat("n", 64) }), "longer"},
		{"name with NUL", on(q, func(s *sheet) { s.name += "\x00" }), "NUL"},
		{"name not UTF-8", on(q, func(s *sheet) { s.name = "\xf0\x28" }), "UTF-8"},
		{"name empty", on(q, func(s *sheet) { s.name = "" }), "empty"},
		{"unknown tensor", on(q, func(s *sheet) { s.name = "blk.7.attn_q.weight" }), "does not have"},
		{"missing tensor", func(m *model) { m.sheets = m.sheets[:len(m.sheets)-1] }, "blk.0.ffn_down.weight is missing"},
		{"wrong shape", on("blk.0.ffn_up.weight", func(s *sheet) { s.dims = []uint64{64, 32} }), "wrong shape"},
		{"three dimensions", on(q, func(s *sheet) { s.dims = []uint64{32, 32, 1} }), "wrong shape"},
		{"integer weights", on(q, func(s *sheet) { s.kind = 25 }), "cannot be computed"},
		{"norm in F16", on("output_norm.weight", func(s *sheet) { s.kind, s.data = 1, s.data[:64] }), "cannot be computed"},
	}
}

// threat M2
func types() []mutation {
	return []mutation{
		{"architecture a number", key("general.architecture", uint32(1)), "architecture"},
		{"architecture empty", key("general.architecture", ""), "architecture"},
		{"architecture missing", without("general.architecture"), "architecture"},
		{"architecture strange", key("general.architecture", "qwen3\n"), "plain name"},
		{"architecture unknown", key("general.architecture", "mamba"), "supported"},
		{"architecture phi3", key("general.architecture", "phi3"), "supported"},
		{"block count a text", key("qwen3.block_count", "1"), "qwen3.block_count has a wrong type"},
		{"block count UINT64", key("qwen3.block_count", uint64(1)), "wrong type"},
		{"block count INT32", key("qwen3.block_count", int32(1)), "wrong type"},
		{"head count a list", key("qwen3.attention.head_count", []uint32{2}), "single number"},
		{"head count of floats", key("qwen3.attention.head_count", []float32{2}), "wrong type"},
		{"epsilon FLOAT64", key(epsKey, float64(1e-6)), "wrong type"},
		{"rope base an integer", key("qwen3.rope.freq_base", uint32(10000)), "wrong type"},
		{"tokens are numbers", key(tokensKey, []int32{1, 2, 3}), "wrong type"},
		{"tokens a text", key(tokensKey, "abc"), "wrong type"},
		{"types are bytes", key(typesKey, make([]uint8, 512)), "wrong type"},
		{"types are unsigned", key(typesKey, make([]uint32, 512)), "wrong type"},
		{"types are text", key(typesKey, []string{"1"}), "wrong type"},
		{"scores are integers", key("tokenizer.ggml.scores", []int32{1}), "wrong type"},
		{"merges are numbers", key(mergesKey, []int32{1}), "wrong type"},
		{"eos signed", key("tokenizer.ggml.eos_token_id", int32(1)), "wrong type"},
		{"eos a text", key("tokenizer.ggml.eos_token_id", "x"), "wrong type"},
		{"unknown id of a wrong type", key("tokenizer.ggml.fim_sep_token_id", uint64(1)), "_token_id has a wrong type"},
		{"add_bos a number", key("tokenizer.ggml.add_bos_token", uint32(1)), "wrong type"},
		{"template a number", key("tokenizer.chat_template", uint32(7)), "wrong type"},
		{"template a list", key("tokenizer.chat_template", []string{"x"}), "wrong type"},
		{"named template a number", key("tokenizer.chat_template.tool_use", uint32(7)), "chat_template.* has a wrong type"},
		{"normalization a number", key("guardhouse.text_normalization", uint32(7)), "wrong type"},
		{"name a number", key("general.name", uint32(7)), "wrong type"},
	}
}

func hyperparameters() []mutation {
	k := "qwen3."
	return []mutation{
		{"no blocks", key(k+"block_count", uint32(0)), "block_count"},
		{"513 blocks", key(k+"block_count", uint32(513)), "block_count"},
		{"2 blocks", key(k+"block_count", uint32(2)), "is missing"},
		{"blocks missing", without(k + "block_count"), "block_count"},
		{"context 0", key(k+"context_length", uint32(0)), "context_length"},
		{"context 2^32-1", key(k+"context_length", uint32(1<<32-1)), "context_length"},
		{"context missing", without(k + "context_length"), "context_length"},
		{"embedding 0", key(k+"embedding_length", uint32(0)), "embedding_length"},
		{"embedding 64", key(k+"embedding_length", uint32(64)), "wrong shape"},
		{"feed forward 0", key(k+"feed_forward_length", uint32(0)), "feed_forward_length"},
		{"feed forward missing", without(k + "feed_forward_length"), "feed_forward_length"},
		{"heads 0", key(k+"attention.head_count", uint32(0)), "head_count"},
		{"heads missing", without(k + "attention.head_count"), "head_count"},
		{"heads 4e9", key(k+"attention.head_count", uint32(4e9)), "head_count"},
		{"kv heads 0", key(k+"attention.head_count_kv", uint32(0)), "head_count_kv"},
		{"kv heads 3", key(k+"attention.head_count_kv", uint32(3)), "multiple"},
		{"kv heads more than heads", key(k+"attention.head_count_kv", uint32(4)), "multiple"},
		{"head size odd", key(k+"attention.key_length", uint32(15)), "odd"},
		{"head size 0", key(k+"attention.key_length", uint32(0)), "key_length"},
		{"value size differs", key(k+"attention.value_length", uint32(24)), "differ"},
		{"rotary size differs", key(k+"rope.dimension_count", uint32(8)), "differ"},
		{"epsilon 0", key(epsKey, float32(0)), "epsilon"},
		{"epsilon negative", key(epsKey, float32(-1e-6)), "epsilon"},
		{"epsilon NaN", key(epsKey, nan), "finite"},
		{"epsilon missing", without(epsKey), "epsilon"},
		{"rope base 0", key(k+"rope.freq_base", float32(0)), "freq_base"},
		{"rope base negative", key(k+"rope.freq_base", float32(-1)), "freq_base"},
		{"rope base infinite", key(k+"rope.freq_base", inf), "finite"},
		{"rope base NaN", key(k+"rope.freq_base", nan), "finite"},
		{"scaling factor 0", key(k+"rope.scaling.factor", float32(0)), "factor"},
		{"scaling factor next to 0", key(k+"rope.scaling.factor", float32(1e-30)), "factor"},
		{"scaling factor denormal", key(k+"rope.scaling.factor", float32(1e-40)), "factor"},
		{"linear scale next to 0", key(k+"rope.scale_linear", float32(1e-10)), "scale_linear"},
		{"attention factor next to 0", key(k+"rope.scaling.attn_factor", float32(1e-10)), "attn_factor"},
		{"scaling type", key(k+"rope.scaling.type", "magic"), "scaling.type"},
		{"scaling context 0", key(k+"rope.scaling.original_context_length", uint32(0)), "original_context"},
		{"experts", key(k+"expert_count", uint32(8)), "expert_count"},
		{"used experts", key(k+"expert_used_count", uint32(1)), "expert_used_count"},
		{"pooling", key(k+"pooling_type", uint32(1)), "pooling"},
		{"classifier", key(k+"classifier.output_labels", []string{"a"}), "classifier"},
		{"not causal", key(k+"attention.causal", false), "causal"},
		{"temperature 0", key("guardhouse.calibration.temperature", float32(0)), "temperature"},
		{"temperature a text", key("guardhouse.calibration.temperature", "1"), "wrong type"},
		{"file type beyond the engine's", key("general.file_type", uint32(1024)), "file_type"},
		{"normalization unknown", key("guardhouse.text_normalization", "nfd"), "text_normalization"},
		{"normalization empty", key("guardhouse.text_normalization", ""), "text_normalization"},
		{"an adapter", key("general.type", "adapter"), "general.type"},
		{"a projector", key("general.type", "mmproj"), "general.type"},
		{"blocks of another quantisation", func(m *model) {
			m.set("general.quantization_version", uint32(1))
			on("blk.0.attn_q.weight", func(s *sheet) { s.kind, s.data = 8, make([]byte, 32*34) })(m)
		}, "quantization_version"},
		{"vocabulary size", key(k+"vocab_size", uint32(7)), "vocab_size"},
	}
}

func vocabularies() []mutation {
	return []mutation{
		{"tokens missing", without(tokensKey), "tokens"},
		{"tokens empty", key(tokensKey, []string{}), "tokens"},
		{"token empty", words(tokensKey, func(s []string) []string { s[300] = ""; return s }), "empty"},
		{"token twice", words(tokensKey, func(s []string) []string { s[300] = s[301]; return s }), "twice"},
		{"token not UTF-8", words(tokensKey, func(s []string) []string { s[300] = "\xff"; return s }), "UTF-8"},
		{"token cut in two", words(tokensKey, func(s []string) []string { s[300], s[301] = "\xc4", "\xa0"; return s }), "UTF-8"},
		{"token with NUL", words(tokensKey, func(s []string) []string { s[300] = "a\x00"; return s }), "NUL"},
		{"one token less", words(tokensKey, func(s []string) []string { return s[:len(s)-1] }), "token_type"},
		{"no newline", words(tokensKey, func(s []string) []string { s[10] = "newline"; return s }), "alphabet"},
		{"no 0xff", words(tokensKey, func(s []string) []string { s[255] = "x255"; return s }), "alphabet"},
		{"types missing", without(typesKey), "token_type"},
		{"types short", key(typesKey, []int32{1, 1}), "token_type"},
		{"type 0", func(m *model) { m.get(typesKey).([]int32)[300] = 0 }, "unknown type"},
		{"type 7", func(m *model) { m.get(typesKey).([]int32)[300] = 7 }, "unknown type"},
		{"type negative", func(m *model) { m.get(typesKey).([]int32)[300] = -1 }, "unknown type"},
		{"byte is control", func(m *model) { m.get(typesKey).([]int32)[65] = TokenControl }, "alphabet"},
		{"merge makes a control token", func(m *model) { m.get(typesKey).([]int32)[260] = TokenControl }, "special"},
		{"special token of 257 bytes", func(m *model) {
			words(tokensKey, func(s []string) []string { s[len(s)-1] = strings.Repeat("<", 257); return s })(m)
			types := m.get(typesKey).([]int32)
			types[len(types)-1] = TokenUserDefined
		}, "special token is longer"},
		{"scores short", key("tokenizer.ggml.scores", []float32{1}), "scores"},
		{"merges missing", without(mergesKey), "merges"},
		{"merge without space", words(mergesKey, func(s []string) []string { s[0] = "Sa"; return s }), "space"},
		{"merge of three", words(mergesKey, func(s []string) []string { s[0] = "S a f"; return s }), "space"},
		{"merge of nothing", words(mergesKey, func(s []string) []string { s[0] = " a"; return s }), "space"},
		{"merge half unknown", words(mergesKey, func(s []string) []string { s[0] = "S ☃"; return s }), "does not exist"},
		{"merge whole unknown", words(mergesKey, func(s []string) []string { s[0] = "Q q"; return s }), "does not exist"},
		{"merge twice", words(mergesKey, func(s []string) []string { return append(s, s[0]) }), "twice"},
		{"eos outside", key("tokenizer.ggml.eos_token_id", uint32(1<<20)), "outside"},
		{"eos an ordinary token", key("tokenizer.ggml.eos_token_id", uint32(65)), "no special token"},
		{"eos missing", without("tokenizer.ggml.eos_token_id"), "eos"},
		{"bos outside", key("tokenizer.ggml.bos_token_id", uint32(1<<32-1)), "outside"},
		{"other id outside", key("tokenizer.ggml.eot_token_id", uint32(100000)), "outside"},
		{"no byte-level model", key("tokenizer.ggml.model", "llama"), "byte-level"},
		{"tokenizer model missing", without("tokenizer.ggml.model"), "byte-level"},
	}
}

func mutations() []mutation {
	out := append(structural(), tensors()...)
	out = append(out, types()...)
	out = append(out, hyperparameters()...)
	return append(out, vocabularies()...)
}

func TestMutations(t *testing.T) {
	require.NoError(t, check(tiny().bytes()))
	for _, c := range mutations() {
		t.Run(c.name, func(t *testing.T) {
			m := tiny()
			c.mutate(m)
			b := m.bytes()
			var err error
			bounded(t, c.name, func() { err = check(b) })
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.Contains(t, fault.From(err).Message, c.want)
		})
	}
}

// What the same classes of change may leave whole.
func TestHarmless(t *testing.T) {
	for name, mutate := range map[string]func(*model){
		"version 2":            func(m *model) { m.version = 2 },
		"no alignment key":     without("general.alignment"),
		"unknown keys":         func(m *model) { m.set("x.y", "z"); m.set("vendor.list", []string{"a", ""}) },
		"kv heads by default":  func(m *model) { m.drop("qwen3.attention.head_count_kv"); widen(m) },
		"head size by default": func(m *model) { m.drop("qwen3.attention.key_length"); m.drop("qwen3.attention.value_length") },
		"yarn": func(m *model) {
			m.set("qwen3.rope.scaling.type", "yarn")
			m.set("qwen3.rope.scaling.factor", float32(4))
		},
		"one of one part":         func(m *model) { m.set("split.count", uint16(1)); m.set("split.no", uint16(0)) },
		"no final padding":        func(m *model) { m.sheets[len(m.sheets)-1].data = m.sheets[len(m.sheets)-1].data[:4096] },
		"says that it is a model": key("general.type", "model"),
		"text in NFKC":            key("guardhouse.text_normalization", "nfkc_fold"),
		"no blocks, no version":   key("general.quantization_version", uint32(1)),
		"merged from parts": func(m *model) {
			m.set("split.count", uint16(0))
			m.set("split.no", uint16(0))
			m.set("split.tensors.count", int32(len(m.sheets)))
		},
		"blocks of the engine's quantisation": func(m *model) {
			m.set("general.quantization_version", uint32(2))
			on("blk.0.attn_q.weight", func(s *sheet) { s.kind, s.data = 8, make([]byte, 32*34) })(m)
		},
		"other architecture's key": key("llama.block_count", "text"),
	} {
		m := tiny()
		mutate(m)
		require.NoError(t, check(m.bytes()), name)
	}
}

// widen gives the key and value matrices as many heads as the queries.
func widen(m *model) {
	for _, n := range []string{"blk.0.attn_k.weight", "blk.0.attn_v.weight"} {
		s := m.tensor(n)
		s.dims = []uint64{32, 32}
		s.data = append(s.data, s.data...)
	}
}

//nolint:gochecknoglobals // a test flag
var update = flag.Bool("update", false, "rewrite the fixtures under testdata/gguf")

// The fixtures that tests of other packages read.
func TestFixtures(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "gguf")
	files := map[string][]byte{"tiny.gguf": tiny().bytes()}
	for name, change := range map[string]func(*model){
		"dim-overflow.gguf":     on("token_embd.weight", func(s *sheet) { s.dims = []uint64{32, 1<<42 + 1} }),
		"types-uint8.gguf":      key(typesKey, make([]uint8, 512)),
		"alignment-int32.gguf":  key("general.alignment", int32(32)),
		"key-twice.gguf":        func(m *model) { m.pairs = append(m.pairs, pair{"general.name", "again"}) },
		"eps-negative.gguf":     key(epsKey, float32(-1)),
		"template-include.gguf": key("tokenizer.chat_template", "{% include '/etc/passwd' %}"),
		"template-loop.gguf": key("tokenizer.chat_template",
			"{% for a in range(1000000000) %}{% for b in range(1000000000) %}x{% endfor %}{% endfor %}"),
		"template-class.gguf": key("tokenizer.chat_template", "{{ messages.__class__.__mro__ }}"),
	} {
		m := tiny()
		change(m)
		files[name] = m.bytes()
	}
	for name, b := range files {
		path := filepath.Join(dir, name)
		if *update {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(path, b, 0o644))
		}
		have, err := os.ReadFile(path)
		require.NoError(t, err, "run go test -update ./internal/gguf")
		require.True(t, bytes.Equal(b, have), name)
	}
}

func FuzzRead(f *testing.F) {
	good := tiny()
	f.Add(good.bytes())
	for i, c := range mutations() {
		if i%4 == 0 {
			m := tiny()
			c.mutate(m)
			f.Add(m.bytes())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		for _, s := range file.Tensors {
			require.LessOrEqual(t, file.DataStart+s.Offset+s.Size, uint64(len(b)))
		}
		_ = file.CheckLlama()
		_, _ = file.Quantization(), file.ContextLength()
	})
}
