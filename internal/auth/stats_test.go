package auth

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// What is counted as living is what Authenticate lets in.
func TestLivingCountsWhatLetsSomebodyIn(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	living := func() Living {
		l, err := b.Living(ctx)
		require.NoError(t, err)
		return l
	}
	require.Zero(t, living())
	b.finishSetup()
	require.Equal(t, Living{Sessions: 1}, living())
	b.login(adminName, false)
	require.Equal(t, Living{Sessions: 2}, living())

	until := b.clock.Now().Add(10 * time.Minute)
	_, _, err := b.CreateKey(ctx, access.System("root"), NewKey{Label: "a", UserName: adminName, ValidUntil: &until}, nil)
	require.NoError(t, err)
	k, _, err := b.CreateKey(ctx, access.System("root"), NewKey{Label: "b", UserName: adminName}, nil)
	require.NoError(t, err)
	require.Equal(t, Living{Sessions: 2, Keys: 2}, living())
	require.NoError(t, b.RevokeKey(ctx, access.System("root"), k.ID))
	require.EqualValues(t, 1, living().Keys)

	b.clock.Advance(11 * time.Minute)
	require.EqualValues(t, 0, living().Keys, "the other one has expired")
	b.clock.Advance(30 * time.Minute)
	require.EqualValues(t, 1, living().Sessions, "the browser's is idle, the program's is not bound by that")
	b.clock.Advance(24 * time.Hour)
	require.Zero(t, living())
}
