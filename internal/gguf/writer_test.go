package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
)

// pair is one key of a model that a test writes; value is a Go value of the kind it is written as, or
// raw bytes that begin with the type.
type pair struct {
	key   string
	value any
}

type rawValue []byte

// sheet is one tensor that a test writes; offset below 0 is computed.
type sheet struct {
	name   string
	kind   uint32
	dims   []uint64
	data   []byte
	offset int64
}

// model is a file that a test writes, field by field, so that any of them can lie.
type model struct {
	magic       string
	version     uint32
	tensorCount int64 // below 0: as many as there are
	keyCount    int64
	pairs       []pair
	sheets      []sheet
	alignment   int
	tail        []byte
	cut         int // bytes taken off the end
	keyLength   int64
}

func (m *model) set(key string, v any) {
	for i := range m.pairs {
		if m.pairs[i].key == key {
			m.pairs[i].value = v
			return
		}
	}
	m.pairs = append(m.pairs, pair{key, v})
}

func (m *model) drop(key string) {
	for i := range m.pairs {
		if m.pairs[i].key == key {
			m.pairs = append(m.pairs[:i:i], m.pairs[i+1:]...)
			return
		}
	}
}

func (m *model) get(key string) any {
	for _, p := range m.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

func (m *model) tensor(name string) *sheet {
	for i := range m.sheets {
		if m.sheets[i].name == name {
			return &m.sheets[i]
		}
	}
	return nil
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			put(b, uint64(len(v)))
			b.WriteString(v)
		case rawValue:
			b.Write(v)
		default:
			if err := binary.Write(b, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
	}
}

// putValue writes type and value.
func putValue(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case rawValue:
		b.Write(v)
	case uint8:
		put(b, KindUint8, v)
	case uint16:
		put(b, KindUint16, v)
	case uint32:
		put(b, KindUint32, v)
	case int32:
		put(b, KindInt32, v)
	case uint64:
		put(b, KindUint64, v)
	case int64:
		put(b, KindInt64, v)
	case float32:
		put(b, KindFloat32, v)
	case float64:
		put(b, KindFloat64, v)
	case bool:
		put(b, KindBool, v)
	case string:
		put(b, KindString, v)
	case []string:
		put(b, KindArray, KindString, uint64(len(v)))
		for _, s := range v {
			put(b, s)
		}
	case []int32:
		put(b, KindArray, KindInt32, uint64(len(v)), v)
	case []uint8:
		put(b, KindArray, KindUint8, uint64(len(v)), v)
	case []uint32:
		put(b, KindArray, KindUint32, uint64(len(v)), v)
	case []float32:
		put(b, KindArray, KindFloat32, uint64(len(v)), v)
	default:
		panic("unknown kind in a test")
	}
}

// bytes answers the file.
func (m *model) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.magic)
	tensors, keys := int64(len(m.sheets)), int64(len(m.pairs))
	if m.tensorCount >= 0 {
		tensors = m.tensorCount
	}
	if m.keyCount >= 0 {
		keys = m.keyCount
	}
	put(&b, m.version, tensors, keys)
	for i, p := range m.pairs {
		if i == 0 && m.keyLength > 0 {
			put(&b, m.keyLength, rawValue(p.key))
		} else {
			put(&b, p.key)
		}
		putValue(&b, p.value)
	}
	at := int64(0)
	pad := func(n int64) int64 { a := int64(m.alignment); return (n + a - 1) / a * a }
	for _, s := range m.sheets {
		offset := s.offset
		if offset < 0 {
			offset = at
		}
		put(&b, s.name, uint32(len(s.dims)), s.dims, s.kind, offset)
		at = pad(at + int64(len(s.data)))
	}
	b.Write(make([]byte, pad(int64(b.Len()))-int64(b.Len())))
	for _, s := range m.sheets {
		b.Write(s.data)
		b.Write(make([]byte, pad(int64(len(s.data)))-int64(len(s.data))))
	}
	b.Write(m.tail)
	return b.Bytes()[:b.Len()-m.cut]
}

// ownTemplate is a guard template of our own, for tests that must not need the reference files.
const ownTemplate = `{%- if messages[-1].role == 'user' -%}
{{- '<|im_start|>user\nJudge the last message of the user.\n\n<CHAT>\n\n' -}}
{%- else -%}
{{- '<|im_start|>user\nJudge the last reply of the assistant.\n\n<CHAT>\n\n' -}}
{%- endif -%}
{%- for m in messages -%}
{{- (m.role | upper) + ': ' + m.content + '\n\n' -}}
{%- endfor -%}
{{- '</CHAT>\nAnswer with Safety and Categories.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n' -}}`

