package inference

import (
	"guardhouse/internal/fault"
	"guardhouse/internal/tally"
)

// end is how a query ended.
type end int

const (
	judged end = iota
	failed
	left // its caller was gone
	late // its deadline passed
	ends
)

// endOf answers what an error means for the query that it ended.
func endOf(err error) end {
	switch fault.CodeOf(err) {
	case "":
		return judged
	case fault.Canceled:
		return left
	case fault.Timeout:
		return late
	default:
		return failed
	}
}

// ended counts the queries that ended in one way.
type ended struct {
	queries uint64
	waits   *tally.Histogram // seconds
}

func newEnds() (all [ends]ended) {
	for i := range all {
		// From a small guard on a GPU to a long text before a small CPU.
		all[i].waits = tally.NewHistogram(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120)
	}
	return all
}
