package rule

import "time"

// Holds says whether the zone's wall clocks show a time within the hours at t.
func (h Hours) Holds(t time.Time) bool {
	if h.zone == nil {
		return false
	}
	local := t.In(h.zone)
	today := local.Weekday()
	before := (today + 6) % 7
	clock := local.Hour()*60 + local.Minute()
	for i := range h.spans {
		s := &h.spans[i]
		if s.from < s.to {
			if s.days[today] && s.from <= clock && clock < s.to {
				return true
			}
		} else if s.days[today] && s.from <= clock || s.days[before] && clock < s.to {
			return true
		}
	}
	return false
}

// nextWithin is how far Next looks: hours that a change of clocks skips come a week later.
const nextWithin = 22 * 24 * time.Hour

// Next answers the first moment from t on when the hours hold, which is t where they do; the zero time where there is none
// within three weeks.
func (h Hours) Next(t time.Time) time.Time {
	if h.zone == nil {
		return time.Time{}
	}
	end := t.Add(nextWithin)
	for at := t.In(h.zone); at.Before(end); {
		if h.Holds(at) {
			return at
		}
		_, until := at.ZoneBounds()
		if until.IsZero() || until.After(end) {
			until = end
		}
		if next := h.nextBeginning(at, until); !next.IsZero() {
			return next
		}
		at = until.In(h.zone)
	}
	return time.Time{}
}

// nextBeginning answers the first beginning of a span after at and before until, between which the offset does not change.
func (h Hours) nextBeginning(at, until time.Time) time.Time {
	_, offset := at.Zone()
	shift := time.Duration(offset) * time.Second
	wall := at.UTC().Add(shift) // a clock without changes that shows what the zone's shows
	midnight := time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	for {
		var best time.Time
		for _, s := range h.spans {
			when := midnight.Add(time.Duration(s.from) * time.Minute).Add(-shift)
			if s.days[midnight.Weekday()] && when.After(at) && when.Before(until) && (best.IsZero() || when.Before(best)) {
				best = when
			}
		}
		if !best.IsZero() {
			return best.In(h.zone)
		}
		midnight = midnight.AddDate(0, 0, 1)
		if !midnight.Add(-shift).Before(until) {
			return time.Time{}
		}
	}
}
