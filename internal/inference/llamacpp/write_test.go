package llamacpp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// expectedText is what one text must be, computed without slots, passes or lanes.
func expectedText(g inference.Generation) (tokens []inference.Token, why inference.Reason) {
	all := slices.Clone(g.Prompt)
	p := newSampler(g.Sampling, g.Prompt[len(g.Prompt)-g.Written:])
	var room []candidate
	for len(tokens) < g.Max {
		row := rowOf(hashOf(all))
		t := inference.Token{ID: p.choose(row, &room)}
		if slices.Contains(g.Stop, t.ID) {
			return tokens, inference.Stopped
		}
		if g.Logprobs {
			t.Logprob, t.Top = logprobs(row, t.ID, g.Top)
		}
		p.took(t.ID)
		tokens, all = append(tokens, t), append(all, t.ID)
	}
	return tokens, inference.Length
}

func idsOf(tokens []inference.Token) (ids []int32) {
	for _, t := range tokens {
		ids = append(ids, t.ID)
	}
	return ids
}

func randomGeneration(r *rand.Rand, prefixes [][]int32, tokens int) inference.Generation {
	q := randomQuery(r, prefixes, tokens-60)
	g := inference.Generation{
		Prompt: q.Prompt, Prefix: q.Prefix, Max: 1 + r.IntN(50), Owner: fmt.Sprint("usr_", r.IntN(4)), Keep: r.IntN(3) > 0,
		Sampling: inference.Sampling{Seed: r.Uint64()},
	}
	if r.IntN(2) == 0 {
		g.Stop = []int32{1, 2, 4}
	}
	if r.IntN(3) > 0 {
		g.Temperature, g.TopP, g.Presence = r.Float64()*2, r.Float64(), r.Float64()
	}
	if r.IntN(3) == 0 {
		g.Logprobs, g.Top = true, r.IntN(5)
	}
	return g
}

// Conversations of a few accounts that go on with what was written, among verdicts, on more slots than there are and fewer.
func TestTextsDoNotDependOnCompany(t *testing.T) {
	const goroutines, each, tokens = 12, 30, 900
	cores := []*scripted{newScripted(t, 4, tokens, 300), newScripted(t, 3, tokens, 8)}
	m := modelOn(t, 2, cores...)
	r := rand.New(rand.NewPCG(4, 2))
	prefixes := [][]int32{randomIDs(r, 50), randomIDs(r, 7)}
	require.NoError(t, m.Prime(t.Context(), prefixes))
	var all sync.WaitGroup
	var found sync.Map
	for n := range goroutines {
		all.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(n)))
			for range each {
				if r.IntN(2) == 0 {
					q := randomQuery(r, prefixes, tokens)
					a, err := m.Judge(context.Background(), q)
					if err != nil {
						t.Error(err)
						return
					}
					requireAnswer(t, expected(q), a)
					continue
				}
				for g := randomGeneration(r, prefixes, tokens); len(g.Prompt)+g.Max < tokens && r.IntN(4) > 0; {
					want, why := expectedText(g)
					var heard []inference.Token
					g.Sink = func(t inference.Token) bool { heard = append(heard, t); return true }
					out, err := m.Generate(context.Background(), g)
					if err != nil {
						t.Error(err)
						return
					}
					require.Equal(t, want, heard)
					require.Equal(t, idsOf(want), out.IDs)
					require.Equal(t, why, out.Reason)
					require.Equal(t, len(g.Prompt), out.Prompt)
					if out.Cached > g.Prefix {
						found.Store(n, true)
					}
					g.Prompt = slices.Concat(g.Prompt, out.IDs, randomIDs(r, 1+r.IntN(30)))
				}
			}
		})
	}
	all.Wait()
	for _, c := range cores {
		require.LessOrEqual(t, c.widest, c.i.batch)
	}
	some := false
	found.Range(func(any, any) bool { some = true; return false })
	require.True(t, some, "no text was ever found again")
}

