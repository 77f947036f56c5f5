package llamacpp

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

func TestPrefixStaysAndIsNotComputedAgain(t *testing.T) {
	c := newScripted(t, 2, 600, 64)
	m := modelOn(t, 1, c)
	r := rand.New(rand.NewPCG(5, 5))
	prefix, other := randomIDs(r, 200), randomIDs(r, 180)
	require.NoError(t, m.Prime(t.Context(), [][]int32{prefix, other}))
	ask := func(prefix []int32) int {
		before := c.passes
		q := inference.Query{Prompt: append(slices.Clone(prefix), randomIDs(r, 10)...), Prefix: len(prefix), Labels: []int32{1}}
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		requireAnswer(t, expected(q), a)
		require.Equal(t, c.passes-before, a.Passes)
		return a.Passes
	}
	for range 5 {
		require.Equal(t, 1, ask(prefix))
		require.Equal(t, 1, ask(other))
	}
	third := randomIDs(r, 100)
	require.Equal(t, 2, ask(third), "an unknown prefix is computed with its query")
	require.Equal(t, 1, ask(third), "and stays")
}

func TestPrefixIsCopiedFromAnotherSlot(t *testing.T) {
	c := newScripted(t, 2, 600, 400)
	m := modelOn(t, 1, c)
	r := rand.New(rand.NewPCG(6, 6))
	prefix := randomIDs(r, 200)
	query := func() inference.Query {
		return inference.Query{Prompt: append(slices.Clone(prefix), randomIDs(r, 3)...), Prefix: 200, Labels: []int32{1}}
	}
	first := query()
	_, err := m.Judge(t.Context(), first)
	require.NoError(t, err)
	require.Zero(t, c.copies)

	c.set(func() { c.hold, c.entered = make(chan struct{}), make(chan struct{}, 8) })
	var both sync.WaitGroup
	for range 2 {
		both.Add(1)
		go func() {
			defer both.Done()
			q := inference.Query{Prompt: append(slices.Clone(prefix), 1, 2), Prefix: 200, Labels: []int32{1}}
			a, err := m.Judge(context.Background(), q)
			if err != nil {
				t.Error(err)
				return
			}
			requireAnswer(t, expected(q), a)
		}()
	}
	<-c.entered
	close(c.hold)
	both.Wait()
	require.LessOrEqual(t, c.copies, 1)
	q := query()
	a, err := m.Judge(t.Context(), q)
	require.NoError(t, err)
	requireAnswer(t, expected(q), a)
}

// What was primed is never computed again, whichever slots the queries of the other kind have overwritten.
func TestPrimedPrefixesStayOnTheShelf(t *testing.T) {
	c := newScripted(t, 2, 600, 64)
	c.i.shelves, c.cells = 2, make([][]int32, 4)
	m := modelOn(t, 1, c)
	r := rand.New(rand.NewPCG(8, 8))
	prefixes := [][]int32{randomIDs(r, 200), randomIDs(r, 180)}
	require.NoError(t, m.Prime(t.Context(), prefixes))
	require.Equal(t, prefixes, c.cells[2:], "the shelf holds both")
	for i := range 40 {
		prefix := prefixes[i/10%2] // ten of a kind fill every slot with it
		var all sync.WaitGroup
		for range 2 {
			q := inference.Query{Prompt: append(slices.Clone(prefix), randomIDs(r, 10)...), Prefix: len(prefix), Labels: []int32{1}}
			all.Go(func() {
				a, err := m.Judge(context.Background(), q)
				if err != nil || a.Evaluated != 10 {
					t.Error(err, "or the prefix was computed again:", a.Evaluated)
				}
				want := expected(q)
				if !slices.Equal(want.Probs, a.Probs) {
					t.Error("another answer")
				}
			})
		}
		all.Wait()
	}
	require.Equal(t, prefixes, c.cells[2:])
	require.NoError(t, m.Prime(t.Context(), [][]int32{randomIDs(r, 300)}), "longer than a place on the shelf")
	require.Empty(t, c.cells[2], "it stands in the slots alone")
}

func TestWholePromptIsPrefix(t *testing.T) {
	m := modelOn(t, 1, newScripted(t, 1, 100, 64))
	q := inference.Query{Prompt: []int32{1, 2, 3}, Prefix: 3, Labels: []int32{1, 2}}
	for range 3 {
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		requireAnswer(t, expected(q), a)
	}
}

func TestPrimeFailureLeavesSlotsUsable(t *testing.T) {
	c := newScripted(t, 2, 400, 64)
	m := modelOn(t, 1, c)
	c.set(func() { c.fail = func(*pass) error { return errFailed } })
	prefix := []int32{4, 5, 6}
	require.ErrorIs(t, m.Prime(t.Context(), [][]int32{prefix}), errFailed)
	c.set(func() { c.fail = nil })
	q := inference.Query{Prompt: []int32{4, 5, 6, 7}, Prefix: 3, Labels: []int32{1}}
	a, err := m.Judge(t.Context(), q)
	require.NoError(t, err)
	requireAnswer(t, expected(q), a)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, errors.Is(m.Prime(ctx, [][]int32{prefix}), context.Canceled))
}
