// Package httpapi is the edge: it parses, bounds and authenticates requests, hands them to the domain
// services and writes their answers. openapi.yaml beside it is the contract; gen holds what is generated
// from it. Nothing is decided here about who may do what: the early check by x-action only spares work, the
// gate behind the services is the authority. It may import the domain packages, fault and web; it never
// runs a model and never writes SQL.
package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/alert"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/canary"
	"guardhouse/internal/catalog"
	"guardhouse/internal/chat"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/events"
	"guardhouse/internal/evidence"
	"guardhouse/internal/examples"
	"guardhouse/internal/export"
	"guardhouse/internal/fault"
	"guardhouse/internal/filters"
	"guardhouse/internal/forward"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/hygiene"
	"guardhouse/internal/manager"
	"guardhouse/internal/metrics"
	"guardhouse/internal/moderation"
	"guardhouse/internal/overview"
	"guardhouse/internal/policy"
	"guardhouse/internal/rehearsal"
	"guardhouse/internal/request"
	"guardhouse/internal/retention"
	"guardhouse/internal/review"
	"guardhouse/internal/settings"
	"guardhouse/internal/usage"
	"guardhouse/internal/verify"
)

// Defaults of Options.
const (
	defaultMaxBody = 1 << 20
	// A body of 1 MiB on a small CPU takes minutes; past this nobody waits any more.
	defaultRequestTimeout = 5 * time.Minute
	// writeTimeout is how long a client may take to read an answer that is ready.
	writeTimeout = 30 * time.Second
)

// Deps are the services behind the routes.
type Deps struct {
	Auth          *auth.Service
	Guard         *access.Guard
	Moderation    *moderation.Service
	Models        *manager.Service
	Chat          *chat.Service // nil = nothing is written
	Checkpoints   *checkpoint.Service
	Catalog       *catalog.Service
	Audit         *audit.Log
	Proofs        func(context.Context) verify.Options // what is known of the log outside the database; nil = nothing
	Filters       *filters.Service
	Export        *export.Service   // nil = nothing is exported
	Evidence      *evidence.Service // nil = there are no packs
	Requests      *request.Service
	Reviews       *review.Service
	Retention     *retention.Service
	Usage         *usage.Service
	Events        *events.Hub
	Forward       *forward.Service
	Alerts        *alert.Service
	Examples      *examples.Service // nil = there are none
	Settings      *settings.Service
	Writable      func() error       // whether a row could be made durable now; nil = not asked
	CommitsFailed func() uint64      // transactions that could not be made durable, so far; nil = not counted
	DiskLow       func() bool        // whether the disk is about to refuse rows; nil = not asked
	Canary        *canary.Service    // nil = guards are held to nothing
	Metrics       *metrics.Registry  // nil = nothing is counted
	Overview      *overview.Service  // nil = there is none
	Policy        *policy.Service    // nil = rules are not administered here
	Rehearsal     *rehearsal.Service // nil = rules are neither explained nor rehearsed
	Hygiene       *hygiene.Service   // nil = nobody looks rules over
	UI            fs.FS              // the built user interface; without index.html the server says that it is not built
}

// Options is what the settings say of the edge.
type Options struct {
	MaxBody           int64    // bytes, 0 = 1 MiB
	TrustedHosts      []string // names beyond IP literals, localhost and ServerName
	ServerName        string   // this machine's own name
	TLS               bool     // false = plain HTTP on loopback: the cookie has no Secure and another name
	HSTS              bool     // with a given certificate only
	CertificateSHA256 func() string
	RequestTimeout    time.Duration // 0 = 5 min
	Surface           Surface
	TrustedProxies    []netip.Prefix // whose X-Forwarded-For is believed
	AllowFrom         []netip.Prefix // who is served; empty = everybody
	Now               func() time.Time
	Log               *slog.Logger // nil = slog.Default
}

