package auth

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// threat K3
func TestIdempotencyKeyIsGoodOnce(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	b.user("olaf", "reviewer")
	rita, olaf := b.as("rita"), b.as("olaf")
	create := func(p access.Principal, i Idempotency) (Key, string, error) {
		return b.CreateKey(context.Background(), p, NewKey{Label: "k"}, &i)
	}
	idem := Idempotency{Key: "once", Route: "POST /api/v1/keys", Body: []byte(`{"label":"k"}`)}
	first, _, err := create(rita, idem)
	require.NoError(t, err)
	r := b.oneRow(func() {
		k, secret, err := create(rita, idem)
		requireCode(t, fault.Conflict, err)
		require.Empty(t, secret)
		require.Zero(t, k)
		require.Contains(t, fault.From(err).Message, first.ID)
		require.NotContains(t, err.Error(), keyPrefix)
	})
	require.Equal(t, row{"user", "key.own", "error", "conflict", ""}, r, "a repeat is no breakdown")

	other := idem
	other.Body = []byte(`{"label":"other"}`)
	_, _, err = create(rita, other)
	requireCode(t, fault.Conflict, err)
	require.NotContains(t, err.Error(), first.ID)

	_, _, err = create(olaf, idem)
	require.NoError(t, err, "another caller's keys are his own")
	other = idem
	other.Route = "POST /api/v1/jobs"
	_, _, err = create(rita, other)
	require.NoError(t, err, "as are another route's")
	for _, bad := range []string{"", strings.Repeat("x", 129), "a\nb", "a\xff"} {
		_, _, err = create(rita, Idempotency{Key: bad})
		requireCode(t, fault.Invalid, err)
	}
	b.clock.Advance(idemLife + time.Second)
	rita = b.as("rita")
	_, _, err = create(rita, idem)
	require.NoError(t, err, "after a day it is a new wish")
}

func TestIdempotencyKeyInParallelMakesOneKey(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, _, errs[i] = b.CreateKey(context.Background(), rita, NewKey{Label: "k"}, &Idempotency{Key: "once", Route: "r"})
		})
	}
	wg.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
			continue
		}
		requireCode(t, fault.Conflict, err)
	}
	require.Equal(t, 1, good)
	require.Equal(t, 1, b.count("SELECT count(*) FROM api_keys"))
}
