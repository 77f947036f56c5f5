package llamacpp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// guesser drafts what no drafter should: nothing, noise, far too much, and ids of no vocabulary.
func guesser(seed uint64) func(int, []float32, []int32) []int32 {
	return func(_ int, _ []float32, tail []int32) []int32 {
		r := rand.New(rand.NewPCG(seed, uint64(len(tail))))
		ids := randomIDs(r, []int{0, 1, 3, 2000}[r.IntN(4)])
		if len(ids) > 1 && r.IntN(2) == 0 {
			ids[r.IntN(2)] = []int32{-1, math.MinInt32, scriptedVocab, math.MaxInt32}[r.IntN(4)]
		}
		return ids
	}
}

// oracle drafts the scripted model's own answer, whose id at index wrong, counted from one, is another.
func oracle(q inference.Query, wrong int) func(int, []float32, []int32) []int32 {
	whole := expected(q).Tail
	return func(_ int, _ []float32, tail []int32) []int32 {
		if len(tail) >= len(whole) {
			return nil
		}
		rest := slices.Clone(whole[len(tail):])
		if at := wrong - 1 - len(tail); at >= 0 && at < len(rest) {
			rest[at] = (rest[at] + 1) % scriptedVocab
		}
		return rest
	}
}

func draftQuery(seed uint64) inference.Query {
	r := rand.New(rand.NewPCG(seed, 1))
	tails := [][]int32{randomIDs(r, 3), randomIDs(r, 1), {}}
	return inference.Query{Prompt: randomIDs(r, 12), Prefix: 4, Labels: []int32{3, 5, 7}, Tails: tails, MaxTail: 9}
}

// The answer is that of a pass per id, whatever is drafted; only the passes differ.
func TestDraftsChangePassesAlone(t *testing.T) {
	m := modelOn(t, 1, newScripted(t, 2, 600, 64))
	for seed := range uint64(50) {
		q := draftQuery(seed)
		require.NoError(t, m.Prime(t.Context(), [][]int32{q.Prompt[:q.Prefix]}))
		plain, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		requireAnswer(t, expected(q), plain)
		require.Equal(t, 10, plain.Passes, "one for the label, one for each of nine ids")
		for wrong := range 11 {
			q.Draft = oracle(q, wrong)
			a, err := m.Judge(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, zeroed(plain), zeroed(a))
			if wrong == 0 || wrong >= 9 { // a whole draft leaves the last id to the last row
				require.Equal(t, 2, a.Passes, wrong)
				require.Equal(t, 8, a.Drafted)
				require.Equal(t, 8, a.Accepted)
				require.Equal(t, plain.Evaluated, a.Evaluated, "no id is computed twice")
				continue
			}
			require.Equal(t, 3, a.Passes, "the id at the first difference is the model's own, then the rest is right")
			require.Equal(t, a.Drafted-a.Accepted, 8-(wrong-1))
		}
		for more := range uint64(20) {
			q.Draft = guesser(more)
			a, err := m.Judge(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, zeroed(plain), zeroed(a))
			require.LessOrEqual(t, a.Passes, plain.Passes)
			require.LessOrEqual(t, a.Drafted, 8*9, "a draft is cut to the tail's room")
		}
	}
}

// zeroed leaves of an answer what does not depend on how it was found.
func zeroed(a inference.Answer) inference.Answer {
	return inference.Answer{
		Probs: a.Probs, Logits: a.Logits, Best: a.Best, BestIsGreedy: a.BestIsGreedy, Tail: a.Tail, Stopped: a.Stopped,
	}
}

// A stop id ends the tail wherever it stands among guesses, and is no guess itself.
func TestDraftsEndAtTheStop(t *testing.T) {
	m := modelOn(t, 1, newScripted(t, 1, 600, 64))
	for seed := range uint64(50) {
		q := draftQuery(seed)
		whole := expected(q).Tail
		for at := range whole {
			q.Stop = []int32{whole[at]}
			q.Draft = func(_ int, _ []float32, tail []int32) []int32 {
				return append(whole[len(tail):len(whole):len(whole)], 9)
			}
			a, err := m.Judge(t.Context(), q)
			require.NoError(t, err)
			requireAnswer(t, expected(q), a)
			require.True(t, a.Stopped)
			require.Equal(t, 2, a.Passes)
			require.Equal(t, a.Drafted, a.Accepted)
		}
	}
}

// A batch too small for known ids and guesses together loses guesses and nothing else.
func TestDraftsFitTheBatch(t *testing.T) {
	for batch := 1; batch <= 12; batch++ {
		m := modelOn(t, 1, newScripted(t, 1, 600, batch))
		q := draftQuery(uint64(batch))
		plain := expected(q)
		for _, draft := range []func(int, []float32, []int32) []int32{oracle(q, 0), oracle(q, 5), guesser(3)} {
			q.Draft = draft
			a, err := m.Judge(t.Context(), q)
			require.NoError(t, err)
			requireAnswer(t, plain, a)
		}
	}
}

func TestEvaluatedIsBodyAndSuffix(t *testing.T) {
	m := modelOn(t, 1, newScripted(t, 1, 600, 64))
	q := draftQuery(1)
	q.Tails = nil
	require.NoError(t, m.Prime(t.Context(), [][]int32{q.Prompt[:q.Prefix]}))
	for range 3 {
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, 1, a.Passes)
		require.Equal(t, len(q.Prompt)-q.Prefix, a.Evaluated)
	}
}

func TestFreeDecodesFromThePrompt(t *testing.T) {
	c := newScripted(t, 1, 600, 64)
	m := modelOn(t, 1, c)
	r := rand.New(rand.NewPCG(8, 8))
	for range 20 {
		q := inference.Query{Prompt: randomIDs(r, 150), Prefix: 20, Free: true, MaxTail: 6, Stop: []int32{1, 2, 3}}
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		requireAnswer(t, expected(q), a)
		require.Empty(t, a.Probs)
	}
	good := inference.Query{Prompt: []int32{1}, Free: true, MaxTail: 1}
	for name, spoil := range map[string]func(*inference.Query){
		"labels":  func(q *inference.Query) { q.Labels = []int32{1} },
		"tails":   func(q *inference.Query) { q.Tails = [][]int32{{1}} },
		"draft":   func(q *inference.Query) { q.Draft = guesser(1) },
		"no tail": func(q *inference.Query) { q.MaxTail = 0 },
	} {
		q := good
		spoil(&q)
		_, err := m.Judge(t.Context(), q)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
	good.Prompt, good.MaxTail = make([]int32, 600), 1
	_, err := m.Judge(t.Context(), good)
	require.Equal(t, fault.TooLarge, fault.CodeOf(err))
}
