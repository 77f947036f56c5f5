// Package tokenizer turns text into token ids and back: byte-level BPE with the qwen2 or the smollm pre-tokenizer,
// exactly as the reference tokenizer does it and in time linear in the text, which neither the
// engine's recursive regular expressions nor its Go port are. Ordinary text never becomes a control
// or user-defined id. It imports gguf and fault besides the standard library.
package tokenizer

import (
	"hash/maphash"
	"sync/atomic"
	"unicode/utf8"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
)

// Vocab is what New needs, as it stands in a model file.
type Vocab struct {
	Tokens []string
	Merges []string
	Types  []int32 // gguf.TokenNormal and so on, one for each token
	Pre    string  // the pre-tokenizer's name
	EOS    int32   // the token that ends an answer
}

// VocabOf answers the vocabulary of a model file; it refuses one that is incomplete.
func VocabOf(f *gguf.File) (Vocab, error) {
	var v Vocab
	var okTokens, okMerges bool
	v.Tokens, okTokens = f.Strings("tokenizer.ggml.tokens")
	v.Merges, okMerges = f.Strings("tokenizer.ggml.merges")
	types, okTypes := f.Ints("tokenizer.ggml.token_type")
	eos, okEOS := f.Uint("tokenizer.ggml.eos_token_id")
	if !okTokens || !okMerges || !okTypes || !okEOS || eos >= uint64(len(v.Tokens)) {
		return Vocab{}, fault.New(fault.Invalid, "the model file has no complete vocabulary")
	}
	v.Types = make([]int32, len(types))
	for i, t := range types {
		v.Types[i] = int32(t)
	}
	v.Pre, _ = f.String("tokenizer.ggml.pre")
	v.EOS = int32(eos)
	return v, nil
}

// Tokenizer is immutable but for its word cache, and safe for many goroutines.
type Tokenizer struct {
	pieces  []string // bytes of each token
	types   []int32
	ids     map[string]int32 // token as it stands in the file
	bytes   [256]int32       // none where the vocabulary has no token for the byte
	holes   bool             // there are such bytes
	smollm  bool             // the pre-tokenizer is smollm's, else qwen2's
	merges  mergeTable
	classes []class
	special literals
	eos     int32
	seed    maphash.Seed
	cache   []atomic.Pointer[word]
}

// word is one cached pre-token.
type word struct {
	text string
	ids  []int32
}

// The cache is direct-mapped: 16,384 slots of words up to 32 bytes are at most about 4 MiB.
const (
	cacheSlots = 1 << 14
	cacheWord  = 32
)

// New answers a tokenizer. It refuses another pre-tokenizer than qwen2 and smollm, lists of different lengths,
// missing bytes, and merges that name unknown or special tokens.
func New(v Vocab) (*Tokenizer, error) {
	if v.Pre != "qwen2" && v.Pre != "smollm" {
		return nil, fault.New(fault.Invalid, "only the pre-tokenizers qwen2 and smollm are supported")
	}
	if len(v.Tokens) != len(v.Types) || v.EOS < 0 || int(v.EOS) >= len(v.Tokens) {
		return nil, fault.New(fault.Invalid, "the vocabulary's lists do not fit each other")
	}
	t := &Tokenizer{
		types: v.Types, eos: v.EOS, smollm: v.Pre == "smollm", classes: newClasses(), seed: maphash.MakeSeed(),
		cache: make([]atomic.Pointer[word], cacheSlots),
	}
	if err := t.addTokens(v.Tokens); err != nil {
		return nil, err
	}
	return t, t.addMerges(v.Merges)
}

// Size answers the number of tokens.
func (t *Tokenizer) Size() int { return len(t.pieces) }

// EOS answers the token that ends an answer.
func (t *Tokenizer) EOS() int32 { return t.eos }

// ID answers the id of a token as it is written in the model file.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Piece answers the bytes of a token; they need not be whole characters.
func (t *Tokenizer) Piece(id int32) ([]byte, bool) {
	if id < 0 || int(id) >= len(t.pieces) {
		return nil, false
	}
	return []byte(t.pieces[id]), true
}

// Ordinary says whether id is of the kind that ordinary text is made of.
func (t *Tokenizer) Ordinary(id int32) bool {
	return id >= 0 && int(id) < len(t.types) && t.types[id] == gguf.TokenNormal
}

// Control says whether id is a mark that is no text, such as the end of a turn.
func (t *Tokenizer) Control(id int32) bool {
	return id >= 0 && int(id) < len(t.types) && t.types[id] == gguf.TokenControl
}

// Decode answers the text of ids; unknown ids add nothing.
func (t *Tokenizer) Decode(ids []int32) string {
	n := 0
	for _, id := range ids {
		if id >= 0 && int(id) < len(t.pieces) {
			n += len(t.pieces[id])
		}
	}
	out := make([]byte, 0, n)
	for _, id := range ids {
		if id >= 0 && int(id) < len(t.pieces) {
			out = append(out, t.pieces[id]...)
		}
	}
	return string(out)
}

// Encode answers the ids of ordinary text. Literals of special tokens in it stay text (threat T1);
// bytes that are not UTF-8 become U+FFFD each, and those that the vocabulary has no token for are left out, as the reference does.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.AppendEncode(make([]int32, 0, len(text)/3+4), text)
}

// AppendEncode is Encode onto the end of dst.
func (t *Tokenizer) AppendEncode(dst []int32, text string) []int32 {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	for i := 0; i < len(text); {
		end := t.next(text, i)
		dst = t.appendWord(dst, text[i:end])
		i = end
	}
	return dst
}

// EncodeSpecial answers the ids of template text: literals of control and user-defined tokens become
// their ids. Never give it anything that a caller sent.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	dst := make([]int32, 0, len(text)/3+4)
	for text != "" {
		start, end, id, ok := t.FindSpecial(text)
		if !ok {
			return t.AppendEncode(dst, text)
		}
		dst = append(t.AppendEncode(dst, text[:start]), id)
		text = text[end:]
	}
	return dst
}

// FindSpecial answers the first literal of a control or user-defined token in text, the longest where
// several begin.
func (t *Tokenizer) FindSpecial(text string) (start, end int, id int32, ok bool) {
	for i := range len(text) {
		if l := t.special.longest(text[i:]); l != nil {
			return i, i + len(l.text), l.id, true
		}
	}
	return 0, 0, 0, false
}

// Words calls yield for the end of each pre-token of text, in order, until it answers false. Merges
// never cross these boundaries.
func (t *Tokenizer) Words(text string, yield func(end int) bool) {
	for i := 0; i < len(text); {
		i = t.next(text, i)
		if !yield(i) {
			return
		}
	}
}

func (t *Tokenizer) appendWord(dst []int32, w string) []int32 {
	if len(w) == 1 && !t.holes {
		return append(dst, t.bytes[w[0]])
	}
	if len(w) > cacheWord {
		return t.merge(dst, w)
	}
	slot := &t.cache[maphash.String(t.seed, w)%cacheSlots]
	if e := slot.Load(); e != nil && e.text == w {
		return append(dst, e.ids...)
	}
	from := len(dst)
	dst = t.merge(dst, w)
	ids := make([]int32, len(dst)-from)
	copy(ids, dst[from:])
	slot.Store(&word{text: string([]byte(w)), ids: ids}) // a copy: w would keep the whole text alive
	return dst
}
