package httpapi

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/limit"
)

// statusClientLeft is what the log says when nobody was there to read the answer. It is no registered status.
const statusClientLeft = 499

// statuses is the one table from a code to what a client sees.
func statuses() map[fault.Code]int {
	return map[fault.Code]int{
		fault.Invalid:              http.StatusBadRequest,
		fault.Unauthenticated:      http.StatusUnauthorized,
		fault.Forbidden:            http.StatusForbidden,
		fault.ConfirmationRequired: http.StatusForbidden,
		fault.NotFound:             http.StatusNotFound,
		fault.NotAvailable:         http.StatusNotFound,
		fault.MethodNotAllowed:     http.StatusMethodNotAllowed,
		fault.Conflict:             http.StatusConflict,
		fault.Stale:                http.StatusPreconditionFailed,
		fault.TooLarge:             http.StatusRequestEntityTooLarge,
		fault.UnsupportedMedia:     http.StatusUnsupportedMediaType,
		fault.Misdirected:          http.StatusMisdirectedRequest,
		fault.Unprocessable:        http.StatusUnprocessableEntity,
		fault.PayloadRefused:       http.StatusUnprocessableEntity,
		fault.RateLimited:          http.StatusTooManyRequests,
		fault.CrashStopped:         http.StatusTooManyRequests,
		fault.Canceled:             statusClientLeft,
		fault.Internal:             http.StatusInternalServerError,
		fault.SetupRequired:        http.StatusServiceUnavailable,
		fault.Busy:                 http.StatusServiceUnavailable,
		fault.Loading:              http.StatusServiceUnavailable,
		fault.AuditUnavailable:     http.StatusServiceUnavailable,
		fault.NotInForce:           http.StatusServiceUnavailable,
		fault.Timeout:              http.StatusGatewayTimeout,
	}
}

// problem answers err and ends the request: the only place where an error becomes an answer. The cause goes to
// the log of this request and nowhere else. A client that left gets nothing.
func (s *Server) problem(c *gin.Context, err error) {
	f := fault.From(err)
	status, known := s.statuses[f.Code]
	if !known {
		f, status = fault.Wrap(err, fault.Internal, "something went wrong on our side"), http.StatusInternalServerError
	}
	s.logFault(c, f, status)
	s.deps.Metrics.Refused(string(f.Code))
	c.Abort()
	if c.Writer.Written() {
		return
	}
	if status == statusClientLeft {
		c.Status(statusClientLeft)
		return
	}
	boundWrite(c)
	h := c.Writer.Header()
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="guardhouse"`)
	}
	setRetry(h, f)
	if strings.HasPrefix(c.Request.URL.Path, "/v1/") {
		writeJSON(c, status, "application/json", openAIError(f, status, requestID(c)))
		return
	}
	body := problemBody(f, status, requestID(c))
	body.Reasons = reasonsOf(err)
	writeJSON(c, status, "application/problem+json", body)
}

// unread ends a request whose answer was not taken. Answers are whole before they are sent, so once one has begun it is the
// caller who left or does not read, and no failure of ours.
func (s *Server) unread(c *gin.Context, err error) {
	if c.Writer.Written() {
		err = fault.Wrap(err, fault.Canceled, "the caller did not read the answer")
	}
	s.problem(c, err)
}

// logFault writes what a client must not see: the cause of our own failures.
func (s *Server) logFault(c *gin.Context, f *fault.Error, status int) {
	if status < http.StatusInternalServerError {
		return
	}
	level := slog.LevelWarn
	if f.Code == fault.Internal {
		level = slog.LevelError
	}
	s.log.LogAttrs(c.Request.Context(), level, "request failed",
		slog.String("request_id", requestID(c)), slog.String("code", string(f.Code)), slog.String("error", f.Error()))
}

// setRetry says when to come back. Where limits refused, their headers say it, or say nothing where waiting does not help.
func setRetry(h http.Header, f *fault.Error) {
	for name, value := range f.Headers {
		h.Set(name, value)
	}
	if after := retryAfter(f); after != "" && f.Headers == nil {
		h.Set("Retry-After", after)
	}
}

// retryAfter answers whole seconds, rounded up, and at least one where the code invites a second try.
func retryAfter(f *fault.Error) string {
	after := f.RetryAfter
	switch f.Code { //nolint:exhaustive // the codes that a second try can change
	case fault.RateLimited, fault.CrashStopped, fault.Busy, fault.Loading, fault.AuditUnavailable, fault.SetupRequired:
		after = max(after, time.Second)
	}
	if after <= 0 {
		return ""
	}
	return strconv.Itoa(int(math.Ceil(after.Seconds())))
}

func problemBody(f *fault.Error, status int, id string) gen.Problem {
	p := gen.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Code: gen.ErrorCode(f.Code), Detail: f.Message, RequestID: id,
	}
	if f.Field != "" {
		p.Field = &f.Field
	}
	p.Queue, p.Limit = queuePlace(f.Line), limitDTO(f.Limit)
	return p
}

// limitDTO is the limit that refused, nil where none did.
func limitDTO(l *fault.Limit) *gen.LimitRefusal {
	if l == nil {
		return nil
	}
	out := gen.LimitRefusal{Name: l.Name, Max: float64(l.Max), Left: float64(l.Left)}
	if !l.Until.IsZero() {
		out.Until = new(wire.At(l.Until))
	}
	if l.Span == "" {
		return &out
	}
	for u := limit.Requests; u.String() != ""; u++ {
		if u.String() == l.Unit {
			out.Unit = new(gen.LimitRefusalUnit(unitName(u)))
			out.Max, out.Left = shown(u, l.Max), shown(u, l.Left)
		}
	}
	out.Span = new(gen.LimitRefusalSpan(l.Span))
	return &out
}

func openAIError(f *fault.Error, status int, id string) gen.OpenAIErrorBody {
	var b gen.OpenAIErrorBody
	b.Error.Message, b.Error.Code, b.Error.RequestID = f.Message, gen.ErrorCode(f.Code), id
	if f.Field != "" {
		b.Error.Param = &f.Field
	}
	b.Error.Queue = queuePlace(f.Line)
	b.Error.Type = "invalid_request_error"
	switch {
	case status >= http.StatusInternalServerError:
		b.Error.Type = "server_error"
	case status == http.StatusUnauthorized:
		b.Error.Type = "authentication_error"
	case status == http.StatusForbidden:
		b.Error.Type = "permission_error"
	case status == http.StatusTooManyRequests:
		b.Error.Type = "rate_limit_error"
	}
	return b
}

func queuePlace(l *fault.Line) *gen.QueuePlace {
	if l == nil {
		return nil
	}
	p := gen.QueuePlace{Waiting: l.Waiting, Capacity: l.Capacity}
	if l.Position > 0 {
		p.Position = &l.Position
	}
	return &p
}

// writeJSON answers v. The bodies it is given hold strings and numbers alone, so encoding them cannot fail.
func writeJSON(c *gin.Context, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		c.Status(http.StatusInternalServerError)
		return
	}
	c.Data(status, contentType, append(body, '\n'))
}
