package limit

import "time"

// clock is the limiter's own time: nanoseconds that only ever go on. Rates are kept in it, so setting the machine's clock
// neither opens nor closes anything.
type clock struct {
	last time.Time
	at   int64
}

const (
	// inversion: callers take the time and then queue for the lock, so a slightly older time may come after a newer one.
	// Within it time stands still; a longer step back is a clock that was set, and time goes on from there.
	inversion = time.Minute
	// maxStep is longer than any rate's span, so a longer step forward changes nothing more.
	maxStep = MaxPer + 24*time.Hour
	// far is when the clock starts over, long before its numbers end.
	far = int64(1) << 62
)

// advance takes the clock to now. Where both times carry Go's monotonic reading, as time.Now's do, that alone counts.
func (c *clock) advance(now time.Time) {
	switch d := now.Sub(c.last); {
	case d > 0:
		c.at += int64(min(d, maxStep))
		c.last = now
	case d < -inversion:
		c.last = now
	}
}

// moment is one time as its caller, the own clock and the calendar see it.
type moment struct {
	at  int64         // own time
	now time.Time     // the caller's
	lag time.Duration // for how long the own time stands still, because a newer caller came before
}

// moment answers now after the clock was advanced to it.
func (c *clock) moment(now time.Time) moment {
	return moment{at: c.at, now: now, lag: max(0, c.last.Sub(now))}
}

// later answers how long the caller waits for what is wait away in own time; 0 and never stay what they are.
func (m moment) later(wait time.Duration) time.Duration {
	if wait == 0 || wait == never {
		return wait
	}
	return wait + m.lag
}