// Server answers every route of the contract. It is an http.Handler.
type Server struct {
	deps      Deps
	o         Options
	log       *slog.Logger
	now       func() time.Time
	contract  contract
	unbuilt   map[route]bool
	statuses  map[fault.Code]int
	hosts     map[string]bool
	proxies   prefixes
	allowed   prefixes
	clients   *counter // requests under way through trusted proxies
	bodies    *budget
	drain     drain
	origins   *http.CrossOriginProtection
	ui        *ui
	published func() (asset, error) // the document as JSON, made when it is first asked for
	verifier  verifier
	writable  probe
	engine    *gin.Engine
}

// New answers a server over the services. It refuses a document with an operation that no action is named for,
// and an action that the gate does not know.
func New(d Deps, o Options) (*Server, error) {
	s := &Server{deps: d, o: o, log: o.Log, now: o.Now, statuses: statuses(), origins: http.NewCrossOriginProtection()}
	s.fill()
	s.writable = probe{ask: d.Writable, failed: d.CommitsFailed, now: s.now}
	var err error
	if s.contract, err = readContract(document); err != nil {
		return nil, err
	}
	if s.ui, err = newUI(d.UI); err != nil {
		return nil, fmt.Errorf("reading the user interface: %w", err)
	}
	s.hosts = trustedHosts(o.ServerName, o.TrustedHosts)
	s.proxies, s.allowed, s.clients = o.TrustedProxies, o.AllowFrom, newCounter(perClient)
	s.bodies = newBudget(s.o.MaxBody)
	s.unbuilt = unbuiltRoutes()
	s.published = sync.OnceValues(func() (asset, error) { return publish(document) })
	s.engine = s.newEngine()
	return s, nil
}

func (s *Server) fill() {
	if s.o.MaxBody <= 0 {
		s.o.MaxBody = defaultMaxBody
	}
	if s.o.RequestTimeout <= 0 {
		s.o.RequestTimeout = defaultRequestTimeout
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if s.o.CertificateSHA256 == nil {
		s.o.CertificateSHA256 = func() string { return "" }
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// newEngine makes gin match exactly what the contract names: no fixing of paths, no redirects, no trusted proxies.
func (s *Server) newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // else gin prints the routes on standard output
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.RemoveExtraSlash = false, false, false
	e.HandleMethodNotAllowed, e.UseRawPath, e.ForwardedByClientIP = true, true, false
	e.Use(s.identify, s.observe, s.harden, s.checkAddress, s.checkShape, s.checkHost, s.checkPath, s.checkSurface, s.checkSetup,
		s.checkOrigin, s.admit)
	e.NoRoute(func(c *gin.Context) { s.problem(c, fault.New(fault.NotFound, "There is nothing here.")) })
	e.NoMethod(func(c *gin.Context) {
		s.problem(c, fault.New(fault.MethodNotAllowed, "This address does not take this method."))
	})
	refuse := func(c *gin.Context, err error) {
		s.problem(c, fault.Wrap(err, fault.Invalid, "The request is malformed."))
	}
	strict := gen.NewStrictHandlerWithOptions(s, []gen.StrictMiddlewareFunc{s.deadline, s.sayLimits}, gen.StrictGinServerOptions{
		RequestErrorHandlerFunc:  refuse,
		HandlerErrorFunc:         s.problem,
		ResponseErrorHandlerFunc: s.unread,
	})
	shown := surfaceRouter{e, s.o.Surface}
	gen.RegisterHandlersWithOptions(shown, strict, gen.GinServerOptions{
		ErrorHandler: func(c *gin.Context, err error, _ int) { refuse(c, err) },
	})
	// Load balancers ask with HEAD; net/http keeps the body back.
	shown.HEAD("/healthz", strict.GetHealth)
	shown.HEAD("/readyz", strict.GetReady)
	for r := range s.unbuilt {
		shown.Handle(r.method, r.pattern, s.notAvailable)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		shown.Handle(method, "/", s.toUI)
		shown.Handle(method, "/ui/*path", s.serveUI)
	}
	return e
}

// newRequestID answers an id of our own making: a caller's is never taken over.
func newRequestID(now time.Time) (string, error) {
	id, err := ulid.New(ulid.Timestamp(now), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("making a request id: %w", err)
	}
	return "req_" + id.String(), nil
}
