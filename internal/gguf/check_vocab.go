package gguf

import "strings"

// Token types of the format.
const (
	TokenNormal      = 1
	TokenUnknown     = 2
	TokenControl     = 3
	TokenUserDefined = 4
	TokenUnused      = 5
	TokenByte        = 6
)

// checkVocab checks the byte-level BPE vocabulary: C reads scores and types without looking at type
// or length, asserts on duplicates, and ends with holes in the text when bytes have no token.
func (f *File) checkVocab(h *hyper) error {
	if model, _ := f.String("tokenizer.ggml.model"); model != "gpt2" {
		return refuse("only byte-level BPE vocabularies (tokenizer.ggml.model gpt2) are supported")
	}
	tokens, ok := f.Strings("tokenizer.ggml.tokens")
	if !ok || len(tokens) < 256 || len(tokens) > maxVocab {
		return refuse("tokenizer.ggml.tokens is missing or does not hold 256 to %d tokens", maxVocab)
	}
	h.vocab = uint64(len(tokens))
	if n, ok := f.Uint(h.arch + ".vocab_size"); ok && n != h.vocab {
		return refuse("vocab_size is not the number of tokens")
	}
	types, ok := f.Ints("tokenizer.ggml.token_type")
	if !ok || len(types) != len(tokens) {
		return refuse("tokenizer.ggml.token_type is missing or not as long as the token list")
	}
	for i, t := range types {
		if t < TokenNormal || t > TokenByte {
			return refuse("a token has an unknown type")
		}
		if t > TokenNormal && t < TokenUnused && len(tokens[i]) > maxSpecial {
			return refuse("a special token is longer than %d bytes", maxSpecial)
		}
	}
	if s, ok := f.KV["tokenizer.ggml.scores"]; ok && s.Len() != len(tokens) {
		return refuse("tokenizer.ggml.scores is not as long as the token list")
	}
	ids := make(map[string]int32, len(tokens))
	for i, t := range tokens {
		if t == "" {
			return refuse("a token is empty")
		}
		ids[t] = int32(i)
	}
	if len(ids) != len(tokens) {
		return refuse("a token appears twice")
	}
	if err := checkBytes(ids, types, f.mayLackBytes()); err != nil {
		return err
	}
	if err := f.checkMerges(ids, types); err != nil {
		return err
	}
	return f.checkIDs(types)
}

// mayLackBytes says that the vocabulary is of the family that was made without rare bytes. Its pre-tokenizer tells.
func (f *File) mayLackBytes() bool {
	pre, _ := f.String("tokenizer.ggml.pre")
	return pre == "smollm"
}

// RareByte says whether no character that is assigned and printed needs the byte: control characters but for tabs and line breaks,
// the lead bytes of unassigned planes, and what no UTF-8 text has.
func RareByte(b byte) bool {
	switch {
	case b == '\t' || b == '\n' || b == '\r':
		return false
	case b < ' ', b == 0x7F, b == 0xC0, b == 0xC1, b == 0xF1, b == 0xF2, b >= 0xF5:
		return true
	}
	return false
}

// checkBytes demands one normal token for each of the 256 bytes, where a family lacks rare ones for each of the others.
func checkBytes(ids map[string]int32, types []int64, mayLack bool) error {
	for b, r := range ByteAlphabet() {
		id, ok := ids[string(r)]
		if !ok && mayLack && RareByte(byte(b)) {
			continue
		}
		if !ok || types[id] != TokenNormal {
			return refuse("the byte alphabet is incomplete: some text could not be written in tokens")
		}
	}
	return nil
}

// ByteAlphabet answers the character that stands for each byte in a byte-level vocabulary: printable
// Latin-1 characters stand for themselves, the other 68 bytes follow from U+0100 in order.
func ByteAlphabet() [256]rune {
	var out [256]rune
	next := rune(0x100)
	for b := range rune(256) {
		if (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE {
			out[b] = b
			continue
		}
		out[b], next = next, next+1
	}
	return out
}

func (f *File) checkMerges(ids map[string]int32, types []int64) error {
	merges, ok := f.Strings("tokenizer.ggml.merges")
	if !ok {
		return refuse("tokenizer.ggml.merges is missing")
	}
	seen := make(map[uint64]struct{}, len(merges))
	for _, m := range merges {
		left, right, ok := strings.Cut(m, " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return refuse("a merge is not two tokens with a space between")
		}
		a, okA := ids[left]
		b, okB := ids[right]
		c, okC := ids[left+right]
		if !okA || !okB || !okC {
			return refuse("a merge names a token that does not exist")
		}
		if types[a] != TokenNormal || types[b] != TokenNormal || types[c] != TokenNormal {
			return refuse("a merge makes or uses a special token")
		}
		pair := uint64(a)<<32 | uint64(b)
		if _, twice := seen[pair]; twice {
			return refuse("a merge appears twice")
		}
		seen[pair] = struct{}{}
	}
	return nil
}

// checkIDs demands an end token, one that text cannot be made of, and refuses every special id outside
// the vocabulary.
func (f *File) checkIDs(types []int64) error {
	eos, ok := f.Uint("tokenizer.ggml.eos_token_id")
	if !ok {
		return refuse("tokenizer.ggml.eos_token_id is missing")
	}
	for key, v := range f.KV {
		if strings.HasPrefix(key, "tokenizer.ggml.") && strings.HasSuffix(key, "_token_id") && v.bits >= uint64(len(types)) {
			return refuse("a special token id is outside the vocabulary")
		}
	}
	if types[eos] != TokenControl && types[eos] != TokenUserDefined { // threat T1
		return refuse("the end token is no special token: text could end the answer")
	}
	return nil
}