// threat T3: what one account had computed is found again by that account and by nobody else.
func TestATextIsFoundAgainByItsAccountAlone(t *testing.T) {
	const prefix = 20
	r := rand.New(rand.NewPCG(6, 6))
	template, question := randomIDs(r, prefix), randomIDs(r, 40)
	first := inference.Generation{Prompt: slices.Concat(template, question), Prefix: prefix, Max: 10, Owner: "usr_a", Keep: true}
	for name, c := range map[string]struct {
		change func(*inference.Generation)
		cached int
	}{
		"the same account goes on": {func(*inference.Generation) {}, 69}, // the last written id was not computed yet
		"another account":          {func(g *inference.Generation) { g.Owner = "usr_b" }, prefix},
		"nobody's account":         {func(g *inference.Generation) { g.Owner = "" }, prefix},
		"it asks something else":   {func(g *inference.Generation) { g.Prompt[prefix+5]++; g.Prompt[prefix+5] %= scriptedVocab }, prefix + 5},
		"the template is another":  {func(g *inference.Generation) { g.Prompt[3]++; g.Prompt[3] %= scriptedVocab }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := modelOn(t, 2, newScripted(t, 2, 400, 64), newScripted(t, 2, 400, 64))
			out, err := m.Generate(t.Context(), first)
			require.NoError(t, err)
			require.Zero(t, out.Cached)
			next := first
			next.Prompt = slices.Concat(first.Prompt, out.IDs, []int32{7, 8, 9})
			c.change(&next)
			want, _ := expectedText(next)
			out, err = m.Generate(t.Context(), next)
			require.NoError(t, err)
			require.Equal(t, idsOf(want), out.IDs)
			// On the other of two lanes nothing is held; its own account is sent where its text is.
			require.Contains(t, []int{c.cached, 0}, out.Cached)
			if next.Owner == first.Owner {
				require.Equal(t, c.cached, out.Cached)
			}
		})
	}
	t.Run("who does not want it kept", func(t *testing.T) {
		m := modelOn(t, 1, newScripted(t, 1, 400, 64))
		g := first
		g.Keep = false
		_, err := m.Generate(t.Context(), g)
		require.NoError(t, err)
		out, err := m.Generate(t.Context(), g)
		require.NoError(t, err)
		require.Equal(t, prefix, out.Cached)
	})
}

// A text that nobody goes on with is gone after ten minutes, cells and all, and the template's own head is ready again.
func TestATextIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const prefix = 20
		c := newScripted(t, 2, 400, 64)
		m := modelOn(t, 1, c)
		r := rand.New(rand.NewPCG(6, 6))
		g := inference.Generation{Prompt: randomIDs(r, 60), Prefix: prefix, Max: 10, Owner: "usr_a", Keep: true}
		wipes := func() (n int) { synctest.Wait(); c.set(func() { n = c.wipes }); return n }
		require.NoError(t, m.Prime(t.Context(), [][]int32{g.Prompt[:prefix]}))
		cached := func() int {
			out, err := m.Generate(t.Context(), g)
			require.NoError(t, err)
			return out.Cached
		}
		require.Equal(t, prefix, cached())
		<-time.After(keepFor - time.Second)
		require.Equal(t, 59, cached())
		require.Zero(t, wipes())
		<-time.After(keepFor + time.Second)
		require.Equal(t, 1, wipes())
		require.Equal(t, prefix, cached())
		// A lane that is never idle wipes nothing, and finds nothing old.
		q := inference.Query{Prompt: []int32{9, 8, 7}, Labels: []int32{1}}
		for range 3 {
			<-time.After(keepFor / 2)
			_, err := m.Judge(t.Context(), q)
			require.NoError(t, err)
		}
		require.Equal(t, 1, wipes())
		require.Equal(t, prefix, cached())
	})
}

