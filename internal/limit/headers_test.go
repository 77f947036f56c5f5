package limit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/limit"
)

func TestHeaders(t *testing.T) {
	six := rate("rule-ID", "rita", 6, time.Minute)
	l := limit.New(noon(), limit.Options{})
	require.Equal(t, limit.Headers{Policy: `"rule-ID";q=6;w=60`, Limit: `"rule-ID";r=6`}, look(l, six).Headers())
	require.Equal(t, limit.Headers{Policy: `"rule-ID";q=6;w=60`, Limit: `"rule-ID";r=5;t=10`}, l.Charge(noon(), 1, one(six)).Headers())
	require.Equal(t, limit.Headers{Policy: `"rule-ID";q=6;w=60`, Limit: `"rule-ID";r=0;t=10`}, l.Charge(noon(), 5, one(six)).Headers())
	refused := l.Charge(noon(), 3, one(six))
	require.Equal(t, limit.Headers{Policy: `"rule-ID";q=6;w=60`, Limit: `"rule-ID";r=0;t=10`, RetryAfter: "30"}, refused.Headers())
	require.Equal(t, "30", l.Charge(noon().Add(1), 3, one(six)).Headers().RetryAfter, "rounded up")
	require.Equal(t, "29", l.Charge(noon().Add(time.Second), 3, one(six)).Headers().RetryAfter)
	require.True(t, l.Charge(noon().Add(30*time.Second), 3, one(six)).Allowed, "who waits as told gets through")

	o, _ := l.Reserve(noon().Add(time.Hour), 1, limit.Cost{Tokens: 7}, one(six, tokens(100),
		limit.Claim{Scope: limit.ByPerson, Policy: "only counted", Of: "rita", Quota: &limit.Quota{Max: limit.NoMax}},
		limit.Claim{Scope: limit.ByModel, Policy: "每天\"\\", Of: "m", Quota: &limit.Quota{Max: 1e18}},
		rate("fast", "rita", 1000, time.Millisecond)))
	require.Equal(t, limit.Headers{
		Policy: `"rule-ID";q=6;w=60, "key-tokens";q=100;w=86400;qu="tokens", "%E6%AF%8F%E5%A4%A9\"\\";q=999999999999999;w=86400, "fast";q=1000;w=1`,
		Limit:  `"rule-ID";r=5;t=10, "key-tokens";r=93;t=39600, "%E6%AF%8F%E5%A4%A9\"\\";r=999999999999999;t=39600, "fast";r=999;t=1`,
	}, o.Headers())
	require.Equal(t, limit.Headers{}, l.Charge(noon(), 1, limit.Ask{OneOf: [][]limit.Claim{nil}}).Headers())
	require.Equal(t, limit.Headers{}, l.Charge(noon(), 1, one()).Headers())
	require.NoError(t, l.Charge(noon(), 1, one()).Refusal(noon()))
}

func TestSpellings(t *testing.T) {
	require.Equal(t, []string{"requests", "tokens", "images", "compute-ms", ""},
		[]string{limit.Requests.String(), limit.Tokens.String(), limit.Images.String(), limit.ComputeMS.String(), limit.Unit(9).String()})
	require.Equal(t, []string{"day", "month", ""}, []string{limit.Day.String(), limit.Month.String(), limit.Span(9).String()})
}