// vocabulary answers a small byte-level vocabulary of our own: all bytes, some words, special tokens.
func vocabulary() (tokens, merges []string, types []int32) {
	seen := map[string]bool{}
	add := func(token string, kind int32) {
		if !seen[token] {
			seen[token] = true
			tokens, types = append(tokens, token), append(types, kind)
		}
	}
	for _, r := range ByteAlphabet() {
		add(string(r), TokenNormal)
	}
	merge := func(a, b string) {
		if !seen[a+b] {
			merges = append(merges, a+" "+b)
			add(a+b, TokenNormal)
		}
	}
	for _, word := range strings.Fields(`Safety Safe Controversial Unsafe Categories None Refusal Yes No Violent
		Non PII Sexual Suicide Unethical Politically Copyright Jailbreak the and of user assistant USER Judge last`) {
		for i := 1; i < len(word); i++ {
			merge(word[:i], word[i:i+1])
		}
		merge("Ġ", word)
	}
	merge("Ċ", "Ċ")
	merge("Ġ", "Ġ")
	merge("ĠĠ", "ĠĠ")
	merge("a", "a")
	merge("aa", "aa")
	merge("!", "!")
	for _, s := range []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"} {
		add(s, TokenControl)
	}
	for _, s := range []string{"<think>", "</think>", "<tool_call>", "</tool_call>"} {
		add(s, TokenUserDefined)
	}
	for len(tokens)%32 != 0 {
		add("[PAD"+string(rune('A'+len(tokens)%32))+"]", TokenUnused)
	}
	return tokens, merges, types
}

// tiny answers a valid one-layer qwen3 guard model with our own vocabulary and template.
func tiny() *model {
	tokens, merges, types := vocabulary()
	eos := uint32(0)
	for i, t := range tokens {
		if t == "<|im_end|>" {
			eos = uint32(i)
		}
	}
	m := &model{magic: "GGUF", version: 3, tensorCount: -1, keyCount: -1, alignment: 32}
	m.pairs = []pair{
		{"general.architecture", "qwen3"},
		{"general.name", "test fixture"},
		{"general.alignment", uint32(32)},
		{"qwen3.block_count", uint32(1)},
		{"qwen3.context_length", uint32(512)},
		{"qwen3.embedding_length", uint32(32)},
		{"qwen3.feed_forward_length", uint32(64)},
		{"qwen3.attention.head_count", uint32(2)},
		{"qwen3.attention.head_count_kv", uint32(1)},
		{"qwen3.attention.key_length", uint32(16)},
		{"qwen3.attention.value_length", uint32(16)},
		{"qwen3.attention.layer_norm_rms_epsilon", float32(1e-6)},
		{"qwen3.rope.freq_base", float32(10000)},
		{"general.file_type", uint32(1)},
		{"tokenizer.ggml.model", "gpt2"},
		{"tokenizer.ggml.pre", "qwen2"},
		{"tokenizer.ggml.tokens", tokens},
		{"tokenizer.ggml.token_type", types},
		{"tokenizer.ggml.merges", merges},
		{"tokenizer.ggml.eos_token_id", eos},
		{"tokenizer.ggml.add_bos_token", false},
		{"tokenizer.chat_template", ownTemplate},
	}
	m.weights(uint64(len(tokens)))
	return m
}

// weights fills the tensor table with small numbers from a fixed seed.
func (m *model) weights(vocab uint64) {
	random := rand.New(rand.NewPCG(1, 2))
	add := func(name string, dims ...uint64) {
		n := uint64(1)
		for _, d := range dims {
			n *= d
		}
		s := sheet{name: name, dims: dims, offset: -1, kind: 1}
		var b bytes.Buffer
		for range n {
			if len(dims) == 1 {
				put(&b, float32(1))
				s.kind = 0
				continue
			}
			put(&b, uint16(random.UintN(0x400))|uint16(0x2400)|uint16(random.UintN(2))<<15) // +-0.016..0.03
		}
		s.data = b.Bytes()
		m.sheets = append(m.sheets, s)
	}
	add("token_embd.weight", 32, vocab)
	add("output_norm.weight", 32)
	add("blk.0.attn_norm.weight", 32)
	add("blk.0.attn_q.weight", 32, 32)
	add("blk.0.attn_k.weight", 32, 16)
	add("blk.0.attn_v.weight", 32, 16)
	add("blk.0.attn_output.weight", 32, 32)
	add("blk.0.attn_q_norm.weight", 16)
	add("blk.0.attn_k_norm.weight", 16)
	add("blk.0.ffn_norm.weight", 32)
	add("blk.0.ffn_gate.weight", 32, 64)
	add("blk.0.ffn_up.weight", 32, 64)
	add("blk.0.ffn_down.weight", 64, 32)
}

var nan, inf = float32(math.NaN()), float32(math.Inf(1)) //nolint:gochecknoglobals // test constants
