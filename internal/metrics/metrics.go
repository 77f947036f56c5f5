// Package metrics owns the names of the product's Prometheus metrics and the registry that writes them. What happens
// at the edge is pushed (Observe, Refused, SignedIn); everything else is pulled from plain functions when somebody
// scrapes. Names and labels are a contract: testdata/names.golden lists them. No label ever holds a name or id of a
// person, an address or a text. It may import tally and the Prometheus client, and knows neither HTTP nor the services.
package metrics

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// ContentType is what Write writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Other stands in a label for what is none of the known values.
const Other = "other"

// maxRoutes bounds the routes that get labels of their own. The contract has about sixty with their methods.
const maxRoutes = 512

// Registry holds every metric of one server. All methods may be called from any goroutine; a nil one counts nothing.
type Registry struct {
	prom     *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	signIns  *prometheus.CounterVec
	failures *prometheus.CounterVec

	codes map[string]prometheus.Counter // of refusals, made once

	mu     sync.RWMutex
	routes map[routeKey]*routeCounters
}

// routeKey is what requests are counted by.
type routeKey struct{ route, method string }

// routeCounters are the metrics of one route, found once: a request costs no string.
type routeCounters struct {
	key      routeKey
	duration prometheus.Observer
	mu       sync.Mutex
	byStatus map[int]prometheus.Counter
}

// New answers a registry with what the edge pushes and with the metrics of the Go runtime and the process. codes are
// the error codes that refusals are counted by. It refuses metrics that contradict one another.
func New(codes []string) (*Registry, error) {
	r := &Registry{
		prom: prometheus.NewPedanticRegistry(),
		requests: counters("guardhouse_http_requests_total",
			"Requests answered, by route pattern, method and status; unknown ones are other.", "route", "method", "status"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "guardhouse_http_request_duration_seconds", Buckets: latencies(),
			Help: "Time from a request's header to its answer, by route pattern and method.",
		}, []string{"route", "method"}),
		refusals: counters("guardhouse_http_refusals_total", "Requests that were answered with an error, by its code.", "code"),
		signIns: counters("guardhouse_sign_ins_total",
			"Attempts to sign in, by outcome: success, refused, throttled, invalid, unavailable or error.", "outcome"),
		failures: counters("guardhouse_scrape_failures_total",
			"Scrapes in which a source of metrics could not be read, by source.", "source"),
		codes: map[string]prometheus.Counter{}, routes: map[routeKey]*routeCounters{},
	}
	// Zero is a value: an alert on a rate needs the series from the start.
	for _, code := range append([]string{Other}, codes...) {
		r.codes[code] = r.refusals.WithLabelValues(code)
	}
	for _, outcome := range outcomes() {
		r.signIns.WithLabelValues(outcome)
	}
	for _, source := range []string{sourcePeople, sourceStorage, sourceForwarding} {
		r.failures.WithLabelValues(source)
	}
	for _, c := range []prometheus.Collector{
		r.requests, r.duration, r.refusals, r.signIns, r.failures,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := r.prom.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return r, nil
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// latencies runs from a refusal at the edge to a text of many windows on a small CPU.
func latencies() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// The outcomes of a sign-in.
const (
	Success     = "success"
	Refused     = "refused"
	Throttled   = "throttled"
	Malformed   = "invalid"
	Unavailable = "unavailable"
	Failed      = "error"
)

// The sources that can fail.
const (
	sourcePeople     = "people"
	sourceForwarding = "forwarding"
	sourceStorage    = "storage"
)

func outcomes() []string {
	return []string{Success, Refused, Throttled, Malformed, Unavailable, Failed}
}

// Observe counts one answered request. route is a pattern of the router, "" for what matched none; a method that HTTP
// does not know is other.
func (r *Registry) Observe(route, method string, status int, d time.Duration) {
	if r == nil {
		return
	}
	if status < 100 || status > 599 {
		status = 0 // one series for all that HTTP does not have
	}
	c := r.countersOf(route, knownMethod(method))
	c.duration.Observe(max(d, 0).Seconds())
	c.count(r.requests, status)
}

func (r *Registry) countersOf(route, method string) *routeCounters {
	k := routeKey{route, method}
	r.mu.RLock()
	c := r.routes[k]
	r.mu.RUnlock()
	if c != nil {
		return c
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if route == "" || len(r.routes) >= maxRoutes {
		k.route = Other
	}
	if c = r.routes[k]; c == nil {
		c = &routeCounters{key: k, duration: r.duration.WithLabelValues(k.route, k.method), byStatus: map[int]prometheus.Counter{}}
		r.routes[k] = c
	}
	if route == "" {
		r.routes[routeKey{"", method}] = c
	}
	return c
}

func (c *routeCounters) count(requests *prometheus.CounterVec, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	counter := c.byStatus[status]
	if counter == nil {
		counter = requests.WithLabelValues(c.key.route, c.key.method, statusLabel(status))
		c.byStatus[status] = counter
	}
	counter.Inc()
}

// statusLabel is a number that HTTP has, or other.
func statusLabel(status int) string {
	if status == 0 {
		return Other
	}
	return strconv.Itoa(status)
}

func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return Other
}

// Refused counts one answer with an error. A code that New was not told of is other.
func (r *Registry) Refused(code string) {
	if r == nil {
		return
	}
	c, known := r.codes[code]
	if !known {
		c = r.codes[Other]
	}
	c.Inc()
}

// SignedIn counts one attempt to sign in. An outcome that is none of the constants is error.
func (r *Registry) SignedIn(outcome string) {
	if r == nil {
		return
	}
	if !slices.Contains(outcomes(), outcome) {
		outcome = Failed
	}
	r.signIns.WithLabelValues(outcome).Inc()
}

// Write writes every metric in the text format of Prometheus, sources read anew. What could be read is written even
// when a source failed; that failure stands in guardhouse_scrape_failures_total.
func (r *Registry) Write(w io.Writer) error {
	families, err := r.prom.Gather()
	if err != nil {
		return fmt.Errorf("gathering metrics: %w", err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("writing metrics: %w", err)
		}
	}
	return nil
}
