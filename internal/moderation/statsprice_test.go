package moderation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The model's time is held as so many tokens took it so far; what was remembered took it none.
func TestComputeIsWhatTokensTookSoFar(t *testing.T) {
	s := newStats()
	require.EqualValues(t, 125, s.compute("m", 1000), "until it is known")
	require.EqualValues(t, 1, s.compute("m", 1))
	s.add("m", []Verdict{
		{Timings: Timings{PromptTokens: 100, ModelMS: 30}},
		{Timings: Timings{PromptTokens: 300, ModelMS: 50}},
		{Timings: Timings{PromptTokens: 9000}, Cached: true},
	})
	require.EqualValues(t, 200, s.compute("m", 1000))
	require.EqualValues(t, 1, s.compute("m", 1))
	require.EqualValues(t, 125, s.compute("other", 1000))
}
