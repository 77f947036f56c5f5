package limit_test

import (
	"math"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func rate(policy, of string, n int64, per time.Duration) limit.Claim {
	return limit.Claim{Scope: limit.ByRule, Policy: policy, Of: of, Rate: limit.Rate{N: n, Per: per}}
}

func one(claims ...limit.Claim) limit.Ask { return limit.Ask{All: claims} }

func look(l *limit.Limiter, claims ...limit.Claim) limit.Outcome {
	return l.Peek(noon(), 1, limit.Cost{}, one(claims...))
}

func TestExactlyNAtOnceThenEvenly(t *testing.T) {
	for _, r := range []limit.Rate{{6, time.Minute}, {7, time.Minute}, {1, time.Second}, {1000, 24 * time.Hour}, {3, 7}, {999_999_937, time.Second}} {
		if r.N > 1000 {
			l := limit.New(noon(), limit.Options{})
			c := rate("r", "rita", r.N, r.Per)
			require.True(t, l.Charge(noon(), r.N, one(c)).Allowed)
			require.False(t, l.Charge(noon(), 1, one(c)).Allowed)
			continue
		}
		l, c := limit.New(noon(), limit.Options{}), rate("r", "rita", r.N, r.Per)
		for range r.N {
			require.True(t, l.Charge(noon(), 1, one(c)).Allowed)
		}
		for i := int64(1); i <= 3*r.N; i++ { // the i-th comes back at i×Per/N, rounded up, and not a nanosecond before
			due := time.Duration((i*int64(r.Per) + r.N - 1) / r.N)
			o := l.Charge(noon().Add(due-1), 1, one(c))
			require.False(t, o.Allowed, "%v: number %d came early", r, i)
			require.Equal(t, time.Duration(1), o.Retry)
			require.Zero(t, o.Claims[0].Remaining, "%v: a part of one is none", r)
			require.True(t, l.Charge(noon().Add(due), 1, one(c)).Allowed, "%v: number %d came late", r, i)
		}
		later := noon().Add(4 * r.Per)
		require.True(t, l.Charge(later, r.N, one(c)).Allowed, "%v: whole again", r)
		require.False(t, l.Charge(later, 1, one(c)).Allowed)
	}
}

func TestAnArrayChargesAllOfItOrNothing(t *testing.T) {
	l, c := limit.New(noon(), limit.Options{}), rate("r", "rita", 6, time.Minute)
	require.EqualValues(t, 2, l.Charge(noon(), 4, one(c)).Claims[0].Remaining)
	o := l.Charge(noon(), 3, one(c))
	require.False(t, o.Allowed)
	require.Equal(t, 10*time.Second, o.Retry)
	require.EqualValues(t, 2, o.Claims[0].Remaining, "a refused charge takes nothing")
	require.True(t, l.Charge(noon(), 2, one(c)).Allowed)

	o = l.Charge(noon().Add(time.Hour), 7, one(c))
	require.True(t, o.Never)
	require.Zero(t, o.Retry)
	require.EqualValues(t, 6, o.Claims[0].Remaining)
	require.Empty(t, o.Headers().RetryAfter)
	require.Equal(t, fault.RateLimited, fault.CodeOf(o.Refusal(noon())))
}

func TestSeveralLimitsAreChargedTogether(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	claims := []limit.Claim{
		rate("r", "rita", 5, time.Minute),
		{Scope: limit.ByKey, Policy: "key", Of: "k1", Rate: limit.Rate{N: 3, Per: time.Minute}},
		{Scope: limit.ByPerson, Policy: "person", Of: "rita", Rate: limit.Rate{N: 9, Per: time.Hour}},
		{Scope: limit.ByAddress, Policy: "address", Of: "10.0.0.1", Rate: limit.Rate{N: 9, Per: time.Hour}},
		{Scope: limit.ByModel, Policy: "model", Of: "guard-nano", Quota: &limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 100}},
	}
	for range 3 {
		require.True(t, l.Charge(noon(), 1, one(claims...)).Allowed)
	}
	o := l.Charge(noon(), 1, one(claims...))
	require.False(t, o.Allowed)
	var left []int64
	var fits []bool
	for _, s := range o.Claims {
		left, fits = append(left, s.Remaining), append(fits, s.Fits)
	}
	require.Equal(t, []int64{2, 0, 6, 6, 97}, left, "the refused one took nothing anywhere")
	require.Equal(t, []bool{true, false, true, true, true}, fits)

	claims[1].Of = "k2" // a new key is no way around the person's own rate
	require.True(t, l.Charge(noon(), 2, one(claims...)).Allowed)
	require.False(t, l.Charge(noon(), 1, one(claims...)).Allowed)
}

