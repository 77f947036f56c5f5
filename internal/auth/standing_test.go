package auth

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
)

func TestStandingNamesWhatSomebodyShouldLookAt(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	const day = 24 * time.Hour
	standing := func() Standing {
		s, err := b.Standing(ctx, 30*day, 14*day)
		require.NoError(t, err)
		return s
	}
	require.Equal(t, Standing{}, standing(), "an empty database needs nobody")
	b.finishSetup()
	require.Equal(t, Standing{Admins: 1, Admin: adminName}, standing())

	start := b.clock.Now()
	until := start.Add(40 * day)
	old, _, err := b.CreateKey(ctx, access.System("root"), NewKey{Label: "old", UserName: adminName}, nil)
	require.NoError(t, err)
	ends, _, err := b.CreateKey(ctx, access.System("root"), NewKey{Label: "ends", UserName: adminName, ValidUntil: &until}, nil)
	require.NoError(t, err)
	require.Equal(t, Standing{Admins: 1, Admin: adminName}, standing(), "both are young")

	b.clock.Advance(29 * day)
	require.Equal(t, KeyGroup{Count: 1, ID: ends.ID, Label: "ends", At: until}, standing().Ending)
	require.Zero(t, standing().Unused)
	b.clock.Advance(2 * day)
	require.EqualValues(t, 2, standing().Unused.Count)
	require.Equal(t, start, standing().Unused.At)
	b.clock.Advance(10 * day)
	require.Zero(t, standing().Ending, "what has ended needs nobody")
	require.Equal(t, KeyGroup{Count: 1, ID: old.ID, Label: "old", At: start}, standing().Unused)
	require.NoError(t, b.RevokeKey(ctx, access.System("root"), old.ID))
	require.Zero(t, standing().Unused)
	known, err := b.KeyNames(ctx, old.ID)
	require.NoError(t, err)
	require.Equal(t, KeyNames{Prefix: old.Prefix, Label: "old", Owner: adminName}, known, "a revoked key keeps its names")
	known, err = b.KeyNames(ctx, "key_nobodys")
	require.NoError(t, err)
	require.Zero(t, known)
}

func TestStandingNamesKeysThatARestoreSwitchedOff(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	b.finishSetup()
	k, _, err := b.CreateKey(ctx, access.System("root"), NewKey{Label: "ward", UserName: adminName}, nil)
	require.NoError(t, err)
	require.NoError(t, b.store.db.Write(func(tx *db.Tx) error { return EndAll(tx, tx.Now()) }))
	s, err := b.Standing(ctx, time.Hour, time.Hour)
	require.NoError(t, err)
	require.Equal(t, k.ID, s.Suspended.ID)
	require.EqualValues(t, 1, s.Suspended.Count)
	require.Zero(t, s.Unused, "one that is off is not unused")
}
