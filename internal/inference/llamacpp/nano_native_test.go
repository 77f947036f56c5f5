//go:build !nollama

package llamacpp

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
	"guardhouse/internal/tokenizer"
)

const nanoFile = "../../../models/guard-nano.gguf"

// nano is the model that the product ships with. What tests need to know of it is read from its file, so that they hold for
// whatever weights lie there.
func nano(testing.TB) string { return filepath.FromSlash(nanoFile) }

var nanoVocabulary = sync.OnceValues(func() (*tokenizer.Tokenizer, error) { //nolint:gochecknoglobals // read once per test binary
	return readTokenizer(nano(nil))
})

func readGGUF(name string) (*gguf.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return gguf.Read(f, stat.Size())
}

func readTokenizer(name string) (*tokenizer.Tokenizer, error) {
	file, err := readGGUF(name)
	if err != nil {
		return nil, err
	}
	vocab, err := tokenizer.VocabOf(file)
	if err != nil {
		return nil, err
	}
	return tokenizer.New(vocab)
}

func nanoTokenizer(t testing.TB, name string) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := readTokenizer(name)
	require.NoError(t, err)
	return tok
}

func nanoTok() *tokenizer.Tokenizer {
	tok, err := nanoVocabulary()
	if err != nil {
		panic(err)
	}
	return tok
}

// nanoLabels answers the first ids of guard-nano's labels.
var nanoLabels = sync.OnceValue(func() []int32 { //nolint:gochecknoglobals // read once per test binary
	tok := nanoTok()
	return []int32{tok.Encode(" Safe")[0], tok.Encode(" Controversial")[0], tok.Encode(" Unsafe")[0]}
})

// nanoTextTo is one past the last of the ids, from nanoTextFrom on, that prompts of tests are drawn from.
func nanoTextTo() int32 { return int32(nanoTok().Size()) - 16 } // the special ones are the last

// nanoCell answers the bytes of a position's keys and values in f16.
func nanoCell(t testing.TB) int64 {
	t.Helper()
	file, err := readGGUF(nano(t))
	require.NoError(t, err)
	number := func(key string) int64 {
		n, ok := file.Uint(file.Architecture() + "." + key)
		require.True(t, ok, key)
		return int64(n)
	}
	return number("block_count") * number("attention.head_count_kv") * (number("attention.key_length") + number("attention.value_length")) * 2
}

// nanoQuery is the prompt that guard-nano was trained on, for one user message.
func nanoQuery(tok *tokenizer.Tokenizer, text string) inference.Query {
	prefix := tok.EncodeSpecial("<|im_start|>user\n")
	ids := append(prefix[:len(prefix):len(prefix)], tok.Encode(text)...)
	ids = append(ids, tok.EncodeSpecial("<|im_end|>\n<|im_start|>guard\nSafety:")...)
	end, _ := tok.ID("<|im_end|>")
	forced := tok.Encode("\nCategories:")
	return inference.Query{
		Prompt: ids, Prefix: len(prefix), Labels: nanoLabels(),
		Tails: [][]int32{nil, forced, forced}, MaxTail: 24, Stop: []int32{end},
	}
}

// nanoTexts answers the index of the label of texts that no model gets wrong.
func nanoTexts() map[string]int {
	texts := map[string]int{}
	for _, s := range apptest.SafeTexts() {
		texts[s] = 0
	}
	for _, s := range apptest.ViolentTexts() {
		texts[s] = 2
	}
	return texts
}
