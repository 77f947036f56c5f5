package limit_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
)

func tokens(most int64) limit.Claim {
	return limit.Claim{Scope: limit.ByKey, Policy: "key-tokens", Of: "k1", Quota: &limit.Quota{Unit: limit.Tokens, Span: limit.Day, Max: most}}
}

func TestReserveAndSettle(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	o, a := l.Reserve(noon(), 1, limit.Cost{Tokens: 60}, one(tokens(100)))
	require.True(t, o.Allowed)
	require.EqualValues(t, 40, o.Claims[0].Remaining)
	o, none := l.Reserve(noon(), 1, limit.Cost{Tokens: 41}, one(tokens(100)))
	require.False(t, o.Allowed)
	require.Nil(t, none)
	require.Equal(t, 12*time.Hour, o.Retry)
	none.Settle(noon(), limit.Cost{Tokens: 5})

	a.Settle(noon(), limit.Cost{Tokens: 10})
	a.Settle(noon(), limit.Cost{Tokens: 10})
	require.Equal(t, []limit.Use{{Unit: limit.Tokens, Span: limit.Day, Start: noon().Add(-12 * time.Hour), Used: 10}}, l.Usage(noon(), limit.ByKey, "k1"))

	_, b := l.Reserve(noon(), 1, limit.Cost{Tokens: 90}, one(tokens(100)))
	b.Settle(noon(), limit.Cost{Tokens: 500})
	o = look(l, tokens(100))
	require.Zero(t, o.Claims[0].Remaining, "the work was done, so it is counted")
	o, _ = l.Reserve(noon(), 1, limit.Cost{Tokens: 1}, one(tokens(100)))
	require.False(t, o.Allowed)
	o, _ = l.Reserve(noon(), 1, limit.Cost{Images: 1}, one(tokens(100)))
	require.True(t, o.Allowed, "what takes no tokens is not held against them")
	o, _ = l.Reserve(noon(), 1, limit.Cost{Tokens: 101}, one(tokens(100)))
	require.True(t, o.Never)
}

func TestWorkOverMidnightCountsOnItsDay(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	_, a := l.Reserve(noon(), 1, limit.Cost{Tokens: 60}, one(tokens(100)))
	next := noon().AddDate(0, 0, 1)
	o, b := l.Reserve(next, 1, limit.Cost{Tokens: 100}, one(tokens(100)))
	require.True(t, o.Allowed)
	a.Settle(next, limit.Cost{Tokens: 70})
	b.Settle(next, limit.Cost{})
	require.Zero(t, l.Usage(next, limit.ByKey, "k1")[0].Used)
	require.EqualValues(t, 70, l.Usage(noon(), limit.ByKey, "k1")[0].Used)
}

func TestCountsThatNobodyReservedAreSettledToo(t *testing.T) {
	l, claim := limit.New(noon(), limit.Options{}), tokens(limit.NoMax)
	o, a := l.Reserve(noon(), 1, limit.Cost{}, one(claim, limit.Claim{Scope: limit.ByKey, Policy: "req", Of: "k1", Quota: &limit.Quota{Max: 3}}))
	require.True(t, o.Allowed)
	a.Settle(noon(), limit.Cost{Tokens: math.MaxInt64})
	a.Settle(noon(), limit.Cost{Tokens: math.MaxInt64})
	uses := l.Usage(noon(), limit.ByKey, "k1")
	require.Len(t, uses, 2)
	require.EqualValues(t, 1, uses[0].Used)
	require.Equal(t, limit.NoMax, uses[1].Used)
	require.Empty(t, l.Usage(noon(), limit.ByPerson, "k1"))
	require.Empty(t, l.Usage(noon(), 99, "k1"))
}

func TestMaxZeroLetsNothingThrough(t *testing.T) {
	o, _ := limit.New(noon(), limit.Options{}).Reserve(noon(), 1, limit.Cost{Tokens: 1}, one(tokens(0)))
	require.True(t, o.Never)
}

