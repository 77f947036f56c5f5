package access_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Other limits hold from the next use on, without a restart, and those that are gone hold nobody.
func TestLimitsChangeUnderARunningGate(t *testing.T) {
	g := gateOver(t, apptest.OpenDB(t), access.Options{Default: "allow"})
	rita := g.person(t, "rita", "reviewer")
	use := func() error {
		pass, err := g.guard.Enter(t.Context(), rita, inferNano)
		if err == nil {
			_, err = pass.Commit(t.Context(), access.Outcome{}, nil)
		}
		return err
	}
	for range 3 {
		require.NoError(t, use())
	}
	g.guard.SetLimits(access.Limits{Person: &rule.Rate{N: 1, Per: 24 * time.Hour, Spelling: "1/day"}})
	require.NoError(t, use())
	require.Equal(t, fault.RateLimited, fault.CodeOf(use()))
	g.guard.SetLimits(access.Limits{})
	require.NoError(t, use())
	g.verify(t)
}
