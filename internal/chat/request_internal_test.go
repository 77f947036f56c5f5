package chat

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSeed: who names none gets another text each time, who names one gets that.
func TestSeed(t *testing.T) {
	r := Request{}
	require.NotEqual(t, r.sampling(1).Seed, r.sampling(1).Seed)
	r.Seed = new(int64(-1))
	require.Equal(t, []uint64{1<<64 - 1, 1<<64 - 1}, []uint64{r.sampling(1).Seed, r.sampling(1).Seed})
}

// TestTopPOfNothing: as small a part as there is holds the likeliest token alone, and never all.
func TestTopPOfNothing(t *testing.T) {
	require.Equal(t, 1, (&Request{TopP: new(0.0), TopK: 40}).sampling(1).TopK)
	require.Equal(t, 40, (&Request{TopP: new(0.5), TopK: 40}).sampling(1).TopK)
	require.Zero(t, (&Request{}).sampling(1).TopK)
}
