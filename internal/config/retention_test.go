package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The floor of audit rows holds wherever a number comes from: a server with less does not start.
func TestRetentionHasAFloor(t *testing.T) {
	for name, tc := range map[string]struct {
		yaml string
		env  []string
		says string
	}{
		"file":                    {yaml: "retention: {audit: 179}", says: "from 180 to 36500"},
		"environment":             {env: []string{"GUARDHOUSE_RETENTION_AUDIT=90"}, says: "from 180 to 36500"},
		"less than nothing":       {yaml: "retention: {sessions: -1}", says: "from 1 to 36500"},
		"no number":               {yaml: "retention: {verdicts: 1y}", says: "whole days"},
		"verdicts that outlive":   {yaml: "retention: {audit: 180, verdicts: 181}", says: "longer than retention.audit"},
		"from two places":         {yaml: "retention: {audit: 365}", env: []string{"GUARDHOUSE_RETENTION_VERDICTS=366"}, says: "longer than retention.audit"},
		"centuries":               {yaml: "retention: {audit: 36501}", says: "from 180 to 36500"},
		"a number that overflows": {yaml: "retention: {audit: 99999999999999999999}", says: "whole days"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tc.yaml, tc.env, nil)
			require.ErrorContains(t, err, tc.says)
		})
	}
	c := base(t, "", nil, nil)
	require.Equal(t, Retention{Sessions: 30}, c.Retention, "by default audit rows and verdicts are kept for ever")
	for _, good := range []string{"{audit: 180, verdicts: 90, sessions: 0}", "{audit: 2190}", "{verdicts: 2190}", "{audit: 0, verdicts: 1, sessions: 1}"} {
		base(t, "retention: "+good, nil, nil)
	}
}

func TestStoredRetentionBelowTheFloorIsNotInForce(t *testing.T) {
	c := base(t, "retention: {audit: 365}", nil, nil)
	next, problems := c.With(map[string]string{"retention.verdicts": "366", "retention.sessions": "-3"})
	require.ErrorContains(t, problems["retention.verdicts"], "longer than")
	require.ErrorContains(t, problems["retention.sessions"], "whole days")
	require.Equal(t, Retention{Audit: 365, Sessions: 30}, next.Retention)
	_, problems = base(t, "", nil, nil).With(map[string]string{"retention.audit": "179"})
	require.Error(t, problems["retention.audit"])
}
