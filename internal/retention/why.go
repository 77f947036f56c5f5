package retention

import "strings"

// What is said of a removal that may not begin or that ended early. A run keeps the sentence, and Why reads it again.
const (
	saidOff     = "No kind has a time after which it goes."
	saidClock   = "The clock has moved in a way that nothing explains. Confirm it first."
	saidYoung   = "No signed checkpoint is old enough yet."
	saidProof   = "A checkpoint that would decide what goes can't be proved. Verify the log."
	saidNoOrder = "the log has no row that orders this removal"
	saidBroken  = "the log does not verify: "          // a finding follows
	saidMissing = " are not all there: verify the log" // rows stand before
)

// Why a run ended early, where no reason of Plan.Stopped says it.
const (
	WhyNoOrder = "no_order" // the log has no row that orders it
	WhyMissing = "missing"  // rows that were to go are gone already
	WhyBroken  = "broken"   // the log does not verify
	WhyOther   = "other"
)

// Why answers the code of a run's problem, "" in good order: one of those above or of Plan.Stopped.
func (r Run) Why() string {
	switch p := r.Problem; {
	case p == "":
		return ""
	case p == saidNoOrder:
		return WhyNoOrder
	case strings.HasPrefix(p, saidBroken):
		return WhyBroken
	case strings.HasSuffix(p, saidMissing):
		return WhyMissing
	default:
		return whyStopped(p)
	}
}

func whyStopped(problem string) string {
	for why, said := range map[string]string{StoppedOff: saidOff, StoppedClock: saidClock, StoppedYoung: saidYoung, StoppedProof: saidProof} {
		if problem == said {
			return why
		}
	}
	return WhyOther
}
