package llamacpp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// A lane whose attention passes over all cells is cleared after a row that was no number, and then only.
func TestCellsAreClearedWhereTheySpoilOthers(t *testing.T) {
	for _, k := range []struct {
		name       string
		passesOver bool
		err        error
		wipes      int
	}{
		{"leaves others out", false, errNotFinite, 0},
		{"passes over others", true, errNotFinite, 1},
		{"another reason", true, errFailed, 0},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := newScripted(t, 2, 64, 32)
			c.i.passesOver = k.passesOver
			m := modelOn(t, 1, c)
			require.NoError(t, m.Prime(t.Context(), [][]int32{{1, 2}}))
			q := inference.Query{Prompt: []int32{1, 2, 3}, Prefix: 2, Labels: []int32{4, 5}}
			c.set(func() { c.bad = func([]int32) error { return k.err } })
			_, err := m.Judge(t.Context(), q)
			require.ErrorIs(t, err, k.err)
			c.set(func() { c.bad = nil })
			a, err := m.Judge(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, 1, a.Evaluated, "the prefix stays, or is computed again before the query")
			require.NoError(t, m.Close())
			require.Equal(t, k.wipes, c.wipes)
		})
	}
}
