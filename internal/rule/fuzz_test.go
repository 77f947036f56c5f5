package rule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Whatever a parser takes, the writer's text of it is read as the same, and a second writing is the first.

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(base))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := rule.ParseJSON(data)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		text, err := x.JSON()
		require.NoError(t, err)
		again, err := rule.ParseJSON(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, x, again)
		x.ID = "a"
		_, err = rule.Compile([]rule.Rule{x}, false)
		require.NoError(t, err)
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(contract))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := rule.ParseFile(data)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		text, err := x.YAML()
		require.NoError(t, err)
		again, err := rule.ParseFile(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, x, again)
		_, err = rule.Compile(x.Rules, false)
		require.NoError(t, err)
	})
}

func FuzzParseRate(f *testing.F) {
	f.Add("100req/min")
	f.Add("10次/分钟")
	f.Fuzz(func(t *testing.T, text string) {
		x, err := rule.ParseRate(text)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		again, err := rule.ParseRate(x.String())
		require.NoError(t, err)
		require.Equal(t, []any{x.N, x.Per}, []any{again.N, again.Per})
		require.True(t, x.N > 0 && x.Per >= time.Second)
	})
}

func FuzzParseHours(f *testing.F) {
	f.Add("Mon-Fri 08:00-18:00 Asia/Shanghai", int64(1_790_000_000))
	f.Add("Sun-Mon 22:00-06:00; Wed 00:00-24:00 Europe/Berlin", int64(1_774_746_000))
	f.Fuzz(func(t *testing.T, text string, second int64) {
		x, err := rule.ParseHours(text)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		again, err := rule.ParseHours(x.String())
		require.NoError(t, err)
		when := time.Unix(second%4_000_000_000, 0)
		require.Equal(t, x.Holds(when), again.Holds(when))
		if next := x.Next(when); !next.IsZero() {
			require.False(t, next.Before(when))
			require.True(t, x.Holds(next))
			require.Equal(t, x.Holds(when), next.Equal(when))
		}
	})
}