func TestTheFirstChoiceWithRoomIsTaken(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	key := limit.Claim{Scope: limit.ByKey, Policy: "key", Of: "k1", Rate: limit.Rate{N: 100, Per: time.Minute}}
	ask := limit.Ask{All: []limit.Claim{key}, OneOf: [][]limit.Claim{{rate("a", "rita", 1, time.Hour), rate("b", "rita", 2, time.Minute)}}}
	var taken []int
	for range 3 {
		taken = append(taken, l.Charge(noon(), 1, ask).Chosen...)
	}
	require.Equal(t, []int{0, 1, 1}, taken)
	o := l.Charge(noon(), 1, ask)
	require.False(t, o.Allowed)
	require.Equal(t, []int{1}, o.Chosen, "the one with room first")
	require.Equal(t, 30*time.Second, o.Retry)
	require.EqualValues(t, 97, o.Claims[0].Remaining)
	require.Equal(t, "b", o.Claims[1].Claim.Policy)
}

// The lists are gone through one beside the other: one of the owner's rates and one of the key's, what is in both once.
func TestOneOfEachListIsCharged(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	a, b, c := rate("a", "rita", 2, time.Hour), rate("b", "rita", 2, time.Minute), rate("c", "rita", 9, time.Minute)
	ask := limit.Ask{OneOf: [][]limit.Claim{{a, b}, {a, c}}}
	o := l.Charge(noon(), 1, ask)
	require.Equal(t, []int{0, 0}, o.Chosen)
	require.Len(t, o.Claims, 1)
	require.EqualValues(t, 1, o.Claims[0].Remaining, "charged once")
	require.True(t, l.Charge(noon(), 1, ask).Allowed)
	for range 2 {
		require.Equal(t, []int{1, 1}, l.Charge(noon(), 1, ask).Chosen)
	}
	o = l.Charge(noon(), 1, ask)
	require.False(t, o.Allowed)
	require.Equal(t, []int{1, 1}, o.Chosen)
	require.EqualValues(t, 7, o.Claims[1].Remaining, "the refused one took nothing")
	require.Equal(t, []int{-1, 1}, l.Charge(noon(), 3, ask).Chosen)
}

// 300 rated rules for a person and 300 for the key are 600 claims to try, not 90,000.
func TestManyAlternativesAreASum(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	ask := limit.Ask{OneOf: make([][]limit.Claim, 2)}
	for i := range 300 {
		for j, name := range []string{"own", "key"} {
			ask.OneOf[j] = append(ask.OneOf[j], rate(name+strconv.Itoa(i), "rita", 1, time.Hour))
		}
	}
	for i := range 300 {
		require.Equal(t, []int{i, i}, l.Charge(noon(), 1, ask).Chosen)
	}
	require.False(t, l.Charge(noon(), 1, ask).Allowed)
	require.Less(t, testing.AllocsPerRun(3, func() { l.Charge(noon(), 1, ask) }), 2_000.0)
}

func TestWhatIsOnItsOwnAndWhatIsNot(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	full := func(c limit.Claim) bool { return l.Charge(noon(), 1, one(c)).Allowed }
	c := rate("a", "bc", 1, time.Minute)
	require.True(t, full(c))
	require.False(t, full(c))
	require.True(t, full(rate("ab", "c", 1, time.Minute)), "names are not run together")
	require.True(t, full(rate("a", "rita", 1, time.Minute)))
	require.True(t, full(rate("a", "bc", 2, time.Minute)), "a changed rate begins anew")
	c.Scope = limit.ByKey
	require.True(t, full(c))

	twice := rate("twice", "rita", 2, time.Minute)
	require.True(t, l.Charge(noon(), 1, one(twice, twice)).Allowed)
	require.EqualValues(t, 1, look(l, twice).Claims[0].Remaining, "equal claims are one")
}

func TestBadChargesAreRefused(t *testing.T) {
	good := rate("r", "rita", 5, time.Minute)
	for name, c := range map[string]limit.Claim{
		"no rate": rate("r", "x", 0, time.Minute), "negative": rate("r", "x", -1, time.Minute), "no span": rate("r", "x", 1, 0),
		"long span": rate("r", "x", 1, limit.MaxPer+1), "huge": rate("r", "x", math.MaxInt64, time.Hour), "over one a ns": rate("r", "x", 2, 1),
		"scope": {Scope: 99, Rate: good.Rate}, "unit": {Quota: &limit.Quota{Unit: 99, Max: 1}}, "span": {Quota: &limit.Quota{Span: 99, Max: 1}},
		"negative quota": {Quota: &limit.Quota{Max: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			l := limit.New(noon(), limit.Options{})
			o := l.Charge(noon(), 1, one(good, c))
			require.True(t, o.Never)
			require.False(t, o.Allowed)
			require.Zero(t, l.Stats().Buckets)
			o = l.Charge(noon(), 1, limit.Ask{OneOf: [][]limit.Claim{{c, good}}})
			require.True(t, o.Allowed, "another choice may still do")
			require.Equal(t, []int{1}, o.Chosen)
		})
	}
	l := limit.New(noon(), limit.Options{})
	require.True(t, l.Charge(noon(), 1, limit.Ask{OneOf: [][]limit.Claim{{good}, nil}}).Never, "nothing to choose from")
	require.True(t, l.Charge(noon(), 0, one(good)).Never, "what is no list counts as one request")
	require.True(t, l.Charge(noon(), 1, one(tokens(100))).Never, "tokens are reserved")
	require.True(t, l.Charge(noon(), -1, one(good)).Never)
	require.True(t, l.Charge(noon(), 1, one()).Allowed, "no limits")
	require.True(t, l.Charge(noon(), 1, limit.Ask{}).Allowed, "no limits")
	require.True(t, look(l, good).Allowed)
	require.Zero(t, l.Stats().Buckets, "looking leaves nothing behind")
	o, held := l.Reserve(noon(), 1, limit.Cost{Tokens: -1}, one(good))
	require.True(t, o.Never)
	held.Settle(noon(), limit.Cost{})
}

