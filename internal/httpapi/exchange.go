package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// exchangeKey is where gin keeps what the middleware found out about a request.
const exchangeKey = "guardhouse.exchange"

// maxUserAgent is how much of a browser's name is kept.
const maxUserAgent = 256

// exchange is what is known of one request.
type exchange struct {
	id        string
	started   time.Time
	opened    time.Time     // when a stream began; zero for every other answer
	sent      *http.Request // as it came, before it got a time limit
	peer      netip.Addr    // the other end of the connection
	origin    access.Origin
	principal access.Principal  // who asks, once admit let him in
	raw       []byte            // the body as sent
	whole     bool              // all of the body was read
	held      int64             // bytes of the body that were taken from the budget
	patience  time.Duration     // how long the caller waits for the answer, 0 = he does not say
	limits    map[string]string // headers that say how the limits stand since the gate let a use in
}

// exchangeOf answers what is known of the request behind ctx, which is gin's own context in every handler.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey).(*exchange); ok {
		return x
	}
	return &exchange{principal: access.Anonymous(access.Origin{})}
}

func requestID(c *gin.Context) string { return exchangeOf(c).id }

// requestContext answers the request's own context. Services get this one: gin takes its context back and
// hands it to the next request.
func requestContext(ctx context.Context) context.Context {
	if c, ok := ctx.(*gin.Context); ok {
		return c.Request.Context()
	}
	return ctx
}

// newOrigin answers where a request came from; client is its resolved address.
func newOrigin(r *http.Request, id string, client netip.Addr) access.Origin {
	o := access.Origin{RequestID: id, UserAgent: r.UserAgent(), IP: client}
	if len(o.UserAgent) > maxUserAgent {
		o.UserAgent = strings.ToValidUTF8(o.UserAgent[:maxUserAgent], "")
	}
	return o
}

// isBrowser says that the request was made by a browser: it must never see a token in a body.
func isBrowser(r *http.Request) bool {
	return len(r.Header.Values("Origin")) > 0 || len(r.Header.Values("Sec-Fetch-Site")) > 0
}

// credential answers what a request is signed in with. Any Authorization header hides the cookie; one that is not
// a single Bearer token is a credential that nobody has. Two cookies of one name are none, and so is one in quotes: a
// browser sends back what it was given, and what has two spellings is compared wrongly somewhere.
func (s *Server) credential(r *http.Request) auth.Credential {
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		scheme, token, _ := strings.Cut(values[0], " ")
		if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
			token = "-" // no credential has this form
		}
		return auth.Credential{Bearer: token}
	}
	if cookies := r.CookiesNamed(s.cookieName()); len(cookies) == 1 && !cookies[0].Quoted {
		return auth.Credential{Cookie: cookies[0].Value, Browser: isBrowser(r)}
	}
	return auth.Credential{}
}

// cookieName differs on plain HTTP because browsers take the __Host- prefix over TLS only.
func (s *Server) cookieName() string {
	if s.o.TLS {
		return "__Host-gh"
	}
	return "gh"
}

// setCookie gives the browser its session; "" takes it away. It ends with the browser, and before that when the
// server says so. On the listener for programs nobody gets one.
func (s *Server) setCookie(c context.Context, token string) {
	g, ok := c.(*gin.Context)
	if !ok || s.o.Surface == Programs {
		return
	}
	cookie := &http.Cookie{ //nolint:gosec // Secure is off on plain loopback alone: there is no TLS to carry it
		Name: s.cookieName(), Value: token, Path: "/", HttpOnly: true, Secure: s.o.TLS, SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(g.Writer, cookie)
}
