package retention_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/retention"
)

// A run keeps its problem as a sentence; pages in other languages go by the code. The sentences are those of runs in databases.
func TestWhyARunEnded(t *testing.T) {
	for problem, why := range map[string]string{
		"": "",
		"the log has no row that orders this removal":                               retention.WhyNoOrder,
		"the log does not verify: edited at row 7":                                  retention.WhyBroken,
		"rows 3 to 9 are not all there: verify the log":                             retention.WhyMissing,
		"No signed checkpoint is old enough yet.":                                   retention.StoppedYoung,
		"No kind has a time after which it goes.":                                   retention.StoppedOff,
		"The clock has moved in a way that nothing explains. Confirm it first.":     retention.StoppedClock,
		"A checkpoint that would decide what goes can't be proved. Verify the log.": retention.StoppedProof,
		"something that a later release says":                                       retention.WhyOther,
	} {
		require.Equal(t, why, retention.Run{Problem: problem}.Why(), problem)
	}
}
