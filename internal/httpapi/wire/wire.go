// Package wire holds the scalar types that generated contract types use where the standard ones would
// not keep the contract's exact spelling. It imports the standard library alone.
package wire

import (
	"encoding/json"
	"errors"
	"time"
)

// layout is RFC 3339 in UTC, always with three digits of milliseconds.
const layout = "2006-01-02T15:04:05.000Z"

// Time is a moment as the contract writes it.
type Time struct{ time.Time }

// At answers t in UTC, cut to milliseconds.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// Maybe answers nil for a nil or zero moment.
func Maybe(t *time.Time) *Time {
	if t == nil || t.IsZero() {
		return nil
	}
	at := At(*t)
	return &at
}

// MarshalJSON writes the moment in UTC with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.UTC().Format(layout) + `"`), nil }

// UnmarshalJSON reads any RFC 3339 moment; it refuses everything else.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("a moment must be a string")
	}
	return t.UnmarshalText([]byte(s))
}

// UnmarshalText reads any RFC 3339 moment of the years 1970 to 9999; it refuses everything else, so that no moment that
// somebody sent is the zero one.
func (t *Time) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil || at.UTC().Year() < 1970 {
		return errors.New("a moment must be RFC 3339, from 1970 on")
	}
	t.Time = at.UTC()
	return nil
}
