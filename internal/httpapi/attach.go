package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

// attachment is a file that an answer is: its media type, and its name, which holds nothing that a header would have to escape.
type attachment struct{ mediaType, name string }

// attach answers a file that is made while it is taken. One that is broken off ends the connection, so that nobody takes it for whole.
func (s *Server) attach(c *gin.Context, w http.ResponseWriter, a attachment, write func(ctx context.Context, out io.Writer) error) error {
	ctx, end := s.streamContext(c)
	defer end()
	exchangeOf(c).opened = s.now()
	h := w.Header()
	h.Set("Content-Type", a.mediaType)
	h.Set("Content-Disposition", `attachment; filename="`+a.name+`"`)
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers what it passes on would hide how fast it is taken
	w.WriteHeader(http.StatusOK)
	if err := write(ctx, &sink{w, http.NewResponseController(unwrapped(w))}); err != nil {
		s.logFault(c, fault.From(err), s.statuses[fault.CodeOf(err)])
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way to drop a connection
	}
	return nil
}

// sink is one response as a place for blocks: each has to be taken in time.
type sink struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// Write is part of io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:forbidigo // the socket's clock; a test's writer has none
	n, err := s.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, s.control.Flush()
}