func TestExactlyNPassUnderARace(t *testing.T) {
	const n = 1000
	l := limit.New(noon(), limit.Options{})
	claims := []limit.Claim{
		rate("r", "rita", n, time.Hour),
		{Scope: limit.ByPerson, Policy: "p", Of: "rita", Quota: &limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: n - 7}},
		{Scope: limit.ByPerson, Policy: "q", Of: "rita", Quota: &limit.Quota{Unit: limit.Tokens, Span: limit.Month, Max: limit.NoMax}},
	}
	var passed atomic.Int64
	var all sync.WaitGroup
	for g := range 100 {
		all.Go(func() {
			for range 20 {
				now := noon().Add(-time.Duration(g) * time.Microsecond) // taken before the lock, so out of order
				o, held := l.Reserve(now, 1, limit.Cost{Tokens: 10}, one(claims...))
				if o.Allowed {
					passed.Add(1)
				}
				held.Settle(now, limit.Cost{Tokens: 3})
				held.Settle(now, limit.Cost{Tokens: 3})
			}
		})
	}
	all.Wait()
	require.EqualValues(t, n-7, passed.Load())
	at := look(l, claims...)
	require.EqualValues(t, 7, at.Claims[0].Remaining)
	require.Equal(t, limit.NoMax-3*(n-7), at.Claims[2].Remaining)
}

func TestAFullTableRefusesNobody(t *testing.T) {
	l := limit.New(noon(), limit.Options{Buckets: 100, Counters: 100})
	by := func(scope limit.Scope, i int) limit.Ask {
		of := strconv.Itoa(i)
		return one(limit.Claim{Scope: scope, Policy: "x", Of: of, Rate: limit.Rate{N: 2, Per: time.Hour}},
			limit.Claim{Scope: scope, Of: of, Quota: &limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 2}})
	}
	require.True(t, l.Charge(noon(), 2, by(limit.ByPerson, 1)).Allowed)
	for i := range 10_000 {
		require.True(t, l.Charge(noon(), 1, by(limit.ByAddress, i)).Allowed)
	}
	require.False(t, l.Charge(noon(), 1, by(limit.ByPerson, 1)).Allowed, "a flood of addresses displaces no person")
	s := l.Stats()
	require.Equal(t, 101, s.Buckets)
	require.Equal(t, 101, s.Counters)
	require.EqualValues(t, 2*9_900, s.Forgotten)
}

func TestIdleBucketsGoWithoutLoss(t *testing.T) {
	l, now := limit.New(noon(), limit.Options{Buckets: 1000}), noon()
	kept := func(i int) limit.Ask { return one(rate("kept", strconv.Itoa(i), 1, 24*time.Hour)) }
	for i := range 30 {
		require.True(t, l.Charge(now, 1, kept(i)).Allowed)
	}
	for i := range 50_000 { // a second each, 60 live at a time
		now = now.Add(time.Second)
		require.True(t, l.Charge(now, 1, one(rate("r", strconv.Itoa(i), 1, time.Minute))).Allowed)
	}
	s := l.Stats()
	require.Zero(t, s.Forgotten)
	require.Less(t, s.Buckets, 300)
	for i := range 30 {
		require.False(t, l.Charge(now, 1, kept(i)).Allowed, "whoever still waits is not forgotten")
	}
}

func TestPeekChargesNothing(t *testing.T) {
	l, six := limit.New(noon(), limit.Options{}), rate("r", "rita", 6, time.Minute)
	require.True(t, l.Charge(noon(), 5, one(six)).Allowed)
	for range 3 {
		o := l.Peek(noon(), 1, limit.Cost{Tokens: 100}, one(six, tokens(100)))
		require.True(t, o.Allowed)
		require.EqualValues(t, 1, o.Claims[0].Remaining)
		require.EqualValues(t, 100, o.Claims[1].Remaining)
	}
	o := l.Peek(noon(), 2, limit.Cost{}, one(six))
	require.False(t, o.Allowed)
	require.Equal(t, 10*time.Second, o.Retry)
	require.True(t, l.Peek(noon(), 0, limit.Cost{}, one(six)).Never)
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		require.Equal(t, want, limit.Address(netip.MustParseAddr(in)))
	}
	require.Empty(t, limit.Address(netip.Addr{}))
}
