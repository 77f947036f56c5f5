package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/events"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/moderation"
)

// StreamEvents opens a stream of events. Opening leaves no row, as no list does; a refusal for too many streams does.
func (s *Server) StreamEvents(ctx context.Context, r gen.StreamEventsRequestObject) (gen.StreamEventsResponseObject, error) {
	c, ok := ctx.(*gin.Context)
	if !ok || s.deps.Events == nil {
		return nil, fault.New(fault.NotAvailable, "This server has no events.")
	}
	after, err := resumeAfter(r.Params)
	if err != nil {
		return nil, err
	}
	p := exchangeOf(ctx).principal
	sub, err := s.deps.Events.Subscribe(requestContext(ctx), p, after)
	switch fault.CodeOf(err) { //nolint:exhaustive // the refusals of this principal
	case "":
		return eventStream{s, c, sub}, nil
	case fault.RateLimited, fault.Forbidden:
		err = s.recorded(c, p, refusal{access.SessionOwn, audit.Deny, string(fault.CodeOf(err)), err})
	}
	return nil, err
}

// resumeAfter reads where the stream goes on. A browser that comes back by itself repeats the address that it was given,
// with the newer place in the header.
func resumeAfter(p gen.StreamEventsParams) (int64, error) {
	if p.LastEventID != nil {
		return events.ParseID(*p.LastEventID)
	}
	return events.ParseID(value(p.After))
}

// eventStream is the answer that ends when one side leaves.
type eventStream struct {
	s   *Server
	c   *gin.Context
	sub *events.Subscription
}

// VisitStreamEventsResponse writes the stream and returns at its end.
func (e eventStream) VisitStreamEventsResponse(w http.ResponseWriter) error {
	defer e.sub.Close()
	ctx, end := e.s.streamContext(e.c)
	defer end()
	exchangeOf(e.c).opened = e.s.now()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers what it passes on would hold events back
	w.WriteHeader(http.StatusOK)
	e.sub.Follow(ctx, &eventSink{w, http.NewResponseController(unwrapped(w))})
	return nil
}

// unwrapped answers the server's own writer: gin's has no way to say that a flush failed.
func unwrapped(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// eventSink is one response as a place for events.
type eventSink struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// Bound is part of events.Sink.
func (s *eventSink) Bound(d time.Duration) error {
	var at time.Time
	if d != 0 {
		at = time.Now().Add(d) //nolint:forbidigo // the socket's clock
	}
	return s.control.SetWriteDeadline(at)
}

// Write is part of events.Sink.
func (s *eventSink) Write(p []byte) error {
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.control.Flush()
}

// HistoryJSON answers a verdict as the history's list has it, for the events that carry one.
func HistoryJSON(r moderation.HistoryRow) ([]byte, error) { return json.Marshal(historyDTO(r)) }
