package limit_test

import (
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/limit"
)

var worlds = flag.Int("worlds", 60, "how many random histories are held against the reference") //nolint:gochecknoglobals // a test flag

// reference is what the package promises, said again in the plainest way: a rate is a vessel of N that runs out evenly, in
// fractions; a quota is a number under a date.
type reference struct {
	last  time.Time
	level map[string]*big.Rat
	rates map[string]limit.Rate
	used  map[string]int64
}

func (r *reference) pass(now time.Time) {
	d := now.Sub(r.last)
	if d > 0 {
		for k, v := range r.level {
			v.Sub(v, big.NewRat(0, 1).Mul(big.NewRat(int64(d), int64(r.rates[k].Per)), big.NewRat(r.rates[k].N, 1)))
			if v.Sign() < 0 {
				v.SetInt64(0)
			}
		}
	}
	if d > 0 || d < -time.Minute {
		r.last = now
	}
}

func name(c limit.Claim, now time.Time) string {
	if c.Quota == nil {
		return fmt.Sprint(c.Scope, c.Policy, "/", c.Of, c.Rate)
	}
	layout := map[limit.Span]string{limit.Day: "2006-01-02", limit.Month: "2006-01"}[c.Quota.Span]
	return fmt.Sprint(c.Scope, "/", c.Of, c.Quota.Unit, now.UTC().Format(layout))
}

// left answers what remains of a claim, whole.
func (r *reference) left(c limit.Claim, now time.Time) int64 {
	k := name(c, now)
	if c.Quota != nil {
		return max(0, c.Quota.Max-r.used[k])
	}
	if r.level[k] == nil {
		r.level[k], r.rates[k] = new(big.Rat), c.Rate
	}
	room := new(big.Rat).Sub(big.NewRat(c.Rate.N, 1), r.level[k])
	return new(big.Int).Quo(room.Num(), room.Denom()).Int64()
}

// charge tries every way to take one claim of each list, in the order of the lists, and answers the first whose claims all
// fit, nil for none.
func (r *reference) charge(now time.Time, n, tokens int64, ask limit.Ask) []int {
	want := func(c limit.Claim) int64 {
		if c.Quota != nil && c.Quota.Unit == limit.Tokens {
			return tokens
		}
		return n
	}
	for _, way := range ways(ask.OneOf) {
		claims := slices.Clone(ask.All)
		for i, j := range way {
			claims = append(claims, ask.OneOf[i][j])
		}
		fits := true
		for _, c := range claims {
			fits = fits && (want(c) <= r.left(c, now) || c.Quota != nil && want(c) == 0)
		}
		if !fits {
			continue
		}
		done := map[string]bool{}
		for _, c := range claims {
			k := name(c, now)
			if done[k] {
				continue
			}
			done[k] = true
			if c.Quota != nil {
				r.used[k] += want(c)
			} else {
				r.level[k].Add(r.level[k], big.NewRat(n, 1))
			}
		}
		return way
	}
	return nil
}

func ways(lists [][]limit.Claim) [][]int {
	if len(lists) == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for i := range lists[0] {
		for _, rest := range ways(lists[1:]) {
			all = append(all, append([]int{i}, rest...))
		}
	}
	return all
}

func randomAsk(rnd *rand.Rand, claims []limit.Claim) (ask limit.Ask) {
	some := func(n int) (out []limit.Claim) {
		for range n {
			out = append(out, claims[rnd.IntN(len(claims))])
		}
		return out
	}
	ask.All = some(rnd.IntN(4))
	for range rnd.IntN(3) {
		ask.OneOf = append(ask.OneOf, some(1+rnd.IntN(3)))
	}
	return ask
}

