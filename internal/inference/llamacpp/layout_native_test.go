//go:build !nollama

package llamacpp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// A trial on the real engine ends with a layout that works, and within the time that it was given.
func TestMeasuredLayoutJudges(t *testing.T) {
	m := load(t, nano(t), inference.Spec{SlotTokens: 384, Measure: true, Threads: 2})
	d := m.Describe()
	t.Logf("%+v", d)
	require.NotEmpty(t, d.Choice.Why)
	require.Positive(t, d.Choice.Took)
	require.GreaterOrEqual(t, d.Slots, minSlots)
	tok := nanoTokenizer(t, nano(t))
	for text, want := range nanoTexts() {
		a, err := m.Judge(t.Context(), nanoQuery(tok, text))
		require.NoError(t, err)
		require.Equal(t, want, a.Best, text)
	}
}
