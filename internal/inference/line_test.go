package inference

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestThePlaceInTheLine: what a waiting person is told is what happens if nobody comes or leaves, and each ticket knows
// afterwards how many went before it.
func TestThePlaceInTheLine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q := newQueue(rapid.IntRange(1, 4).Draw(rt, "places"))
		var owners []*owner
		for i := range rapid.IntRange(1, 6).Draw(rt, "owners") {
			o := q.owner(fmt.Sprint(i))
			o.leases, o.weight = 1, rapid.IntRange(0, 17).Draw(rt, "weight")
			owners = append(owners, o)
		}
		cost := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 5000))
		came := map[*ticket]int{}
		grants := 0
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			if q.running > 0 && rapid.IntRange(0, 2).Draw(rt, "ends") == 0 {
				if q.waiting > 0 {
					grants++
				}
				q.give()
				continue
			}
			if tk := q.take(owners[rapid.IntRange(0, len(owners)-1).Draw(rt, "owner")], cost.Draw(rt, "ids"), epoch); tk != nil {
				came[tk] = grants
			}
		}
		told, first := map[*owner]int{}, map[*owner]*ticket{}
		for _, o := range owners {
			told[o] = q.place(o)
			require.Equal(rt, o.tickets.Len() == 0, told[o] == 0)
			if told[o] > 0 {
				first[o] = ticketOf(o.tickets.Front())
			}
		}
		began := grants
		for q.waiting > 0 {
			q.give()
			grants++
			for o, tk := range first {
				if tk.at == nil {
					require.Equal(rt, told[o], grants-began, "the place that was told")
					require.Equal(rt, grants-came[tk], tk.place, "the place that it had")
					delete(first, o)
				}
			}
		}
		require.Empty(rt, first)
	})
}

// TestAFarPlaceIsNotLookedFor: a person is told at most a bound, and asking costs no more than that many steps.
func TestAFarPlaceIsNotLookedFor(t *testing.T) {
	q := newQueue(1)
	hog, mine := q.owner("hog"), q.owner("mine")
	hog.leases, hog.weight, mine.leases = 1, maxWeight, 1
	q.take(hog, 1, epoch)
	for range 60_000 {
		q.take(hog, 1, epoch)
	}
	require.Equal(t, 1, q.place(hog))
	require.NotNil(t, q.take(mine, 1<<20, epoch))
	require.Equal(t, 1+maxWeight*quantum, q.place(mine), "came new: one turn of everybody who came before")
	for mine.tickets.Len() > 0 {
		q.give()
	}
	require.NotNil(t, q.take(mine, 1, epoch), "owes for a million ids")
	require.Equal(t, maxAhead, q.place(mine))
}

// TestWeights: who has weight three gets three times the ids of who has one, whatever they ask.
func TestWeights(t *testing.T) {
	q := newQueue(2)
	weights := map[string]int{"one": 1, "three": 3, "none": 0}
	costs := map[string]int{"one": 57, "three": 400, "none": 20}
	got, of := map[string]int{}, map[*ticket]string{}
	require.Nil(t, q.take(q.owner("first"), 1, epoch))
	require.Nil(t, q.take(q.owner("first"), 1, epoch))
	for id, cost := range costs {
		o := q.owner(id)
		o.weight = weights[id]
		for range 600_000 / cost {
			of[q.take(o, cost, epoch)] = id
		}
	}
	for range 6000 {
		q.running--
		next := q.next()
		q.running++
		got[of[next]] += next.cost
	}
	require.InDelta(t, 3, float64(got["three"])/float64(got["one"]), 0.05, "%v", got)
	require.InDelta(t, 1, float64(got["none"])/float64(got["one"]), 0.05, "%v", got)
}

// BenchmarkPlace is what one look at the line costs while a thousand owners wait.
func BenchmarkPlace(b *testing.B) {
	q := newQueue(6)
	var last *owner
	for i := range 1000 {
		last = q.owner(fmt.Sprint(i))
		last.leases = 1
		for range 10 {
			q.take(last, 57, epoch)
		}
	}
	for b.Loop() {
		q.place(last)
	}
}
