package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWeightsAndDeadline(t *testing.T) {
	c, err := load(t, "engine: {weights: 'nurse=2, reviewer=16', deadline: 1500ms}", nil, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"nurse": 2, "reviewer": 16}, c.Weights)
	require.Equal(t, 1500*time.Millisecond, c.Deadline)
	c, err = load(t, "", nil, nil)
	require.NoError(t, err)
	require.Empty(t, c.Weights)
	require.Equal(t, 5*time.Minute, c.Deadline)
	for _, bad := range []string{
		"engine: {weights: nurse}", "engine: {weights: nurse=}", "engine: {weights: nurse=0}", "engine: {weights: nurse=17}", "engine: {weights: '=2'}",
		"engine: {weights: 'nurse=2,nurse=3'}", "engine: {weights: nurse=two}", "engine: {deadline: 0}", "engine: {deadline: 6m}", "engine: {deadline: 99ms}",
	} {
		_, err := load(t, bad, nil, nil)
		require.Error(t, err, bad)
	}
}