func TestARestartForgetsNothing(t *testing.T) {
	now := noon()
	l, c := limit.New(now, limit.Options{}), rate("r", "rita", 100, 24*time.Hour)
	short := rate("s", "rita", 1, time.Second)
	require.True(t, l.Charge(now, 100, one(c)).Allowed)
	require.True(t, l.Charge(now, 1, one(short)).Allowed)
	_, a := l.Reserve(now, 1, limit.Cost{Tokens: 30}, one(tokens(100)))
	a.Settle(now, limit.Cost{Tokens: 20})
	_, _ = l.Reserve(now, 1, limit.Cost{Tokens: 30}, one(tokens(100)))

	var stored limit.State
	keep := func(_ context.Context, s limit.State) error { stored = s; return nil }
	broken := errors.New("no room")
	require.ErrorIs(t, l.Save(t.Context(), now, 0, func(context.Context, limit.State) error { return broken }), broken)
	require.NoError(t, l.Save(t.Context(), now, time.Minute, keep))
	require.Len(t, stored.Buckets, 1, "what a minute mends is not worth a row")
	require.Equal(t, []limit.SavedCounter{{
		Scope: limit.ByKey, Of: "k1", Unit: limit.Tokens, Span: limit.Day, Start: now.Add(-12 * time.Hour), Used: 20, Held: 30,
	}}, stored.Counters, "kept for the next time after a failure")
	first := stored
	require.NoError(t, l.Save(t.Context(), now, time.Minute, keep))
	require.Empty(t, stored.Counters, "only what changed")

	later := now.Add(6 * time.Hour)
	for _, at := range []time.Time{later, now.Add(-time.Hour)} { // the second's clock was set back in between
		l = limit.New(at, limit.Options{})
		require.NoError(t, l.Load(at, first))
		require.NoError(t, l.Load(at, first))
		o := l.Peek(at, 1, limit.Cost{}, one(c, tokens(100)))
		if at.Equal(later) {
			require.EqualValues(t, 25, o.Claims[0].Remaining)
		} else {
			require.Zero(t, o.Claims[0].Remaining)
		}
		require.EqualValues(t, 50, o.Claims[1].Remaining, "what was under way counts")
	}

	l = limit.New(now, limit.Options{})
	require.NoError(t, l.Load(now.AddDate(0, 1, 0), first))
	require.Equal(t, limit.Stats{}, l.Stats(), "all over")
}

func TestLoadRefusesWhatSaveNeverWrote(t *testing.T) {
	day := noon().Add(-12 * time.Hour)
	good := limit.SavedCounter{Of: "k", Start: day, Used: 1}
	for name, s := range map[string]limit.State{
		"bucket's scope": {Buckets: []limit.SavedBucket{{Scope: 9, Debt: 1}}}, "no debt": {Buckets: []limit.SavedBucket{{}}},
		"debt": {Buckets: []limit.SavedBucket{{Debt: limit.MaxPer + 1}}}, "scope": {Counters: []limit.SavedCounter{good, {Scope: 9, Start: day}}},
		"unit": {Counters: []limit.SavedCounter{good, {Unit: 9, Start: day}}}, "span": {Counters: []limit.SavedCounter{good, {Span: 9, Start: day}}},
		"used": {Counters: []limit.SavedCounter{good, {Used: -1, Start: day}}}, "held": {Counters: []limit.SavedCounter{good, {Held: -1, Start: day}}},
		"noon": {Counters: []limit.SavedCounter{good, {Start: noon()}}}, "month": {Counters: []limit.SavedCounter{good, {Span: limit.Month, Start: day}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := limit.New(noon(), limit.Options{})
			require.Equal(t, fault.Invalid, fault.CodeOf(l.Load(noon(), s)))
			require.Equal(t, limit.Stats{}, l.Stats())
		})
	}
}

func TestOldCountsGoOnceSaved(t *testing.T) {
	l, now := limit.New(noon(), limit.Options{}), noon()
	for range 400 {
		require.True(t, l.Charge(now, 1, one(limit.Claim{Of: "k", Quota: &limit.Quota{Max: 1}})).Allowed)
		require.NoError(t, l.Save(t.Context(), now, 0, func(context.Context, limit.State) error { return nil }))
		now = now.AddDate(0, 0, 1)
	}
	s := l.Stats()
	require.Less(t, s.Counters, 10)
	require.Zero(t, s.Forgotten)
}

