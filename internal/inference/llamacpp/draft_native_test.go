//go:build !nollama

package llamacpp

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// nativeDrafts are a helpful drafter, a half right one, and those that nobody should write.
func nativeDrafts(whole []int32, vocab int) map[string]func(int, []float32, []int32) []int32 {
	r := rand.New(rand.NewPCG(21, 22))
	noise := make([]int32, 400)
	for i := range noise {
		noise[i] = r.Int32N(int32(vocab))
	}
	rest := func(tail []int32) []int32 { return slices.Clone(whole[min(len(tail), len(whole)):]) }
	return map[string]func(int, []float32, []int32) []int32{
		"whole": func(_ int, _ []float32, tail []int32) []int32 { return rest(tail) },
		"half right": func(_ int, _ []float32, tail []int32) []int32 {
			ids := rest(tail)
			if len(ids) > 1 {
				ids[len(ids)/2] = noise[len(tail)]
			}
			return ids
		},
		"too long": func(_ int, _ []float32, tail []int32) []int32 { return append(rest(tail), noise...) },
		"noise":    func(_ int, _ []float32, tail []int32) []int32 { return noise[len(tail) : len(tail)+1+len(tail)%7] },
		"out of range": func(_ int, _ []float32, tail []int32) []int32 {
			return append(rest(tail)[:len(rest(tail))/2], int32(vocab), math.MinInt32)
		},
		"one id again": func(_ int, _ []float32, tail []int32) []int32 { return slices.Repeat([]int32{11}, 20) },
	}
}

// long says that computing a prompt takes seconds on the engine's own code.
func (g golden) long() bool { return len(g.IDs) > 900 }

// resident is how much of a prompt stays between two queries: of a long one nearly all.
func (g golden) resident() int {
	if g.long() {
		return len(g.IDs) - 8
	}
	return 200
}

// Every golden, drafted well and badly, says what a pass per id says; and the long ones what the reference says, labelled and
// free: their prompts are computed once, in full passes, and serve all of these.
func TestGoldenDraftsAreLossless(t *testing.T) {
	m := load(t, tinyGuard(t), inference.Spec{Slots: 1, SlotTokens: 4096, Threads: 1}) // one slot: its prefix is the plain query's; two threads would wait for each other
	formatted := 0
	for i, g := range readGoldens(t) {
		q := g.fullQuery()
		q.Prefix = g.resident()
		if g.long() {
			require.NoError(t, m.Prime(t.Context(), [][]int32{g.IDs[:q.Prefix]}))
		}
		plain, err := m.Judge(t.Context(), q)
		require.NoError(t, err, g.ID)
		g.checkAnswer(t, plain)
		for name, draft := range nativeDrafts(plain.Tail, m.vocab) {
			if g.long() && name != "half right" || i%3 > 0 && name != "half right" && name != "whole" {
				continue // seconds for the same few ids behind a long prompt, or the same noise behind another
			}
			q.Draft = draft
			a, err := m.Judge(t.Context(), q)
			require.NoError(t, err, "%s %s", g.ID, name)
			g.checkAnswer(t, a)
			require.Equal(t, plain.Best, a.Best, "%s %s", g.ID, name)
			require.Equal(t, plain.Tail, a.Tail, "%s %s", g.ID, name)
			require.Equal(t, plain.Stopped, a.Stopped, "%s %s", g.ID, name)
			require.InDeltaSlice(t, plain.Probs, a.Probs, 1e-6, "%s %s", g.ID, name)
			if name == "whole" && g.inFormat() && a.Stopped {
				require.Equal(t, prefillPasses(len(q.Prompt)-200)+1, a.Passes, "%s: one pass for label and prompt, one for all after", g.ID)
				require.Equal(t, a.Drafted, a.Accepted, g.ID)
				formatted++
			}
		}
		if g.long() {
			g.checkFree(t, m)
		}
	}
	require.GreaterOrEqual(t, formatted, 30)
}

// prefillPasses is how many passes ids take alone on a context. The prefix is not primed here: a slot may hold it or not.
func prefillPasses(ids int) int { return (ids + chunk - 1) / chunk }

