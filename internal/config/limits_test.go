package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	modelrule "guardhouse/internal/rule"
)

func TestLimitsAreEmptyUnlessGiven(t *testing.T) {
	c, err := load(t, "", nil, nil)
	require.NoError(t, err)
	require.Empty(t, c.Limits.Rates)
	require.Empty(t, c.Limits.Quotas)
}

func TestLimits(t *testing.T) {
	c, err := load(t, "limits: {person: 6req/min, model: 10次/秒, person_day_tokens: 1000, key_month_compute_seconds: 0}",
		[]string{"GUARDHOUSE_LIMITS_KEY=2/s", "GUARDHOUSE_LIMITS_PERSON="}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]modelrule.Rate{
		"model": {N: 10, Per: time.Second, Spelling: "10次/秒"}, "key": {N: 2, Per: time.Second, Spelling: "2/s"},
	}, c.Limits.Rates, "the environment takes the person's away")
	require.Equal(t, map[Quota]int64{
		{By: "person", Span: "day", Unit: "tokens"}: 1000, {By: "key", Span: "month", Unit: "compute_seconds"}: 0,
	}, c.Limits.Quotas, "0 is a quota and lets nothing through")
}
