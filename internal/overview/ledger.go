package overview

import (
	"context"
	"math"
	"sync"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

const (
	// step is what is counted apart. Every time zone of today is a multiple of a quarter of an hour away from UTC, so that
	// everybody's midnight is the edge of a step.
	step = 15 * time.Minute
	// kept covers the day of whoever is furthest west or east, and the longest day of a change of the clocks.
	kept = 50 * time.Hour
	// catchUpMost bounds how long one look counts what was not counted yet; the next look goes on.
	catchUpMost = 2 * time.Second
)

// maxHours is the length of the longest local day.
const maxHours = 25

// Window is a person's day: From is its first moment, Hours its length. The zero value is today in UTC.
type Window struct {
	From  time.Time
	Hours int
}

// Day is the figures of a window. Partial says that more verdicts are there than were counted yet. Times are of every verdict,
// remembered ones too.
type Day struct {
	Window
	Verdicts, Flagged, Controversial, Unsafe, Held, Cached, Refused int64
	Median, P95                                                     time.Duration
	Partial                                                         bool
}

// Hour is a part of a day. A held verdict is neither Controversial nor Unsafe: nobody trusts its level.
type Hour struct {
	Start                                 time.Time
	Verdicts, Controversial, Unsafe, Held int64
}

// ledger counts verdicts by steps. It follows the log, so that each verdict is read once, whoever looks how often.
type ledger struct {
	since  func(context.Context, time.Time) (int64, error) // the first row at or after a moment
	head   func(context.Context) (int64, error)
	follow func(context.Context, int64, func(moderation.Volume)) (int64, error)
	now    func() time.Time

	mu    sync.Mutex
	began bool
	seq   int64
	steps map[int64]*tallied
}

// tallied is what one step holds.
type tallied struct {
	verdicts, flagged, controversial, unsafe, held, cached int64
	times                                                  times
}

// day counts what is new and answers the figures of a window, which Check has seen.
func (l *ledger) day(ctx context.Context, w Window) (d Day, hours []Hour, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	partial, err := l.catchUp(ctx)
	if err != nil {
		return Day{}, nil, err
	}
	d = Day{Window: w, Partial: partial}
	var all times
	first := w.From.UnixMilli() / step.Milliseconds()
	for h := range w.Hours {
		hour := Hour{Start: w.From.Add(time.Duration(h) * time.Hour)}
		for q := range int64(time.Hour / step) {
			t := l.steps[first+int64(h)*int64(time.Hour/step)+q]
			if t == nil {
				continue
			}
			hour.Verdicts, hour.Controversial, hour.Unsafe, hour.Held = hour.Verdicts+t.verdicts, hour.Controversial+t.controversial, hour.Unsafe+t.unsafe, hour.Held+t.held
			d.Flagged, d.Cached = d.Flagged+t.flagged, d.Cached+t.cached
			all.add(&t.times)
		}
		d.Verdicts, d.Controversial, d.Unsafe, d.Held = d.Verdicts+hour.Verdicts, d.Controversial+hour.Controversial, d.Unsafe+hour.Unsafe, d.Held+hour.Held
		hours = append(hours, hour)
	}
	d.Median, d.P95 = all.quantile(0.5), all.quantile(0.95)
	return d, hours, nil
}

// catchUp counts the verdicts since the last time, and says whether some are left.
func (l *ledger) catchUp(ctx context.Context) (partial bool, err error) {
	now := l.now()
	if err := l.begin(ctx, now); err != nil {
		return false, err
	}
	oldest := now.Add(-kept).UnixMilli() / step.Milliseconds()
	for at := range l.steps {
		if at < oldest {
			delete(l.steps, at)
		}
	}
	bounded, cancel := context.WithTimeout(ctx, catchUpMost)
	defer cancel()
	for {
		seq, err := l.follow(bounded, l.seq, l.take)
		grown := seq > l.seq
		l.seq = seq // what was taken is counted, whatever came after it
		switch {
		case err != nil && ctx.Err() == nil && bounded.Err() != nil:
			return true, nil
		case err != nil:
			return false, err
		case !grown:
			return false, nil
		}
	}
}

// begin finds where the days begin that somebody may ask for.
func (l *ledger) begin(ctx context.Context, now time.Time) error {
	if l.began {
		return nil
	}
	head, err := l.head(ctx) // first: what is written meanwhile comes after it, and is counted
	if err != nil {
		return err
	}
	first, err := l.since(ctx, now.Add(-kept))
	if err != nil {
		return err
	}
	if l.seq = first - 1; first == 0 { // nothing is so young: all that there is lies before
		l.seq = head
	}
	l.began, l.steps = true, map[int64]*tallied{}
	return nil
}

func (l *ledger) take(v moderation.Volume) {
	at := v.CreatedAt / step.Milliseconds()
	t := l.steps[at]
	if t == nil {
		t = &tallied{}
		l.steps[at] = t
	}
	t.verdicts++
	switch {
	case v.Action == moderation.Review:
		t.held++
	case v.Severity == moderation.Controversial:
		t.controversial++
	case v.Severity == moderation.Unsafe:
		t.unsafe++
	}
	if v.Flagged {
		t.flagged++
	}
	if v.Cached {
		t.cached++
	}
	t.times.note(v.TotalUS)
}

// Check fills in what is not given and refuses a window that nobody's day can be: one that does not begin at a quarter of an
// hour, is longer than 25 hours, or lies further from now than any time zone.
func (w Window) Check(now time.Time) (Window, error) {
	if w.From.IsZero() {
		w.From = now.UTC().Truncate(24 * time.Hour)
	}
	if w.Hours == 0 {
		w.Hours = 24
	}
	switch {
	case w.Hours < 1 || w.Hours > maxHours:
		return w, fault.Newf(fault.Invalid, "hours must be 1 to %d.", maxHours).WithField("hours")
	case w.From.UnixNano()%int64(step) != 0:
		return w, fault.New(fault.Invalid, "from must be a full quarter of an hour.").WithField("from")
	case now.Sub(w.From).Abs() > kept-step:
		return w, fault.New(fault.Invalid, "from must be within two days of now.").WithField("from")
	}
	return w, nil
}

const (
	// growth is the ratio of neighbouring bounds: a quantile is right to half of it, five in a hundred.
	growth = 1.1
	// bounds reach from a microsecond to ten minutes: log(6e8) / log(1.1).
	bounds = 213
)

// times is how long verdicts took, by bounds that grow evenly.
type times struct {
	n      int64
	counts [bounds]uint32
}

func (t *times) note(us int64) {
	i := 0
	if us > 1 {
		i = min(bounds-1, int(math.Log(float64(us))/math.Log(growth)))
	}
	t.counts[i]++
	t.n++
}

func (t *times) add(o *times) {
	t.n += o.n
	for i, c := range o.counts {
		t.counts[i] += c
	}
}

// quantile answers the time that a share q of all did not exceed, 0 of none.
func (t *times) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(t.n)))
	for i, c := range t.counts {
		if rank -= int64(c); c > 0 && rank <= 0 {
			return time.Duration(math.Pow(growth, float64(i)+0.5) * float64(time.Microsecond))
		}
	}
	return 0
}