func TestRandomTrafficAgreesWithTheReference(t *testing.T) {
	const steps = 200
	starts := []string{"2026-11-22T12:00:00Z", "2026-12-31T23:58:00Z", "2028-02-28T23:59:00Z", "2028-02-29T23:59:59Z", "2027-02-28T23:00:00Z", "2026-11-30T23:59:59.9Z"}
	let := [2]int{}
	for seed := range *worlds {
		rnd := rand.New(rand.NewPCG(uint64(seed), 1))
		now, err := time.Parse(time.RFC3339Nano, starts[rnd.IntN(len(starts))])
		require.NoError(t, err)
		l := limit.New(now, limit.Options{})
		ref := &reference{now, map[string]*big.Rat{}, map[string]limit.Rate{}, map[string]int64{}}
		claims, furthest := randomClaims(rnd), now
		for step := range steps {
			now = now.Add(randomStep(rnd))
			ref.pass(now)
			ask := randomAsk(rnd, claims)
			n, tokens := 1+int64(rnd.IntN(3)), int64(rnd.IntN(20))
			want := ref.charge(now, n, tokens, ask)
			o, held := l.Reserve(now, n, limit.Cost{Tokens: tokens}, ask)
			about := fmt.Sprintf("seed %d step %d at %v: %d of %v", seed, step, now, n, ask)
			require.Equal(t, want != nil, o.Allowed, about)
			if o.Allowed {
				require.Equal(t, want, append([]int{}, o.Chosen...), about)
				held.Settle(now, limit.Cost{Tokens: tokens})
				let[1]++
			} else {
				let[0]++
			}
			for _, s := range o.Claims {
				require.Equal(t, ref.left(s.Claim, now), s.Remaining, about)
			}
			if furthest = later(furthest, now); furthest.UTC().YearDay() == now.UTC().YearDay() {
				// Else the clock was set back over midnight, and tomorrow's quota may be spent already.
				retryIsExact(t, l, now, n, tokens, ask, o, about)
			}
		}
	}
	require.Greater(t, min(let[0], let[1]), *worlds*10, "both answers come often")
}

// retryIsExact looks at a copy of the limiter in the future that the refusal names, and a moment before.
func retryIsExact(t *testing.T, l *limit.Limiter, now time.Time, n, tokens int64, ask limit.Ask, o limit.Outcome, about string) {
	t.Helper()
	if o.Allowed || o.Never {
		return
	}
	require.Positive(t, o.Retry, about)
	cost := limit.Cost{Tokens: tokens}
	early, _ := l.Copy().Reserve(now.Add(o.Retry-1), n, cost, ask)
	require.False(t, early.Allowed, about)
	due, _ := l.Copy().Reserve(now.Add(o.Retry), n, cost, ask)
	require.True(t, due.Allowed, about)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func randomClaims(rnd *rand.Rand) []limit.Claim {
	spans := []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 7 * time.Nanosecond}
	var all []limit.Claim
	for i := range 8 {
		c := limit.Claim{Scope: limit.Scope(rnd.IntN(5)), Policy: string(rune('a' + i%3)), Of: string(rune('A' + i%2))}
		if i < 5 {
			c.Rate = limit.Rate{N: 1 + rnd.Int64N(7), Per: spans[rnd.IntN(len(spans))]}
		} else {
			c.Quota = &limit.Quota{Unit: limit.Unit(rnd.IntN(2)), Span: limit.Span(rnd.IntN(2)), Max: rnd.Int64N(60)}
		}
		all = append(all, c)
	}
	return all
}

func randomStep(rnd *rand.Rand) time.Duration {
	switch rnd.IntN(20) {
	case 0:
		return -time.Duration(rnd.Int64N(int64(time.Minute)))
	case 1:
		return -time.Minute - 1 - time.Duration(rnd.Int64N(int64(2*time.Hour)))
	case 2:
		return time.Duration(rnd.Int64N(int64(36 * time.Hour)))
	case 3, 4, 5:
		return 0
	case 6:
		return time.Duration(rnd.Int64N(10))
	}
	return time.Duration(rnd.Int64N(int64(20 * time.Second)))
}