// The same in company: sixteen callers with all kinds of drafts on two lanes.
func TestGoldenDraftsInCompany(t *testing.T) {
	goldens := slices.DeleteFunc(readGoldens(t), func(g golden) bool { return len(g.IDs) > 900 })
	m := load(t, tinyGuard(t), inference.Spec{Slots: 6, SlotTokens: 1024, Threads: 2})
	alone := make([]inference.Answer, len(goldens))
	for i, g := range goldens {
		var err error
		alone[i], err = m.Judge(t.Context(), g.fullQuery())
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	for i, g := range goldens {
		for name, draft := range nativeDrafts(alone[i].Tail, m.vocab) {
			if i%3 > 0 && name != "half right" {
				continue
			}
			all.Add(1)
			go func() {
				defer all.Done()
				q := g.fullQuery()
				q.Draft = draft
				a, err := m.Judge(t.Context(), q)
				if err != nil {
					t.Error(err)
					return
				}
				for l := range a.Probs {
					if math.Abs(a.Probs[l]-alone[i].Probs[l]) > companyTolerance {
						t.Errorf("%s label %d: %v in company, %v alone", g.ID, l, a.Probs[l], alone[i].Probs[l])
					}
				}
			}()
		}
	}
	all.Wait()
}

// companyTolerance is what a probability may move by in company: the engine adds a batch's products in another
// order than a single prompt's. The documentation states it.
const companyTolerance = 0.02

// A Safe answer takes one pass and computes the ids of body and suffix, on every golden that is Safe.
func TestGoldenSafeIsOnePass(t *testing.T) {
	goldens := slices.DeleteFunc(readGoldens(t), func(g golden) bool { return len(g.IDs) > 400 || g.Mode == "response" })
	m := load(t, tinyGuard(t), inference.Spec{Slots: 2, SlotTokens: 1024})
	const prefix = 200
	require.NoError(t, m.Prime(t.Context(), [][]int32{goldens[0].IDs[:prefix]}))
	safe := 0
	for _, g := range goldens {
		q := g.fullQuery()
		q.Prefix, q.Tails[0] = prefix, nil
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		if a.Best != 0 {
			require.Greater(t, a.Passes, 1, g.ID)
			continue
		}
		safe++
		require.Equal(t, 1, a.Passes, g.ID)
		require.Equal(t, len(q.Prompt)-prefix, a.Evaluated, g.ID)
	}
	require.GreaterOrEqual(t, safe, 8)
}

// Unforced greedy decoding is the reference's own, without any label asked for. The long ones are checked with their drafts.
func TestGoldenFree(t *testing.T) {
	m := load(t, tinyGuard(t), inference.Spec{Slots: 2, SlotTokens: 1024, Threads: 1})
	for _, g := range readGoldens(t) {
		if !g.long() {
			g.checkFree(t, m)
		}
	}
}

func (g golden) checkFree(t *testing.T, m *model) {
	t.Helper()
	a, err := m.Judge(t.Context(), inference.Query{Prompt: g.IDs, Prefix: g.resident(), Free: true, MaxTail: answerIDs, Stop: goldenStop})
	require.NoError(t, err, g.ID)
	for i, id := range g.GreedyIDs {
		if g.GreedyMargins[i] < 2*g.tolerance() {
			return
		}
		if slices.Contains(goldenStop, id) {
			require.True(t, a.Stopped, g.ID)
			require.Len(t, a.Tail, i, g.ID)
			return
		}
		require.Equal(t, id, a.Tail[i], "%s step %d", g.ID, i)
	}
}

// The four masses of the goldens' model add up to one, added id by id over its whole vocabulary.
func TestGoldenScoresSumToOne(t *testing.T) {
	w, err := loadWeights(t.Context(), tinyGuard(t), false, nil)
	require.NoError(t, err)
	defer w.free()
	n, err := openLane(w, laneLimits{slots: 1, slotTokens: 1024, batch: 256, threads: 1, flash: true})
	require.NoError(t, err)
	defer n.close()
	g := readGoldens(t)[0]
	row := fillAlone(t, n, g.prompt())
	total := 0.0
	for at := 0; at < w.vocab; at += 4096 {
		ids := make([]int32, 0, 4096)
		for id := at; id < min(at+4096, w.vocab); id++ {
			ids = append(ids, int32(id))
		}
		s, err := n.score(row, 1, ids)
		require.NoError(t, err)
		for _, p := range s.probs {
			total += p
		}
	}
	require.InDelta(t, 1, total, 1e-4)
}
