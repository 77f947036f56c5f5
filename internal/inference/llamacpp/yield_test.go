package llamacpp

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

func TestATextGivesItsSlotBackWhenAsked(t *testing.T) {
	m := modelOn(t, 1, newScripted(t, 1, 400, 64))
	g := inference.Generation{Prompt: []int32{5, 6}, Max: 100, Owner: "usr_a", Sampling: inference.Sampling{Temperature: 1, Presence: 1, Seed: 3}}
	want, _ := expectedText(g)
	var ids []int32
	for turns := 1; ; turns++ {
		g.Yield = func() bool { return true }
		out, err := m.Generate(t.Context(), g)
		require.NoError(t, err)
		ids = append(ids, out.IDs...)
		if out.Reason != inference.Yielded {
			require.Equal(t, inference.Length, out.Reason)
			require.Equal(t, (100+inference.TurnIDs-1)/inference.TurnIDs, turns)
			break
		}
		require.Len(t, out.IDs, inference.TurnIDs)
		require.Equal(t, max(0, len(g.Prompt)-1)*min(1, turns-1), out.Cached, "a turn goes on where the last one was")
		g.Prompt, g.Written, g.Max = slices.Concat(g.Prompt, out.IDs), g.Written+len(out.IDs), g.Max-len(out.IDs)
	}
	require.Equal(t, idsOf(want), ids, "one text, in as many turns as it takes")
}

// A model has more places than slots: who has a place and no slot is not waiting in line, and a text gives way to him all the same. An id
// takes a millisecond of a clock that stands still while anything computes, so that a busy machine changes nothing.
func TestATextGivesWayToWhoeverHasAPlace(t *testing.T) {
	for _, lanes := range []int{1, 2} {
		t.Run(counted(lanes, "lane"), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { givesWay(t, lanes) }) })
	}
}

func givesWay(t *testing.T, lanes int) {
	const ids, each = 3000, time.Millisecond
	var cores []*scripted
	for range lanes {
		cores = append(cores, newScripted(t, 1, ids+100, 64))
	}
	m := modelOn(t, 1, cores...)
	var all sync.WaitGroup
	// Told at the end: a test that has failed must not hear of its own goroutines.
	written, errs := make([]int, lanes), make([]error, lanes)
	for n := range lanes {
		all.Go(func() {
			ended := inference.Generated{Reason: inference.Yielded}
			g := inference.Generation{Prompt: []int32{int32(n + 1)}, Max: ids, Owner: fmt.Sprint("usr_", n), Yield: func() bool { return false }}
			g.Sink = func(inference.Token) bool { <-time.After(each); return true }
			for ended.Reason == inference.Yielded && errs[n] == nil {
				ended, errs[n] = m.Generate(context.Background(), g)
				g.Prompt, g.Written, g.Max = slices.Concat(g.Prompt, ended.IDs), g.Written+len(ended.IDs), g.Max-len(ended.IDs)
			}
			written[n] = g.Written
		})
	}
	for i := range 25 {
		<-time.After(time.Duration(3*i)*each + each/2)
		q := inference.Query{Prompt: []int32{9, 8, 7}, Labels: []int32{1}}
		asked := time.Now()
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		requireAnswer(t, expected(q), a)
		require.Less(t, time.Since(asked), inference.TurnIDs*each, "the verdict waited for the end of a text, and not of its turn")
	}
	all.Wait()
	for n := range lanes {
		require.NoError(t, errs[n])
		require.Equal(t, ids, written[n], "a text is not whole")
	}
}

// Who goes on with a text on an idle lane comes behind the one whom it gave way to.
func TestATextComesBehindWhomItGaveWayTo(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c := newScripted(t, 1, 400, 64)
			var first []int32
			c.fail = func(p *pass) error { first = append(first, p.ids[0]); return nil }
			jobs, closing := make(chan *job), make(chan struct{})
			l := &lane{
				core: c, crew: newCrew(1, 1, large, time.Now), temperature: 1, now: time.Now, jobs: jobs, own: make(chan *job),
				primes: make(chan *primeJob), closing: closing, ended: make(chan struct{}), slots: []*slot{{row: -1}},
			}
			ask := func(to chan<- *job, id int32) *job {
				j := &job{ctx: t.Context(), q: inference.Query{Prompt: []int32{id}, Labels: []int32{1}}, done: make(chan result, 1)}
				go func() { to <- j }()
				synctest.Wait()
				return j
			}
			goesOn, waited := ask(l.own, 2), ask(jobs, 1)
			go l.run()
			require.NoError(t, (<-waited.done).err)
			require.NoError(t, (<-goesOn.done).err)
			close(closing)
			<-l.ended
			require.Equal(t, []int32{1, 2}, first)
		})
	}
}
