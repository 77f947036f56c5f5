package llamacpp

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

func randomIDs(r *rand.Rand, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(scriptedVocab))
	}
	return ids
}

// randomQuery has one of the given prefixes, or none, and lengths that make chunks, batches and slots
// overflow in all ways that fit.
func randomQuery(r *rand.Rand, prefixes [][]int32, tokens int) inference.Query {
	q := inference.Query{Labels: []int32{3, 5, 7}, Stop: []int32{1, 2, 4, 8, 16}, MaxTail: r.IntN(6)}
	if i := r.IntN(len(prefixes) + 1); i < len(prefixes) {
		q.Prompt, q.Prefix = slices.Clone(prefixes[i]), len(prefixes[i])
	}
	for range 3 {
		switch r.IntN(3) {
		case 0:
			q.Tails = append(q.Tails, nil)
		case 1:
			q.Tails = append(q.Tails, []int32{})
		case 2:
			q.Tails = append(q.Tails, randomIDs(r, 1+r.IntN(4)))
		}
	}
	room := tokens - len(q.Prompt) - 12
	length := 1 + r.IntN(40)
	if r.IntN(5) == 0 {
		length = 1 + r.IntN(room)
	}
	q.Prompt = append(q.Prompt, randomIDs(r, min(length, room))...)
	switch r.IntN(4) {
	case 0:
		q.Draft = guesser(r.Uint64())
	case 1:
		q.Draft = oracle(q, 0)
	case 2:
		q.Labels, q.Tails, q.Free, q.MaxTail = nil, nil, true, q.MaxTail+1
	}
	return q
}

func TestAnswersDoNotDependOnCompany(t *testing.T) {
	const goroutines, each, tokens = 16, 60, 900
	cores := []*scripted{newScripted(t, 4, tokens, 300), newScripted(t, 3, tokens, 64)}
	m := modelOn(t, 2, cores...)
	r := rand.New(rand.NewPCG(1, 2))
	prefixes := [][]int32{randomIDs(r, 50), randomIDs(r, 7), randomIDs(r, 350)}
	require.NoError(t, m.Prime(t.Context(), prefixes[:2]))
	var all sync.WaitGroup
	for g := range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			r := rand.New(rand.NewPCG(3, uint64(g)))
			for range each {
				q := randomQuery(r, prefixes, tokens)
				a, err := m.Judge(context.Background(), q)
				if err != nil {
					t.Error(err)
					return
				}
				requireAnswer(t, expected(q), a)
			}
		}()
	}
	all.Wait()
	for _, c := range cores {
		require.LessOrEqual(t, c.widest, c.i.batch)
		require.Positive(t, c.passes)
	}
}

func TestCanceledQueryEndsItsPass(t *testing.T) {
	c := newScripted(t, 2, 4000, 256)
	m := modelOn(t, 1, c)
	c.set(func() { c.hold, c.entered = make(chan struct{}), make(chan struct{}, 100) })
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := m.Judge(ctx, inference.Query{Prompt: make([]int32, 3000), Labels: []int32{1}})
		failed <- err
	}()
	<-c.entered // the first of twelve passes, which nothing but the abort ends
	cancel()
	require.Equal(t, fault.Canceled, fault.CodeOf(<-failed))
	c.set(func() { c.hold = nil })
	q := inference.Query{Prompt: []int32{9, 8, 7}, Labels: []int32{1}}
	a, err := m.Judge(t.Context(), q)
	require.NoError(t, err)
	requireAnswer(t, expected(q), a)
}

func TestCanceledQueryLeavesOthersAlone(t *testing.T) {
	c := newScripted(t, 2, 4000, 256)
	m := modelOn(t, 1, c)
	release := make(chan struct{})
	c.set(func() { c.hold, c.entered = release, make(chan struct{}, 100) })
	ctx, cancel := context.WithCancel(t.Context())
	left, stayed := make(chan error, 1), make(chan error, 1)
	long := inference.Query{Prompt: make([]int32, 2000), Labels: []int32{1}}
	go func() { _, err := m.Judge(ctx, long); left <- err }()
	go func() {
		a, err := m.Judge(context.Background(), long)
		if err == nil {
			requireAnswer(t, expected(long), a)
		}
		stayed <- err
	}()
	<-c.entered
	cancel()
	close(release)
	require.Equal(t, fault.Canceled, fault.CodeOf(<-left))
	require.NoError(t, <-stayed)
}

func TestDeadlineIsTimeout(t *testing.T) {
	c := newScripted(t, 1, 400, 64)
	m := modelOn(t, 1, c)
	c.set(func() { c.hold = make(chan struct{}) })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err := m.Judge(ctx, inference.Query{Prompt: make([]int32, 300), Labels: []int32{1}})
	require.Equal(t, fault.Timeout, fault.CodeOf(err))
}

