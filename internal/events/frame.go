package events

import (
	"regexp"
	"strconv"

	"guardhouse/internal/fault"
)

// The wire format is docs/events.md. JSON as we write it has no line break in it, so one data line holds it.

// retryLine tells the browser how long to wait before it comes back.
func retryLine() []byte { return []byte("retry: 3000\n\n") }

func keepAliveLine() []byte { return []byte(": keep-alive\n\n") }

// appendPlace moves the reader's place without showing anything.
func appendPlace(b []byte, id int64) []byte {
	return append(strconv.AppendInt(append(b, "id: "...), id, 10), "\n\n"...)
}

func appendFrame(b []byte, e Event) []byte {
	if e.ID > 0 {
		b = append(strconv.AppendInt(append(b, "id: "...), e.ID, 10), '\n')
	}
	b = append(append(append(b, "event: "...), e.Type...), '\n')
	b = append(append(append(b, "data: "...), e.Data...), "\n\n"...)
	return b
}

// place is a non-negative whole number in its one spelling, with at most eighteen digits.
var place = regexp.MustCompile(`^(0|[1-9][0-9]{0,17})$`)

// ParseID reads where a stream is to go on: the id of the last event that was seen. "" is FromNow; anything but a
// non-negative whole number in its one spelling is Invalid.
func ParseID(s string) (int64, error) {
	if s == "" {
		return FromNow, nil
	}
	if !place.MatchString(s) {
		return 0, fault.New(fault.Invalid, "The place to go on from must be the id of an event: a whole number.")
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fault.Wrap(err, fault.Invalid, "The place to go on from must be the id of an event: a whole number.")
	}
	return id, nil
}

func resetData(id int64) []byte {
	return append(strconv.AppendInt([]byte(`{"id":`), id, 10), '}')
}
