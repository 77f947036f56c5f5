package gguf

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// tinyLlama answers a valid model of the architecture llama: as tiny, without what qwen3 has beside it.
func tinyLlama() *model {
	m := tiny()
	m.set("general.architecture", "llama")
	for i, p := range m.pairs {
		if rest, mine := strings.CutPrefix(p.key, "qwen3."); mine {
			m.pairs[i].key = "llama." + rest
		}
	}
	m.sheets = slices.DeleteFunc(m.sheets, func(s sheet) bool {
		return strings.HasSuffix(s.name, "_norm.weight") && strings.Contains(s.name, "attn_") && s.name != "blk.0.attn_norm.weight"
	})
	return m
}

func TestLlamaIsATextModel(t *testing.T) {
	require.NoError(t, check(tinyLlama().bytes()))
	extra := func(name string, dims uint64) func(*model) {
		return func(m *model) {
			s := sheet{name: name, dims: []uint64{dims}, offset: -1, kind: 0, data: make([]byte, 4*dims)}
			m.sheets = append(m.sheets, s)
		}
	}
	for name, c := range map[string]mutation{
		"bias":        {mutate: extra("blk.0.attn_q.bias", 32), want: "does not have"},
		"rope":        {mutate: extra("rope_freqs.weight", 8), want: "does not have"},
		"head norms":  {mutate: extra("blk.0.attn_q_norm.weight", 16), want: "does not have"},
		"experts":     {mutate: key("llama.expert_count", uint32(8)), want: "expert_count"},
		"no epsilon":  {mutate: without("llama.attention.layer_norm_rms_epsilon"), want: "epsilon"},
		"no heads":    {mutate: key("llama.attention.head_count", uint32(0)), want: "head_count"},
		"half a head": {mutate: key("llama.rope.dimension_count", uint32(8)), want: "rotary"},
	} {
		m := tinyLlama()
		c.mutate(m)
		err := check(m.bytes())
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.Contains(t, fault.From(err).Message, c.want, name)
	}
}

// A vocabulary of smollm's family may lack the bytes that no printed character needs; others may not, and no family any other byte.
func TestRareBytesMayBeMissing(t *testing.T) {
	lacking := func(pre string, b byte) error {
		m := tinyLlama()
		m.set("tokenizer.ggml.pre", pre)
		words(tokensKey, func(s []string) []string {
			s[slices.Index(s, string(ByteAlphabet()[b]))] = "[a token of no use]"
			return s
		})(m)
		return check(m.bytes())
	}
	for _, b := range []byte{0x00, 0x04, 0x1D, 0x7F, 0xC0, 0xC1, 0xF1, 0xF2, 0xF5, 0xFF} {
		require.NoError(t, lacking("smollm", b))
		require.ErrorContains(t, lacking("qwen2", b), "byte alphabet")
	}
	for _, b := range []byte{'\t', '\n', '\r', ' ', '0', '|', 0x80, 0xBF, 0xC2, 0xDF, 0xE0, 0xF0, 0xF3, 0xF4} {
		require.ErrorContains(t, lacking("smollm", b), "byte alphabet")
	}
}
