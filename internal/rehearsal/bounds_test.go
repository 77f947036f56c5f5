package rehearsal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rehearsal"
)

// again is the service of the house with other bounds.
func (h *house) again(change func(d *rehearsal.Deps)) *rehearsal.Service {
	d := h.Deps
	change(&d)
	return rehearsal.New(d)
}

func TestLooksOverTheLogWaitForTheirTurn(t *testing.T) {
	h := newHouse(t)
	turns := rehearsal.NewTurns(1)
	taken, ended := 0, 0
	s := h.again(func(d *rehearsal.Deps) {
		d.Turn = func(ctx context.Context, account string) (func(), error) {
			require.Equal(t, "usr_cy", account)
			done, err := turns.Take(ctx, account)
			if err != nil {
				return nil, err
			}
			taken++
			return func() { ended++; done() }, nil
		}
	})
	for name, look := range map[string]func(ctx context.Context) error{
		"hits": func(ctx context.Context) error { _, err := s.Hits(ctx, person("cy"), "a", 1); return err },
		"rehearsal": func(ctx context.Context) error {
			_, err := s.Rehearse(ctx, person("cy"), rehearsal.Proposal{Rules: []byte(`[]`)}, 1)
			return err
		},
	} {
		taken, ended = 0, 0
		require.NoError(t, look(t.Context()), name)
		require.Equal(t, []int{1, 1}, []int{taken, ended}, name)
		other, err := turns.Take(t.Context(), "another")
		require.NoError(t, err)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		require.Equal(t, fault.Canceled, fault.CodeOf(look(gone)), name)
		other()
		require.NoError(t, look(t.Context()), "whoever left holds nothing: "+name)
	}
	_, err := s.Hits(t.Context(), person("bo"), "a", 1)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	require.Equal(t, taken, ended)
}

// Who asks for many looks has one place for them, and is refused where many of his wait already.
func TestAnAccountTakesOneTurn(t *testing.T) {
	h := newHouse(t)
	asked := []string{}
	s := h.again(func(d *rehearsal.Deps) {
		d.Turn = func(_ context.Context, account string) (func(), error) {
			asked = append(asked, account)
			return nil, fault.New(fault.Busy, "busy").WithRetry(time.Second)
		}
	})
	_, err := s.Hits(t.Context(), person("cy"), "a", 1)
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	_, err = s.Rehearse(t.Context(), person("cy"), rehearsal.Proposal{Rules: []byte(`[]`)}, 1)
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.Equal(t, []string{"usr_cy", "usr_cy"}, asked)
	explain := func(rules string) error {
		q := rehearsal.Query{Model: "m", Operation: access.Infer, Proposal: rehearsal.Proposal{Given: true, Rules: []byte(written(rules))}}
		_, err := s.Explain(t.Context(), person("cy"), q)
		return err
	}
	require.NoError(t, explain("a allow * m view,infer"))
	require.Len(t, asked, 2, "a few rules are read at once")
	require.Equal(t, fault.Busy, fault.CodeOf(explain(many(2000))))
	require.Equal(t, "short:usr_cy", asked[2], "which waits for no look of his")
}

// What takes too long is answered as far as it came, and says so.
func TestLooksOverTheLogEndInTime(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow * m view,infer")
	h.use(try{who: person("ana"), op: access.Infer, model: "m"})
	h.pass(time.Hour)
	s := h.again(func(d *rehearsal.Deps) { d.Longest = time.Nanosecond })
	hits, err := s.Hits(t.Context(), person("cy"), "a", 1)
	require.NoError(t, err)
	require.True(t, hits.Cut)
	result, err := s.Rehearse(t.Context(), person("cy"), rehearsal.Proposal{Rules: []byte(`[]`)}, 1)
	require.NoError(t, err)
	require.True(t, result.Cut)
	require.False(t, result.To.After(h.clock.Add(-time.Hour)), "until where it came")
	whole, err := h.Hits(t.Context(), person("cy"), "a", 1)
	require.NoError(t, err)
	require.False(t, whole.Cut)
}

