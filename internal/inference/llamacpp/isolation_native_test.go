//go:build !nollama

package llamacpp

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// flaky is a real context some of whose passes fail: before anything of them was computed, or after all of it was.
type flaky struct {
	*nativeLane
	r      *rand.Rand // the lane's goroutine alone asks it
	often  atomic.Int64
	failed atomic.Int64
}

func (f *flaky) decode(p *pass, threads int) error {
	often := f.often.Load()
	if often == 0 {
		return f.nativeLane.decode(p, threads)
	}
	n := f.r.Int64N(often)
	if n != 0 {
		if err := f.nativeLane.decode(p, threads); err != nil {
			return err
		}
	}
	if n > 1 {
		return nil
	}
	f.failed.Add(1)
	return errFailed
}

// poolOfQueries answers queries whose cells differ in every way: short ones, some that fill a slot to its last id, with prefixes
// that the shelf holds, one that is too long for it, and none.
func poolOfQueries(r *rand.Rand, count, tokens int) (queries []inference.Query, prefixes [][]int32) {
	text := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = nanoTextFrom + r.Int32N(nanoTextTo()-nanoTextFrom)
		}
		return ids
	}
	prefixes = [][]int32{text(30), text(170), text(shelfIDs + 20), nil}
	for i := range count {
		prefix := prefixes[i%len(prefixes)]
		n := len(prefix) + 1 + r.IntN(50)
		if i%8 < 2 {
			n = tokens - r.IntN(3) - 6 // label, forced id and four greedy ones
		}
		q := inference.Query{Prefix: len(prefix), Labels: nanoLabels(), Tails: [][]int32{{198}, nil, {}}, MaxTail: 4}
		q.Prompt = append(append(q.Prompt, prefix...), text(n-len(prefix))...)
		queries = append(queries, q)
	}
	return queries, prefixes
}

// flat answers the shares of the labels at a temperature at which a model that is sure of its verdict still shows what moved it.
func flat(a inference.Answer) []float64 {
	shares, sum := make([]float64, len(a.Logits)), 0.0
	for i, l := range a.Logits {
		shares[i] = math.Exp(float64(l-a.Logits[a.Best]) / 4)
		sum += shares[i]
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

func apart(a, b []float64) (most float64) {
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

// All slots of a context share one pool of cells. Whoever else comes, leaves in the middle of a pass or fails there, and
// however full and scattered the pool is: nobody's answer knows of another's text, and the pool is never too small.
func TestNobodySeesAnothersCells(t *testing.T) {
	w, err := loadWeights(t.Context(), nano(t), false, nil)
	require.NoError(t, err)
	defer w.free()
	for _, c := range []struct {
		name    string
		flash   bool
		q8      bool
		queries int
		each    int
	}{{"usual", true, false, 48, 30}, {"without flash attention", false, false, 24, 8}, {"cache in q8_0", true, true, 24, 8}} {
		t.Run(c.name, func(t *testing.T) {
			s := &pooled{limits: laneLimits{slots: 4, slotTokens: 384, batch: chunk, threads: 1, share: 1, poll: poll, flash: c.flash, cacheQ8: c.q8}}
			var prefixes [][]int32
			s.queries, prefixes = poolOfQueries(rand.New(rand.NewPCG(33, 34)), c.queries, s.limits.slotTokens)
			s.alone(t, w)
			m := s.start(t, w, s.limits)
			require.NoError(t, m.Prime(t.Context(), prefixes))

			s.lane.often.Store(25)
			s.together(c.each, func(r *rand.Rand) { s.ask(t, m, r, r.IntN(c.queries)) })
			require.Positive(t, s.judged.Load())
			require.Positive(t, s.left.Load())
			require.Positive(t, s.failed.Load())

			// Nothing of all that is left: full slots beside full slots and the shortest.
			s.lane.often.Store(0)
			s.together(3, func(r *rand.Rand) {
				i := r.IntN(c.queries/8)*8 + r.IntN(3)
				if a, err := m.Judge(context.Background(), s.queries[i]); err != nil {
					t.Errorf("query %d in a full pool: %v", i, errors.Unwrap(err))
				} else if apart(flat(a), s.want[i]) > companyTolerance {
					t.Errorf("query %d in a full pool: %v, %v alone", i, a.Probs, s.want[i])
				}
			})
			for i, q := range s.queries {
				a, err := m.Judge(t.Context(), q)
				require.NoError(t, err)
				require.LessOrEqual(t, apart(flat(a), s.want[i]), companyTolerance)
			}
			t.Logf("%d judged, %d left, %d failed with %d passes", s.judged.Load(), s.left.Load(), s.failed.Load(), s.lane.failed.Load())
		})
	}
}

// pooled are callers of one flaky context, and what each query gets alone.
type pooled struct {
	limits  laneLimits
	lane    *flaky
	queries []inference.Query
	want    [][]float64

	judged, left, failed atomic.Int64
}

func (s *pooled) start(t *testing.T, w *weights, l laneLimits) *model {
	t.Helper()
	n, err := openLane(w, l)
	require.NoError(t, err)
	s.lane = &flaky{nativeLane: n, r: rand.New(rand.NewPCG(31, 32))}
	p := plan{lanes: 1, threads: 1, slotTokens: l.slotTokens, temperature: 1, weightBytes: w.bytes}
	m := newModel(p, []core{s.lane}, time.Now, func() {})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// alone fills in what each query gets from a context of one slot, and requires that another's text before one's own would
// change a third of the answers by more than the tolerance, whatever weights lie there: each is asked for many times.
func (s *pooled) alone(t *testing.T, w *weights) {
	t.Helper()
	one := s.limits
	one.slots, one.slotTokens = 1, 1024
	m := s.start(t, w, one)
	seen := 0
	for i, q := range s.queries {
		q.Prefix = 0
		a, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		s.want = append(s.want, flat(a))
		q.Prompt = slices.Concat(s.queries[(i+1)%len(s.queries)].Prompt, q.Prompt)
		other, err := m.Judge(t.Context(), q)
		require.NoError(t, err)
		if apart(flat(other), flat(a)) > companyTolerance {
			seen++
		}
	}
	require.Greater(t, seen, len(s.queries)/3, "another's text would not be noticed")
}

func (s *pooled) together(each int, ask func(*rand.Rand)) {
	var all sync.WaitGroup
	for c := range 12 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(35, uint64(c)))
			for range each {
				ask(r)
			}
		})
	}
	all.Wait()
}

// ask asks one query, which one time in five leaves: before its turn, in the middle of a pass, or never.
func (s *pooled) ask(t *testing.T, m *model, r *rand.Rand, i int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if r.IntN(5) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.Int64N(int64(20*time.Millisecond))))
		defer cancel()
	}
	a, err := m.Judge(ctx, s.queries[i])
	switch {
	case err == nil:
		s.judged.Add(1)
		if apart(flat(a), s.want[i]) > companyTolerance {
			t.Errorf("query %d of %d ids: %v in company, %v alone", i, len(s.queries[i].Prompt), a.Probs, s.want[i])
		}
	case errors.Is(err, errFailed):
		s.failed.Add(1)
	case fault.CodeOf(err) == fault.Timeout:
		s.left.Add(1)
	default:
		t.Errorf("query %d: %v: %v", i, err, errors.Unwrap(err))
	}
}
