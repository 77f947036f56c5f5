package llamacpp

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// TestEveryPromptsTurnComes: beside texts of 32 windows that always go on, a prompt that one pass can hold is answered within
// two passes for each slot of the lane; and a window takes at most four times as many passes as alone.
func TestEveryPromptsTurnComes(t *testing.T) {
	for _, slots := range []int{2, 3, 6} {
		r := rand.New(rand.NewPCG(31, uint64(slots)))
		const window, batch, windows = 4096, 256, 32
		c := newScripted(t, slots, window+batch, batch)
		l := &lane{core: c, crew: newCrew(1, 1, large, time.Now), temperature: 1, now: time.Now, closing: make(chan struct{})}
		for id := range c.i.slots {
			l.slots = append(l.slots, &slot{id: id, row: -1})
		}
		type query struct {
			*job
			at int
		}
		var short []query
		admit := func(n, at int) query {
			j := &job{ctx: t.Context(), q: inference.Query{Prompt: make([]int32, n), Labels: []int32{1}}, done: make(chan result, 1)}
			l.admit(j)
			return query{j, at}
		}
		long, done, longest, worst, answered := admit(window, 0), 0, 0, 0, 0
		at := 0
		for ; done < windows; at++ {
			if len(long.done) == 1 {
				longest = max(longest, at-long.at)
				if done++; done == windows {
					break
				}
				long = admit(window, at)
			}
			for l.active < len(l.slots) {
				short = append(short, admit(1+r.IntN([]int{batch, batch, 20}[r.IntN(3)]), at))
			}
			l.step()
			short = slices.DeleteFunc(short, func(q query) bool {
				if len(q.done) == 0 {
					return false
				}
				worst = max(worst, at+1-q.at)
				answered++
				return true
			})
		}
		require.LessOrEqual(t, worst, 2*slots, "%d slots", slots)
		require.LessOrEqual(t, longest, 4*window/batch, "%d slots", slots)
		require.Greater(t, answered, windows*window/batch)
		t.Logf("%d slots: the worst of %d short prompts took %d passes, the worst window %d; alone %d", slots, answered, worst, longest, window/batch)
	}
}