// The newest hits are counted first, and the answer is about no longer than it looked.
func TestHitsThatRunOutOfTimeAreTheNewest(t *testing.T) {
	h := newHouse(t)
	h.enforce("a allow * m view,infer")
	for range 6 {
		h.use(try{who: person("ana"), op: access.Infer, model: "m"})
		h.pass(24 * time.Hour)
	}
	newest := h.clock.Add(-24 * time.Hour)
	s := h.again(func(*rehearsal.Deps) {})
	partly := 0
	for asked := range 40 {
		s.RunOut(asked)
		hits, err := s.Hits(t.Context(), person("cy"), "a", 14)
		require.NoError(t, err)
		n := hits.Decided.Allow
		if n == 6 {
			break
		}
		require.True(t, hits.Cut)
		require.Equal(t, *h.clock, hits.To)
		if n == 0 {
			require.Equal(t, []any{hits.To, 0, time.Time{}}, []any{hits.From, len(hits.Days), hits.Last}, "nothing was looked at")
			continue
		}
		partly++
		oldest := newest.Add(-time.Duration(n-1) * 24 * time.Hour)
		require.Equal(t, []time.Time{newest, newest, oldest, oldest}, []time.Time{hits.Last, hits.Samples[0].Use.At, hits.Samples[n-1].Use.At, hits.From})
		require.Len(t, hits.Days, n+1)
		require.Equal(t, rehearsal.HitCount{Of: oldest.Format("2006-01-02"), Hits: 1}, hits.Days[0])
	}
	require.Positive(t, partly)
	whole, err := h.Hits(t.Context(), person("cy"), "a", 14)
	require.NoError(t, err)
	require.Equal(t, 6, whole.Decided.Allow)
	require.Len(t, whole.Days, 15)
	require.Equal(t, newest, whole.Samples[0].Use.At, "newest first")
}

// many are rules that all deny the same, so that each of them is tried to be left out.
func many(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "d%d deny role:reviewer m infer\n", i)
	}
	return out.String()
}

// What would pass is sought in turn, no longer than somebody waits, and without a turn the decision is answered all the same.
func TestWaysAreSoughtInTurn(t *testing.T) {
	h := newHouse(t)
	asking := func(turn func(ctx context.Context, account string) (func(), error), rules int) (rehearsal.Explanation, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := h.again(func(d *rehearsal.Deps) {
			d.Turn = func(in context.Context, account string) (func(), error) {
				if turn == nil {
					cancel()
					return func() {}, nil
				}
				return turn(in, account)
			}
		})
		list := "open allow * m view\non-call allow/report * m infer\n" + many(rules)
		q := rehearsal.Query{Principal: "user:ana", Model: "m", Operation: access.Infer, Proposal: rehearsal.Proposal{Given: true, Rules: []byte(written(list))}}
		return s.Explain(ctx, person("cy"), q)
	}
	busy := func(context.Context, string) (func(), error) { return nil, fault.New(fault.Busy, "busy") }
	e, err := asking(busy, 300)
	require.NoError(t, err)
	require.Equal(t, []any{403, true}, []any{e.Status, e.WaysCut})
	require.Empty(t, e.Ways)
	_, err = asking(nil, 300)
	require.Equal(t, fault.Canceled, fault.CodeOf(err), "whoever left is not sought for any longer")
	e, err = asking(busy, 150)
	require.NoError(t, err, "so few need no turn")
	require.True(t, e.WaysCut, "and are not all tried")
	e, err = asking(busy, 1)
	require.NoError(t, err)
	require.False(t, e.WaysCut)
	ended := 0
	e, err = asking(func(context.Context, string) (func(), error) { return func() { ended++ }, nil }, 300)
	require.NoError(t, err)
	require.True(t, e.WaysCut)
	require.Equal(t, 1, ended)
}
