package audit

import (
	"context"
	"crypto/hmac"
)

// Held is what an event's content hash says of a content.
type Held int

// A content is the event's, is another, or nothing can be said because the event kept no hash.
const (
	HeldUnknown Held = iota
	HeldSame
	HeldOther
)

// Holds answers whether content is what the event was about. Whoever may ask can check a guess: it is for callers that entered the
// gate for it and leave a row (threat T4).
func (l *Log) Holds(ctx context.Context, id string, content [][]byte) (Held, error) {
	ev, err := l.Get(ctx, id)
	switch {
	case err != nil:
		return HeldUnknown, err
	case ev.ContentHash == "":
		return HeldUnknown, nil
	case hmac.Equal([]byte(ev.ContentHash), []byte(hashContent(l.contentKey, ev.ID, content))):
		return HeldSame, nil
	}
	return HeldOther, nil
}
