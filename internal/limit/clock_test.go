package limit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/limit"
)

func TestAClockSetBackOpensAndClosesNothing(t *testing.T) {
	for _, back := range []time.Duration{time.Second, 59 * time.Second, time.Hour, 40 * 24 * time.Hour, 100 * 366 * 24 * time.Hour} {
		l, c := limit.New(noon(), limit.Options{}), rate("r", "rita", 6, time.Minute)
		require.True(t, l.Charge(noon(), 6, one(c)).Allowed)
		set := noon().Add(-back)
		o := l.Charge(set, 1, one(c))
		require.False(t, o.Allowed, "back by %v", back)
		if back >= time.Minute {
			require.Equal(t, 10*time.Second, o.Retry, "back by %v: no longer a wait", back)
			require.True(t, l.Charge(set.Add(10*time.Second), 1, one(c)).Allowed, "back by %v: time goes on", back)
			require.False(t, l.Charge(set.Add(10*time.Second), 1, one(c)).Allowed)
			continue
		}
		require.Equal(t, back+10*time.Second, o.Retry, "by the clock that was set")
		require.True(t, l.Charge(noon().Add(10*time.Second), 1, one(c)).Allowed)
		require.False(t, l.Charge(noon().Add(10*time.Second), 1, one(c)).Allowed)
	}
}

func TestTimesOutOfOrderGainNothing(t *testing.T) {
	l, c := limit.New(noon(), limit.Options{}), rate("r", "rita", 6, time.Minute)
	require.True(t, l.Charge(noon(), 6, one(c)).Allowed)
	for i := range 10_000 {
		now := noon().Add(time.Duration(i%2) * 9 * time.Second)
		require.False(t, l.Charge(now, 1, one(c)).Allowed)
	}
}

func TestAClockSetForwardIsTimePassed(t *testing.T) {
	l, c := limit.New(noon(), limit.Options{}), rate("r", "rita", 6, time.Minute)
	now := noon()
	for i := range 1000 { // two hundred and more of these would end 63 bits of nanoseconds
		now = now.AddDate(5, 0, 0)
		require.True(t, l.Charge(now, 6, one(c)).Allowed, i)
		require.False(t, l.Charge(now, 1, one(c)).Allowed, i)
		now = now.AddDate(-5, 0, 0)
		require.False(t, l.Charge(now, 1, one(c)).Allowed, i)
	}
}

func TestPeriodsEndAtMidnightUTC(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct {
		name        string
		span        limit.Span
		last, first string
		length      time.Duration
	}{
		{"a day", limit.Day, "2026-11-22T23:59:59.999999999Z", "2026-11-23T00:00:00Z", 24 * time.Hour},
		{"a month of 30", limit.Month, "2026-11-30T23:59:59.999999999Z", "2026-12-01T00:00:00Z", 30 * 24 * time.Hour},
		{"the year", limit.Month, "2026-12-31T23:59:59.999999999Z", "2027-01-01T00:00:00Z", 31 * 24 * time.Hour},
		{"the year's last day", limit.Day, "2026-12-31T23:59:59.999999999Z", "2027-01-01T00:00:00Z", 24 * time.Hour},
		{"February", limit.Month, "2027-02-28T23:59:59.999999999Z", "2027-03-01T00:00:00Z", 28 * 24 * time.Hour},
		{"before a leap day", limit.Day, "2028-02-28T23:59:59.999999999Z", "2028-02-29T00:00:00Z", 24 * time.Hour},
		{"a leap day", limit.Day, "2028-02-29T23:59:59.999999999Z", "2028-03-01T00:00:00Z", 24 * time.Hour},
		{"a leap February", limit.Month, "2028-02-29T23:59:59.999999999Z", "2028-03-01T00:00:00Z", 29 * 24 * time.Hour},
		{"a century's February", limit.Month, "2100-02-28T23:59:59.999999999Z", "2100-03-01T00:00:00Z", 28 * 24 * time.Hour},
		{"before 1970", limit.Day, "1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z", 24 * time.Hour},
		{"another zone's day", limit.Day, "2026-11-23T07:59:59.999999999+08:00", "2026-11-23T08:00:00+08:00", 24 * time.Hour},
		{"a zone's spring day", limit.Day, "2026-03-29T01:59:59.999999999+02:00", "2026-03-29T02:00:00+02:00", 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			last, first := at(c.last), at(c.first)
			l := limit.New(last, limit.Options{})
			claim := limit.Claim{Scope: limit.ByPerson, Policy: "p", Of: "rita", Quota: &limit.Quota{Unit: limit.Requests, Span: c.span, Max: 2}}
			require.True(t, l.Charge(last, 2, one(claim)).Allowed)
			o := l.Charge(last, 1, one(claim))
			require.False(t, o.Allowed)
			require.Equal(t, time.Duration(1), o.Retry)
			require.Equal(t, c.length, o.Claims[0].Window)
			require.Equal(t, "1", o.Headers().RetryAfter)
			require.True(t, l.Charge(first, 2, one(claim)).Allowed)
			require.False(t, l.Charge(first, 1, one(claim)).Allowed)
			require.False(t, l.Charge(last, 1, one(claim)).Allowed, "back over midnight the old count stands")
			require.False(t, l.Charge(first, 1, one(claim)).Allowed, "and the new one")
		})
	}
}

func TestAClockSetAYearAheadAndBackPinsNobody(t *testing.T) {
	l := limit.New(noon(), limit.Options{})
	claim := limit.Claim{Scope: limit.ByPerson, Of: "rita", Quota: &limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 2}}
	require.True(t, l.Charge(noon().AddDate(1, 0, 0), 2, one(claim)).Allowed)
	require.True(t, l.Charge(noon(), 2, one(claim)).Allowed)
	require.False(t, l.Charge(noon(), 1, one(claim)).Allowed)
	require.True(t, l.Charge(noon().AddDate(0, 0, 1), 2, one(claim)).Allowed)
}