// A verdict beside texts that are written takes the passes that it takes alone: each of them has one id of every pass, and no more.
func TestTextsHoldNoVerdictUp(t *testing.T) {
	c := newScripted(t, 4, 4000, 64)
	m := modelOn(t, 1, c)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	began := make(chan struct{}, 3)
	for n := range 3 {
		all.Go(func() {
			told := false
			_, err := m.Generate(ctx, inference.Generation{Prompt: []int32{int32(n + 1)}, Max: 3900, Sink: func(inference.Token) bool {
				if !told {
					told = true
					began <- struct{}{}
				}
				return ctx.Err() == nil
			}})
			if err != nil && fault.CodeOf(err) != fault.Canceled {
				t.Error(err)
			}
		})
	}
	for range 3 {
		<-began
	}
	for range 20 {
		q := inference.Query{Prompt: make([]int32, 150), Labels: []int32{1}, Tails: [][]int32{{5}}, MaxTail: 2}
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		requireAnswer(t, expected(q), a)
		require.LessOrEqual(t, a.Passes, 3+1+len(a.Tail))
	}
	cancel()
	all.Wait()
}

func TestWhoLeavesATextFreesItsSlot(t *testing.T) {
	c := newScripted(t, 1, 4000, 64)
	m := modelOn(t, 1, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := inference.Generation{Prompt: []int32{5, 6}, Max: 3000, Owner: "usr_a", Keep: true}
	g.Sink = func(inference.Token) bool {
		if g.Max--; g.Max == 2990 {
			cancel()
		}
		return true
	}
	asked := g
	out, err := m.Generate(ctx, asked)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.Equal(t, inference.Canceled, out.Reason)
	require.Positive(t, out.Compute, "what it took is charged")
	asked.Max = len(out.IDs)
	want, _ := expectedText(asked)
	require.Equal(t, idsOf(want), out.IDs, "what was written until then")
	require.Less(t, len(out.IDs), 20)
	q := inference.Query{Prompt: []int32{9, 8, 7}, Labels: []int32{1}}
	a, err := m.Judge(t.Context(), q)
	require.NoError(t, err)
	requireAnswer(t, expected(q), a)
}

func TestATextWithoutNumbersIsAnError(t *testing.T) {
	c := newScripted(t, 1, 400, 64)
	m := modelOn(t, 1, c)
	g := inference.Generation{Prompt: []int32{5, 6}, Max: 10, Owner: "usr_a", Keep: true}
	reads := 0
	c.set(func() {
		c.bad = func([]int32) error {
			if reads++; reads > 3 {
				return errNotFinite
			}
			return nil
		}
	})
	out, err := m.Generate(t.Context(), g)
	require.ErrorIs(t, err, errNotFinite)
	require.Equal(t, inference.Canceled, out.Reason)
	require.Len(t, out.IDs, 3)
	c.set(func() { c.bad = nil })
	out, err = m.Generate(t.Context(), g)
	require.NoError(t, err)
	require.Zero(t, out.Cached, "nobody goes on with it")
}

func TestGenerateRefusesWhatDoesNotFit(t *testing.T) {
	c := newScripted(t, 1, 100, 64)
	m := modelOn(t, 1, c)
	for code, g := range map[fault.Code]inference.Generation{
		fault.Invalid:  {Prompt: []int32{scriptedVocab}, Max: 1},
		fault.TooLarge: {Prompt: []int32{1}, Max: 100},
	} {
		_, err := m.Generate(t.Context(), g)
		require.Equal(t, code, fault.CodeOf(err))
	}
	require.Zero(t, c.passes)
}

func TestAClosedModelWritesNoMore(t *testing.T) {
	c := newScripted(t, 1, 4000, 64)
	p := plan{lanes: 1, threads: 1, slotTokens: 4000, temperature: 1, weightBytes: 1}
	m := newModel(p, []core{c}, time.Now, func() {})
	began, over := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		_, err := m.Generate(context.Background(), inference.Generation{Prompt: []int32{1}, Max: 3900, Sink: func(inference.Token) bool {
			once.Do(func() { close(began) })
			return true
		}})
		over <- err
	}()
	<-began
	require.NoError(t, m.Close())
	if err := <-over; err != nil { // it may have been faster
		require.Equal(t, fault.Canceled, fault.CodeOf(err))
	}
	_, err := m.Generate(t.Context(), inference.Generation{Prompt: []int32{1}, Max: 1})
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
}
