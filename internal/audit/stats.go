package audit

import (
	"sync"
	"sync/atomic"
	"time"

	"guardhouse/internal/tally"
)

// maxKinds bounds what rows are counted by: actions and reasons are words of the program, some hundred combinations.
const maxKinds = 1024

// RowKind is what rows are counted by.
type RowKind struct{ Action, Decision, Reason string }

// Stats is what this process has done with the log since it was opened. Rows of other processes are not in it.
type Stats struct {
	Rows       map[RowKind]uint64 // rows that are durable
	VerifiedAt time.Time          // when the last walk over the chain ended; zero = none yet
	VerifiedOK bool
	Verified   Report // what that walk found

	IndexFailures uint64             // attempts to keep the index that failed
	Appending     tally.Distribution // seconds from asking for a row to its being durable
}

// stats counts for Stats.
type stats struct {
	rows          *tally.Counts[RowKind]
	appending     *tally.Histogram
	indexFailures atomic.Uint64

	mu     sync.Mutex
	at     time.Time
	report Report
}

func newStats() *stats {
	return &stats{
		rows:      tally.NewCounts(maxKinds, RowKind{"other", "other", "other"}),
		appending: tally.NewHistogram(.00025, .0005, .00075, .001, .0015, .002, .003, .004, .005, .0075, .01, .025, .05, .1, .25, 1, 5),
	}
}

// Stats answers what was appended and verified so far.
func (l *Log) Stats() Stats {
	l.stats.mu.Lock()
	defer l.stats.mu.Unlock()
	return Stats{
		Rows: l.stats.rows.Snapshot(), VerifiedAt: l.stats.at, VerifiedOK: !l.stats.at.IsZero() && l.stats.report.OK(), Verified: l.stats.report,
		IndexFailures: l.stats.indexFailures.Load(), Appending: l.stats.appending.Snapshot(),
	}
}

// durable notes a row of this process, and when the write was asked for that it came with.
func (l *Log) durable(kind RowKind, asked time.Time) {
	l.stats.rows.Add(kind, 1)
	l.stats.appending.Observe(max(l.db.Now().Sub(asked), 0).Seconds())
	l.poke()
}

// verified notes a walk that came to its end.
func (l *Log) verified(r Report) {
	now := l.db.Now()
	l.stats.mu.Lock()
	defer l.stats.mu.Unlock()
	l.stats.at, l.stats.report = now, r
}
