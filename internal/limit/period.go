package limit

import "time"

// Span is how long a quota counts before it begins anew.
type Span uint8

// The spans, in UTC whatever zone the caller is in.
const (
	Day Span = iota
	Month
	spans int = iota
)

// String answers the span as stored rows spell it, "" for none of ours.
func (s Span) String() string {
	switch s {
	case Day:
		return "day"
	case Month:
		return "month"
	}
	return ""
}

// period answers the first moment of now's day or month and the first after it.
func (s Span) period(now time.Time) (begins, ends time.Time) {
	year, month, day := now.UTC().Date()
	if s == Month {
		begins = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		return begins, begins.AddDate(0, 1, 0)
	}
	begins = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	return begins, begins.AddDate(0, 0, 1)
}
