package audit

import (
	"context"
	"time"

	"guardhouse/internal/fault"
)

// maxBuckets bounds a volume's answer: a screen is no wider than this many bars that one can hit.
const (
	defaultBuckets = 48
	maxBuckets     = 200
	// maxSpan is a century; an int64 of nanoseconds, a bucket's width, ends at three.
	maxSpan = 100 * 366 * 24 * time.Hour
	// maxCounting leaves most of the connections that read to everybody else: a volume may walk the whole log.
	maxCounting = 2
)

// Counts is how many rows came to which decision.
type Counts struct{ Allow, Deny, Error int64 }

// Sum answers all of them together.
func (c Counts) Sum() int64 { return c.Allow + c.Deny + c.Error }

// Bucket counts the rows of Volume.Width from Start on.
type Bucket struct {
	Start time.Time
	Counts
}

// Volume is how many rows a filter finds, over time. Buckets follow each other without a gap from From to To, empty ones
// included; Rows counts what lies between the two without any filter. Without a single row to begin at there are no buckets.
// CountedFrom is set where there was more to look at than one request may: what is older is not in the counts.
type Volume struct {
	From, To    time.Time
	Width       time.Duration
	Rows        int64
	Total       Counts
	Buckets     []Bucket
	CountedFrom time.Time
}

// Volume counts what List would list between From and To in so many equal buckets (0 means 48). A zero From is the first
// row's time, a zero To is now. It refuses a number of buckets outside 1 to 200, an end that is not after its beginning or
// more than a century after it, and what List refuses. Limit and Cursor do not matter to it. Beyond time and decision it looks at
// the newest 100,000 rows that a filter leads to. maxCounting are counted at a time; others wait.
func (l *Log) Volume(ctx context.Context, f Filter, buckets int, now time.Time) (Volume, error) {
	if buckets == 0 {
		buckets = defaultBuckets
	}
	if buckets < 1 || buckets > maxBuckets {
		return Volume{}, fault.Newf(fault.Invalid, "buckets must be between 1 and %d", maxBuckets).WithField("buckets")
	}
	f.Cursor, f.Limit = "", 0
	v, err := l.span(ctx, f, now)
	if err != nil || v.From.IsZero() {
		return v, err
	}
	done, err := l.turn(ctx)
	if err != nil {
		return Volume{}, err
	}
	defer done()
	if _, err := conditionsOf(f); err != nil {
		return Volume{}, err
	}
	v.lay(int64(buckets))
	f.From, f.To = v.From, v.To
	if !f.narrowsMore() {
		v.CountedFrom, err = l.addSums(ctx, &v, f.Decision)
		return v, err
	}
	all := Volume{From: v.From, To: v.To, Width: v.To.Sub(v.From), Buckets: []Bucket{{Start: v.From}}}
	if _, err := l.addSums(ctx, &all, ""); err != nil {
		return Volume{}, err
	}
	v.Rows = all.Rows
	v.CountedFrom, err = l.count(ctx, f, &v)
	return v, err
}

// turn waits until fewer than maxCounting volumes are counted, and answers what ends this one. It refuses who left.
func (l *Log) turn(ctx context.Context) (done func(), err error) {
	select {
	case l.counting <- struct{}{}:
		return func() { <-l.counting }, nil
	case <-ctx.Done():
		return nil, fault.From(ctx.Err())
	}
}

// span answers from when to when is counted; a zero From where there is no row to begin at.
func (l *Log) span(ctx context.Context, f Filter, now time.Time) (Volume, error) {
	v := Volume{From: f.From, To: f.To}
	if v.To.IsZero() {
		v.To = time.UnixMilli(ceilMilli(now) + 1) // the newest row is inside
	}
	if v.From.IsZero() {
		first, err := l.first(ctx)
		if err != nil || first.IsZero() {
			return Volume{}, err
		}
		v.From = first
		if f.To.IsZero() && !v.To.After(v.From) {
			v.To = v.From.Add(time.Millisecond) // the clock was set back since
		}
	}
	if !v.To.After(v.From) {
		return Volume{}, fault.New(fault.Invalid, "to must be after from").WithField("to")
	}
	if v.To.Sub(v.From) > maxSpan { // Sub answers the longest there is where it is longer
		return Volume{}, fault.New(fault.Invalid, "from and to must be within a century").WithField("from")
	}
	return v, nil
}

// lay makes empty buckets of whole milliseconds; the last one may reach beyond To, where nothing is counted.
func (v *Volume) lay(n int64) {
	from, to := ceilMilli(v.From), ceilMilli(v.To)
	width := max((to-from+n-1)/n, 1)
	v.From, v.To, v.Width = time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC(), time.Duration(width)*time.Millisecond
	for at := from; at < to; at += width {
		v.Buckets = append(v.Buckets, Bucket{Start: time.UnixMilli(at).UTC()})
	}
}

// add counts n rows of one decision into their bucket.
func (v *Volume) add(bucket int64, decision string, n int64) {
	for _, c := range []*Counts{&v.Buckets[bucket].Counts, &v.Total} {
		switch decision {
		case Allow:
			c.Allow += n
		case Deny:
			c.Deny += n
		default:
			c.Error += n
		}
	}
}

// narrowsMore says whether the filter leaves anything out but by time and decision.
func (f Filter) narrowsMore() bool {
	return f.Actor != "" || f.Action != "" || f.Model != "" || f.IP != "" || f.RequestID != "" || f.Q != "" ||
		f.Rule != "" || f.Reason != "" || f.Purpose != "" || f.Key != ""
}
