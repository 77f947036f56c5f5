package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// csp allows what the built console needs and nothing else: no inline code, no foreign host, no frame.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// hsts is one year, for servers whose certificate was given and not made here.
const hsts = "max-age=31536000"

// identify gives the request its id, its time limit and the place where the rest is kept.
func (s *Server) identify(c *gin.Context) {
	id, err := newRequestID(s.now())
	if err != nil {
		s.problem(c, err)
		return
	}
	peer := peerAddress(c.Request.RemoteAddr)
	client := s.proxies.client(peer, c.Request.Header)
	x := &exchange{id: id, started: s.now(), sent: c.Request, peer: peer, origin: newOrigin(c.Request, id, client)}
	defer s.forget(x)
	c.Set(exchangeKey, x)
	c.Header("X-Request-Id", id)
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.o.RequestTimeout)
	defer cancel()
	c.Request = c.Request.WithContext(x.hearLimits(ctx))
	c.Next()
}

// observe writes the one line of each request and turns a panic into a 500. The line holds neither query nor
// name nor content, and of the path only the pattern that matched.
func (s *Server) observe(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			if r == http.ErrAbortHandler { //nolint:errorlint // net/http compares it the same way
				panic(r) //nolint:forbidigo // net/http's own way to drop a connection
			}
			s.logPanic(c, r)
			s.problem(c, fault.New(fault.Internal, "something went wrong on our side"))
		}
		x := exchangeOf(c)
		s.log.LogAttrs(c.Request.Context(), slog.LevelInfo, "request",
			slog.String("method", methodOf(c.Request)), slog.String("route", c.FullPath()),
			slog.Int("status", c.Writer.Status()), slog.Float64("ms", float64(s.now().Sub(x.started).Microseconds())/1e3),
			slog.String("request_id", x.id))
		s.count(c)
	}()
	c.Next()
}

// logPanic keeps the panic's text out of the log unless the runtime wrote it: ours may hold content.
func (s *Server) logPanic(c *gin.Context, r any) {
	what := fmt.Sprintf("%T", r)
	if e, ok := r.(runtime.Error); ok {
		what = e.Error()
	}
	s.log.ErrorContext(c.Request.Context(), "panic", slog.String("request_id", requestID(c)),
		slog.String("panic", what), slog.String("stack", string(debug.Stack())))
}

// methodOf keeps invented methods out of the log.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// harden sets the headers that every answer has. Files of the console replace Cache-Control.
func (s *Server) harden(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if s.o.HSTS {
		h.Set("Strict-Transport-Security", hsts)
	}
}

// checkOrigin refuses what a page of another site makes a browser send. It has no exceptions (threat P3). Somebody who is
// signed in gets a row: it was his browser, and he should know what it was made to ask for.
func (s *Server) checkOrigin(c *gin.Context) {
	err := s.origins.Check(c.Request)
	if err == nil && s.exportedFromElsewhere(c) {
		err = errors.New("another site had a browser ask for an export")
	}
	if err == nil {
		return
	}
	err = fault.Wrap(err, fault.Forbidden, "A page of another site may not do this.")
	p, stranger := s.deps.Auth.Authenticate(c.Request.Context(), s.credential(c.Request), exchangeOf(c).origin)
	if stranger == nil {
		err = s.recordedEarly(c, p, "cross_site", err)
	}
	s.problem(c, err)
}

// exportedFromElsewhere says that a page of another site opens an export or a model's file with somebody's cookie: it is a GET, so that browsers
// and programs can save what comes, but it takes a place and leaves rows that carry what was asked for.
func (s *Server) exportedFromElsewhere(c *gin.Context) bool {
	taken := []string{"/api/v1/audit/export", "/api/v1/audit/evidence", "/api/v1/models/:id/file"}
	if !slices.Contains(taken, c.FullPath()) || s.credential(c.Request).Cookie == "" {
		return false
	}
	switch c.GetHeader("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return true
}

// checkSetup keeps everything shut but health, the set-up page and set-up itself until there is an admin.
func (s *Server) checkSetup(c *gin.Context) {
	required := s.deps.Auth.SetupRequired(c.Request.Context())
	switch c.FullPath() {
	case "/api/v1/setup":
		if !required && c.Request.Method == http.MethodPost { // for ever, whatever is sent (threat A1)
			s.problem(c, fault.New(fault.NotFound, "The set-up is done. Sign in instead."))
		}
	case "/healthz", "/readyz", "/", "/ui/*path":
	default:
		if required {
			s.problem(c, setupRequired())
		}
	}
}

func setupRequired() error {
	return fault.New(fault.SetupRequired, "This server has no admin yet. Open it in a browser to set it up.")
}

// deadline bounds how long the client may take to read, from the moment the answer is ready.
func (s *Server) deadline(f gen.StrictHandlerFunc, _ string) gen.StrictHandlerFunc {
	return func(c *gin.Context, request any) (any, error) {
		answer, err := f(c, request)
		boundWrite(c)
		return answer, err
	}
}

// boundWrite starts the time in which the answer must be read. A writer without deadlines (a test's) has none to set.
func boundWrite(c *gin.Context) {
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:forbidigo // the socket's clock
}
