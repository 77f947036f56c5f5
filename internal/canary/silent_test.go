package canary_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/canary"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// silent is moderation whose guards give no answer while it says why.
type silent struct {
	canary.Judge
	why fault.Code
}

func (s *silent) Examine(ctx context.Context, p access.Principal, a access.Action, id string, inputs []moderation.Input, conclude func([]moderation.Rejudged) moderation.Concluded) error {
	if s.why != "" {
		return fault.New(s.why, "no answer")
	}
	return s.Judge.Examine(ctx, p, a, id, inputs, conclude)
}

// One answer that does not come is no drift, and two in a row are, whichever way they were kept back; being busy in between or for
// long says nothing of the guard.
func TestAGuardThatGivesNoAnswerTwiceIsNotTrusted(t *testing.T) {
	for _, why := range []fault.Code{fault.Internal, fault.PayloadRefused, fault.CrashStopped, fault.Timeout, fault.Busy} {
		t.Run(string(why), func(t *testing.T) {
			r := newRig(t, nil, nil, moderation.Options{})
			r.look(t)
			guard := &silent{Judge: r.svc}
			r.judging(t, guard)
			try := func(why fault.Code) {
				guard.why = why
				r.look(t)
				require.Empty(t, r.canary.Drifted(), "not before the usual interval")
				r.now = r.now.Add(10 * time.Second)
			}
			try(why)
			require.NoError(t, r.judge(t))
			try("")
			require.Equal(t, canary.Passed, r.state(t).Result)
			r.now = r.now.Add(24 * time.Hour)
			try(why) // the count began anew
			try(fault.Loading)
			guard.why = why
			r.look(t)
			if why == fault.Busy {
				require.Empty(t, r.canary.Drifted())
				return
			}
			require.Equal(t, canary.Drifted, r.state(t).Result)
			require.Equal(t, catalog.CanaryDrift, r.nano(t).StateCode)
			require.Equal(t, fault.Loading, fault.CodeOf(r.judge(t)))
			guard.why = ""
			r.cat.SetState("guard-nano", catalog.StateReady, "") // as a load does
			r.look(t)
			require.NoError(t, r.judge(t))
		})
	}
}

// What a guard failed before counts wherever it was in between: one that leaves memory and comes back is asked at once, and the second
// answer in a row that does not come makes it drifted.
func TestLeavingMemoryForgivesNothing(t *testing.T) {
	r := newRig(t, nil, nil, moderation.Options{})
	r.look(t)
	guard := &silent{Judge: r.svc}
	left := &leaving{Judge: guard}
	r.judging(t, left)
	guard.why = fault.Internal
	r.look(t)
	require.Empty(t, r.canary.Drifted())
	r.look(t)
	require.Empty(t, r.canary.Drifted(), "not before the usual interval")
	left.gone = true
	r.look(t)
	left.gone = false
	r.look(t)
	require.Contains(t, r.canary.Drifted(), "guard-nano")
	guard.why = ""
	r.cat.SetState("guard-nano", catalog.StateReady, "") // as a load does
	r.look(t)
	require.Equal(t, canary.Passed, r.state(t).Result)
}
