package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// What can be asked.
const (
	Ready = "/readyz"  // a verdict could be given now
	Alive = "/healthz" // the process answers
)

// maxAnswer is far more than either answer holds; what is longer comes from something else.
const maxAnswer = 64 << 10

// Report is what came back. Good is true only for our own answer that all is well.
type Report struct {
	URL     string   `json:"url"`
	Good    bool     `json:"good"`
	Status  int      `json:"status"` // 0 = no answer
	Reasons []Reason `json:"reasons"`
	// Degraded is what somebody should mend although verdicts are given.
	Degraded []Reason `json:"degraded,omitempty"`
	Millis   int64    `json:"duration_ms"`
	Problem  string   `json:"problem,omitempty"`
}

// Reason is one thing that stands in the way, as /readyz lists it.
type Reason struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Words answers one line for a person.
func (r Report) Words() string {
	switch {
	case r.Good && len(r.Degraded) > 0:
		return "good, but " + codes(r.Degraded)
	case r.Good:
		return "good"
	case len(r.Reasons) > 0:
		return "not ready: " + codes(r.Reasons)
	default:
		return r.Problem
	}
}

func codes(reasons []Reason) string {
	out := make([]string, len(reasons))
	for i, r := range reasons {
		out[i] = r.Code
	}
	return strings.Join(out, ", ")
}

// Ask answers what the server says of itself. A server that does not answer, or is another, is a report too.
func (t Target) Ask(ctx context.Context, path string, timeout time.Duration, now func() time.Time) Report {
	start := now()
	report := Report{URL: t.base + path, Reasons: []Reason{}}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := t.ask(ctx, &report); err != nil {
		report.Good, report.Problem = false, t.explain(err, timeout)
	}
	report.Millis = now().Sub(start).Milliseconds()
	return report
}

func (t Target) ask(ctx context.Context, report *Report) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, report.URL, http.NoBody)
	if err != nil {
		return err
	}
	// One connection, no proxy of the environment, no redirect: the answer is this server's or none.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.roots, ServerName: t.name}}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	report.Status = answer.StatusCode
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	return report.read(data)
}

// read takes 200 for good only with the word that the server says there; something else on its port is no health.
func (r *Report) read(data []byte) error {
	var body struct {
		Status   any      `json:"status"`
		Title    string   `json:"title"`
		Detail   string   `json:"detail"`
		Reasons  []Reason `json:"reasons"`
		Degraded []Reason `json:"degraded"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return fmt.Errorf("answered %d, and not as Guardhouse does", r.Status)
	}
	if r.Status == http.StatusOK && (body.Status == "ready" || body.Status == "ok") {
		r.Good, r.Degraded = true, body.Degraded
		return nil
	}
	if len(body.Reasons) > 0 {
		r.Reasons = body.Reasons
		return nil
	}
	if body.Detail == "" {
		return fmt.Errorf("answered %d, and not as Guardhouse does", r.Status)
	}
	r.Problem = fmt.Sprintf("%s answered %d: %s", r.URL, r.Status, body.Detail)
	return nil
}

// explain says what a person can do about a request that got no answer.
func (t Target) explain(err error, timeout time.Duration) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		noTLS   tls.RecordHeaderError
		network net.Error
		refused *net.OpError
	)
	words := err.Error()
	switch {
	case errors.As(err, &unknown):
		words = "its certificate is not of this data folder's authority: is --data right?"
	case errors.As(err, &name):
		words = "its certificate is for another name: " + name.Error()
	case errors.As(err, &noTLS):
		words = "it does not speak TLS: is it http:// ?"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		words = fmt.Sprintf("no answer within %s", timeout)
	case errors.As(err, &refused) && refused.Op == "dial":
		words = "nothing answers there: is the server running?"
	}
	return t.base + ": " + words
}