func TestFailedPassEmptiesItsSlots(t *testing.T) {
	for name, cause := range map[string]error{"full": errFull, "failed": errFailed, "threw": errException} {
		t.Run(name, func(t *testing.T) {
			c := newScripted(t, 1, 600, 64)
			m := modelOn(t, 1, c)
			prefix := randomIDs(rand.New(rand.NewPCG(9, 9)), 100)
			require.NoError(t, m.Prime(t.Context(), [][]int32{prefix}))
			q := inference.Query{Prompt: append(slices.Clone(prefix), 1, 2, 3), Prefix: 100, Labels: []int32{1}}
			c.set(func() { c.fail = func(*pass) error { return cause } })
			_, err := m.Judge(t.Context(), q)
			require.ErrorIs(t, err, cause)
			require.Equal(t, fault.Internal, fault.CodeOf(err))
			require.Equal(t, "the model failed", fault.From(err).Message)
			c.set(func() { c.fail = nil })
			a, err := m.Judge(t.Context(), q)
			require.NoError(t, err)
			requireAnswer(t, expected(q), a)
			require.Equal(t, 2, a.Passes, "the prefix was dropped with the slot")
		})
	}
}

func TestNotFiniteIsAnError(t *testing.T) {
	c := newScripted(t, 1, 100, 64)
	m := modelOn(t, 1, c)
	q := inference.Query{Prompt: []int32{1, 2}, Labels: []int32{1}, Tails: [][]int32{{4}}, MaxTail: 3}
	for _, inTail := range []bool{false, true} {
		c.set(func() {
			c.bad = func(labels []int32) error {
				if (len(labels) == 0) == inTail {
					return errNotFinite
				}
				return nil
			}
		})
		_, err := m.Judge(t.Context(), q)
		require.ErrorIs(t, err, errNotFinite)
	}
	c.set(func() { c.bad = nil })
	a, err := m.Judge(t.Context(), q)
	require.NoError(t, err)
	requireAnswer(t, expected(q), a)
}

func TestCloseEndsRunningAndWaiting(t *testing.T) {
	c := newScripted(t, 1, 4000, 64)
	m := modelOn(t, 1, c)
	c.set(func() { c.hold, c.entered = make(chan struct{}), make(chan struct{}, 100) })
	const n = 5
	errs := make(chan error, n)
	for range n {
		go func() {
			_, err := m.Judge(context.Background(), inference.Query{Prompt: make([]int32, 1000), Labels: []int32{1}})
			errs <- err
		}()
	}
	<-c.entered
	require.NoError(t, m.Close())
	for range n {
		require.Equal(t, fault.Canceled, fault.CodeOf(<-errs))
	}
	require.Equal(t, fault.Canceled, fault.CodeOf(m.Prime(t.Context(), [][]int32{{1}})))
	_, err := m.Judge(t.Context(), inference.Query{Prompt: []int32{1}, Labels: []int32{1}})
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
}

// A short prompt that comes while a long one is under way is answered by the next pass, and the long one
// goes on beside it.
func TestShortPromptOvertakesLong(t *testing.T) {
	c := newScripted(t, 3, 20000, 256)
	l := &lane{core: c, crew: newCrew(1, 1, large, time.Now), temperature: 1, now: time.Now, closing: make(chan struct{})}
	for id := range c.i.slots {
		l.slots = append(l.slots, &slot{id: id, row: -1})
	}
	admit := func(n int) *job {
		j := &job{ctx: t.Context(), q: inference.Query{Prompt: make([]int32, n), Labels: []int32{1}}, done: make(chan result, 1)}
		l.admit(j)
		return j
	}
	long := admit(10 * chunk)
	l.step()
	steps := 1
	for range 5 {
		short := admit(3)
		l.step()
		steps++
		require.Len(t, short.done, 1)
	}
	for ; len(long.done) == 0; steps++ {
		l.step()
	}
	require.Equal(t, 11, steps, "fifteen ids went to others: one pass more than alone")
	r := <-long.done
	require.NoError(t, r.err)
	requireAnswer(t, expected(long.q), r.answer)
}

// However many short prompts there are, the oldest gets half of the batch.
func TestBatchIsShared(t *testing.T) {
	c := newScripted(t, 5, 2000, 256)
	l := &lane{core: c}
	for i, pending := range []int{200, 1000, 60, 90, 0} {
		s := &slot{id: i, used: uint64(10 + i), row: -1}
		if pending > 0 {
			s.job = &job{}
			s.pending = make([]int32, pending)
		}
		l.slots = append(l.slots, s)
	}
	l.slots[1].used = 1 // the oldest
	l.build()
	shares := make([]int, len(l.slots))
	for i, s := range l.slots {
		shares[i] = s.share
	}
	require.Equal(t, []int{0, 196, 60, 0, 0}, shares, "what fits in a pass of its own is not cut; the long one takes the rest")
	require.Len(t, l.pass.ids, 256)
	require.Equal(t, 196+60-1, l.slots[2].row, "a prompt whose last id is in the pass waits for its row")
	require.Equal(t, -1, l.slots[3].row)

	l.slots[3].tail, l.slots[3].pending = true, []int32{7}
	l.build()
	require.Len(t, l.pass.ids, 1, "tails go first")
}
