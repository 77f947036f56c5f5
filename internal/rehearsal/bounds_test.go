package rehearsal_test

import (
	"context"
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
		d.Turn = func(ctx context.Context) (func(), error) {
			done, err := turns.Take(ctx)
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
		other, err := turns.Take(t.Context())
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