// A full table forgets a count of tokens rather than one of requests that is nearly spent.
func TestWhichCountGoesFirst(t *testing.T) {
	l := limit.New(noon(), limit.Options{Counters: 2})
	requests := limit.Claim{Scope: limit.ByKey, Policy: "req", Of: "k1", Quota: &limit.Quota{Unit: limit.Requests, Span: limit.Month, Max: 1000}}
	require.True(t, l.Charge(noon(), 990, one(requests)).Allowed)
	for range 3 {
		for _, of := range []string{"k2", "k3"} {
			claim := tokens(limit.NoMax)
			claim.Of = of
			_, a := l.Reserve(noon(), 1, limit.Cost{Tokens: 5000}, one(claim))
			a.Settle(noon(), limit.Cost{Tokens: 5000})
		}
	}
	require.EqualValues(t, 10, look(l, requests).Claims[0].Remaining)
	require.Positive(t, l.Stats().Forgotten)
}

// What is charged while Save goes from scope to scope is further from full than its rate, seen from when Save began.
func TestWhatIsSavedLoads(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	year := limit.Claim{Scope: limit.ByModel, Policy: "year", Of: "m", Rate: limit.Rate{N: 10, Per: limit.MaxPer}}
	for i := range 2000 {
		require.True(t, l.Charge(noon(), 1, one(limit.Claim{Scope: limit.ByRule, Of: strconv.Itoa(i), Rate: limit.Rate{N: 1, Per: time.Hour}})).Allowed)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 500 {
			l.Charge(noon().Add(time.Duration(i)*time.Second), 1, one(year))
		}
	}()
	for range 20 {
		require.NoError(t, l.Save(t.Context(), noon(), 0, func(_ context.Context, s limit.State) error {
			return limit.New(noon(), limit.Options{}).Load(noon(), s)
		}))
	}
	<-done
}

// Whoever is refused reads which limit has no room, how much is left and until when: not that he tried too often.
func TestARefusalNamesTheLimit(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	day, rate := tokens(100), limit.Claim{Scope: limit.ByPerson, Policy: "limits.person", Of: "p", Rate: limit.Rate{N: 1, Per: time.Minute}}
	day.Policy = "limits.key_day_tokens"
	_, held := l.Reserve(noon(), 1, limit.Cost{Tokens: 90}, one(day, rate))
	require.NotNil(t, held)

	o, _ := l.Reserve(noon(), 1, limit.Cost{Tokens: 11}, one(day, rate))
	f := fault.From(o.Refusal(noon()))
	midnight := noon().Add(12 * time.Hour)
	require.Equal(t, "The quota limits.key_day_tokens has no room for this until 2026-11-23T00:00:00Z: 10 of 100 tokens are left.", f.Message)
	require.Equal(t, fault.Limit{Name: "limits.key_day_tokens", Unit: "tokens", Span: "day", Max: 100, Left: 10, Until: midnight}, *f.Limit, "of two that refuse, the one that does longest")
	require.Equal(t, 12*time.Hour, f.RetryAfter)

	o, _ = l.Reserve(noon().Add(500*time.Millisecond), 1, limit.Cost{Tokens: 1}, one(day, rate))
	f = fault.From(o.Refusal(noon().Add(500 * time.Millisecond)))
	require.Equal(t, fault.Limit{Name: "limits.person", Max: 1, Until: noon().Add(time.Minute)}, *f.Limit)
	require.Equal(t, "The limit limits.person has no room for this until "+noon().Add(time.Minute).Format(time.RFC3339)+": 0 of 1 requests are left.", f.Message)

	o, _ = l.Reserve(noon(), 1, limit.Cost{Tokens: 101}, one(day, rate))
	f = fault.From(o.Refusal(noon()))
	require.Equal(t, "This is more at once than the quota limits.key_day_tokens ever lets through.", f.Message)
	require.True(t, f.Limit.Until.IsZero())
}
