package rule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/rule"
)

// Hours alone, on more moments than requests come to: whether they hold, and when they hold next. Clocks change on whole
// minutes, so that nothing lies between two whole minutes.
func TestTheOracleAgreesOnHours(t *testing.T) {
	t.Parallel()
	for n := range oracleCases(t) / 5 {
		d := newDice(1<<50 + n)
		text := d.hours()
		hours, err := rule.ParseHours(text)
		require.NoError(t, err, text)
		want := oracleWindows(text)
		at := d.time([]oracleRule{{Hours: text}})
		require.Equal(t, oracleHours(want, at), hours.Holds(at), "case %d: %s at %s", n, text, at)

		next := hours.Next(at)
		require.False(t, next.Before(at), "case %d: next %s is before %s", n, next, at)
		require.True(t, oracleHours(want, next), "case %d: %s does not hold at its next moment %s after %s", n, text, next, at)
		if next.Equal(at) {
			continue
		}
		require.True(t, next.Truncate(time.Minute).Equal(next), "case %d: %s opens at %s", n, text, next)
		for m := at; m.Before(next); m = m.Truncate(time.Minute).Add(time.Minute) {
			require.False(t, oracleHours(want, m), "case %d: %s holds at %s, before its next moment %s after %s", n, text, m, next, at)
		}
	}
}

// Every spelling of a rate that the contract lists, and some that it does not.
func TestEverySpellingOfARate(t *testing.T) {
	t.Parallel()
	units := map[string]time.Duration{
		"s": time.Second, "sec": time.Second, "秒": time.Second, "min": time.Minute, "分钟": time.Minute,
		"h": time.Hour, "hour": time.Hour, "小时": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "天": 24 * time.Hour,
	}
	for unit, per := range units {
		for _, word := range []string{"", "req", "次"} {
			for text, n := range map[string]int64{"1": 1, "6": 6, "100": 100, "86400": 86_400} {
				spelling := text + word + "/" + unit
				rate, err := rule.ParseRate(spelling)
				require.NoError(t, err, spelling)
				require.Equal(t, n, rate.N, spelling)
				require.Equal(t, per, rate.Per, spelling)
				again, err := rule.ParseRate(rate.String())
				require.NoError(t, err, "%s is canonically %s", spelling, rate)
				require.Equal(t, []any{n, per}, []any{again.N, again.Per}, "%s is canonically %s", spelling, rate)
			}
		}
	}
	for _, text := range []string{
		"", "10", "10/", "/min", "10min", "10/week", "10/分", "10/m", "-1/min", "+1/min", "0/min", "1.5/min", "1e3/s", "ten/min", "10/min/s", "10/min 5/s",
		"10reqs/min", "10req次/min", "10//min", "10/10min", "99999999999999999999/s", "10/MIN", "１０/min", "٣/min", "0x10/s", "1_000/s",
	} {
		_, err := rule.ParseRate(text)
		require.Error(t, err, "%q is a rate", text)
	}
}
