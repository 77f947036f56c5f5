package httpapi

import (
	"bytes"
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/metrics"
)

// GetMetrics answers every metric to whoever holds metrics.read. Reading leaves no row; a refusal does.
func (s *Server) GetMetrics(ctx context.Context, _ gen.GetMetricsRequestObject) (gen.GetMetricsResponseObject, error) {
	if err := s.mayRead(ctx, access.MetricsRead); err != nil {
		return nil, err
	}
	if s.deps.Metrics == nil {
		return nil, fault.New(fault.NotAvailable, "This server keeps no metrics.")
	}
	var text bytes.Buffer
	if err := s.deps.Metrics.Write(&text); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "The metrics cannot be read.")
	}
	return exposition(text.Bytes()), nil
}

// mayRead refuses whoever does not hold the action, and leaves the refusal's row, for what has no service of its own
// that would ask the gate.
func (s *Server) mayRead(ctx context.Context, a access.Action) error {
	p := exchangeOf(ctx).principal
	if s.deps.Guard.Can(p, a) {
		return nil
	}
	if err := s.deps.Guard.Reject(requestContext(ctx), p, access.Op{Action: a}, audit.Deny, s.lack(p, a)); err != nil {
		return err
	}
	return notAllowed()
}

// exposition is text in the format of Prometheus, whose version stands in its content type.
type exposition []byte

// VisitGetMetricsResponse writes the text.
func (e exposition) VisitGetMetricsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", metrics.ContentType)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(e)
	return err
}

// count adds one answered request to the metrics: by pattern, never by path.
func (s *Server) count(c *gin.Context) {
	route, status, x := c.FullPath(), c.Writer.Status(), exchangeOf(c)
	answered := x.opened // what is measured is the wait for an answer, not how long it is listened to
	if answered.IsZero() {
		answered = s.now()
	}
	s.deps.Metrics.Observe(route, methodOf(c.Request), status, answered.Sub(x.started))
	if c.Request.Method == http.MethodPost && (route == "/api/v1/auth/login" || route == "/login") {
		s.deps.Metrics.SignedIn(signInOutcome(status))
	}
}

// signInOutcome names what an attempt to sign in came to, by what it was answered.
func signInOutcome(status int) string {
	switch status {
	case http.StatusOK, http.StatusCreated:
		return metrics.Success
	case http.StatusUnauthorized, http.StatusForbidden:
		return metrics.Refused
	case http.StatusTooManyRequests:
		return metrics.Throttled
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout, statusClientLeft:
		return metrics.Unavailable
	}
	if status < http.StatusInternalServerError {
		return metrics.Malformed
	}
	return metrics.Failed
}

// ErrorCodes lists the codes that answers carry, for the metrics.
func ErrorCodes() []string {
	var out []string
	for _, code := range fault.Codes() {
		out = append(out, string(code))
	}
	return out
}
