package auth

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

func TestKeysThatEndSoonAreNoticedOnce(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	until := func(d time.Duration) *time.Time { at := b.clock.Now().Add(d); return &at }
	long, _ := b.key(rita, NewKey{ValidUntil: until(20 * 24 * time.Hour)})
	b.key(rita, NewKey{ValidUntil: until(KeyEnding)})                                      // made for no longer than that
	b.key(rita, NewKey{})                                                                  // for ever
	b.key(rita, NewKey{ValidUntil: until(90 * 24 * time.Hour)})                            // ends late
	gone, _ := b.key(rita, NewKey{ValidUntil: until(20 * 24 * time.Hour)})                 // revoked
	turned, _ := b.key(rita, NewKey{ValidUntil: until(20 * 24 * time.Hour), Label: "old"}) // rotated
	require.NoError(t, b.RevokeKey(context.Background(), rita, gone.ID))
	_, _, err := b.RotateKey(context.Background(), rita, turned.ID, KeyRotation{ValidUntil: until(90 * 24 * time.Hour)}, nil)
	require.NoError(t, err)

	notices := func() (n int, rows []row) {
		rows = b.rowsOf(func() {
			var err error
			n, err = b.NoticeEnding(context.Background())
			require.NoError(t, err)
		})
		return n, rows
	}
	b.clock.Advance(6*24*time.Hour - time.Millisecond)
	n, rows := notices()
	require.Zero(t, n)
	require.Empty(t, rows, "a moment too early")
	b.clock.Advance(time.Millisecond)
	n, rows = notices()
	require.Equal(t, 1, n, "the one key, and not the fresh one, which has its whole life before it")
	require.Equal(t, []row{{"system", "key.manage", "allow", "", "key:" + long.ID}}, rows)
	require.Equal(t, map[string]any{"change": "expiring", "owner": "user:" + rita.UserID, "valid_until": long.ValidUntil.Format(time.RFC3339)}, b.details())
	for range 3 {
		n, rows = notices()
		require.Zero(t, n)
		require.Empty(t, rows, "once")
		b.clock.Advance(time.Hour)
	}
}

// A notice that somebody was faster than has no effect.
func TestANoticeOfAKeyThatIsRevokedMeanwhile(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	until := b.clock.Now().Add(20 * 24 * time.Hour)
	k, _ := b.key(b.as("rita"), NewKey{ValidUntil: &until})
	b.clock.Advance(10 * 24 * time.Hour)
	rows, err := b.store.endingKeys(context.Background(), b.clock.Now(), 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.NoError(t, b.RevokeKey(context.Background(), access.System("root"), k.ID))
	left, err := b.notice(context.Background(), rows[0])
	require.NoError(t, err)
	require.False(t, left)
	require.Zero(t, b.count("SELECT count(*) FROM api_keys WHERE noticed_at IS NOT NULL"))
}

func TestKeysAreFlagged(t *testing.T) {
	day := 24 * time.Hour
	now := newClock().Now()
	at := func(d time.Duration) *time.Time { m := now.Add(d); return &m }
	for name, c := range map[string]struct {
		k                Key
		expiring, unused bool
	}{
		"fresh":                      {Key{CreatedAt: now}, false, false},
		"just not unused":            {Key{CreatedAt: now.Add(-KeyUnused + 1)}, false, false},
		"never used":                 {Key{CreatedAt: now.Add(-KeyUnused)}, false, true},
		"used long ago":              {Key{CreatedAt: now.Add(-90 * day), LastUsedAt: at(-KeyUnused)}, false, true},
		"used lately":                {Key{CreatedAt: now.Add(-90 * day), LastUsedAt: at(-day)}, false, false},
		"ends in a fortnight":        {Key{CreatedAt: now, ValidUntil: at(KeyEnding)}, true, false},
		"ends a moment later":        {Key{CreatedAt: now, ValidUntil: at(KeyEnding + 1)}, false, false},
		"has ended":                  {Key{CreatedAt: now.Add(-90 * day), ValidUntil: at(0)}, false, false},
		"revoked":                    {Key{CreatedAt: now.Add(-90 * day), ValidUntil: at(day), RevokedAt: at(-day)}, false, false},
		"switched off":               {Key{CreatedAt: now.Add(-90 * day), ValidUntil: at(day), SuspendedAt: at(-day)}, false, false},
		"another takes its place":    {Key{CreatedAt: now.Add(-90 * day), ValidUntil: at(day), RotatedTo: "key_x"}, false, false},
		"both unused and ends soon ": {Key{CreatedAt: now.Add(-90 * day), ValidUntil: at(day)}, true, true},
	} {
		k := c.k.flag(now)
		require.Equal(t, c.expiring, k.Expiring, name)
		require.Equal(t, c.unused, k.Unused, name)
	}
}
