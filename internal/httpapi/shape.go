package httpapi

import (
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

const (
	// A browser sends about twenty header lines, a chain of proxies adds a few.
	maxHeaderLines = 100
	// The longest address of ours has a cursor and half a dozen filters in it.
	maxTarget = 8 << 10
)

// checkShape refuses what no client of ours sends: more header lines or a longer address than any of them has, and two
// names for the server in one request.
func (s *Server) checkShape(c *gin.Context) {
	r := c.Request
	defer closeUnlessRead(c)()
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	switch {
	case lines > maxHeaderLines:
		s.problem(c, fault.Newf(fault.Invalid, "The request has more than %d header lines.", maxHeaderLines))
	case len(r.RequestURI) > maxTarget:
		s.problem(c, fault.Newf(fault.Invalid, "The address is longer than %d bytes.", maxTarget))
	case r.ProtoMajor >= 2 && !strings.HasPrefix(r.RequestURI, "/"): // RFC 9113, 8.3.1; net/http would take a whole URL
		s.problem(c, fault.New(fault.Invalid, "The address does not begin with a slash."))
	case !sameHost(r):
		s.problem(c, fault.New(fault.Misdirected, "The request names two hosts."))
	}
	c.Next()
}

// sameHost says that a Host header, which HTTP/2 leaves beside :authority, names nobody else.
func sameHost(r *http.Request) bool {
	for _, given := range r.Header["Host"] {
		if given != r.Host {
			return false
		}
	}
	return true
}

// linger is how long what is left of a refused body is still taken, and thrown away (RFC 9112, 9.6).
const linger = time.Second

// closeUnlessRead ends an HTTP/1 connection whose request has a body, unless readAll takes that back: a refusal must not wait
// for a body that nobody will look at, not before the answer and for no longer than linger after it. After a chunked body it ends in any case: who
// disagrees with us about where such a body stops (a proxy that believed a Content-Length beside it) gets no second request
// past us. The answered function is for when the request is over.
func closeUnlessRead(c *gin.Context) (over func()) {
	if r := c.Request; r.ProtoMajor != 1 || r.ContentLength == 0 {
		return func() {}
	}
	c.Header("Connection", "close")
	return func() {
		if !exchangeOf(c).whole {
			// net/http reads on behind the answer, at most 256 KiB. Without that who is still sending finds the connection
			// reset before the answer; without an end to it a stranger would hold it.
			_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(linger)) //nolint:forbidigo // the socket's clock
		}
	}
}

// bodyIsWhole is what readAll says when nothing of the body is left to read.
func bodyIsWhole(c *gin.Context) {
	exchangeOf(c).whole = true
	if len(c.Request.TransferEncoding) == 0 {
		c.Writer.Header().Del("Connection")
	}
}

// checkPath refuses every spelling of a path but one (threat Z2): escapes of what needs none, empty and dot segments, and
// what some server somewhere takes for a separator or an end. What is decided on is what was sent.
func (s *Server) checkPath(c *gin.Context) {
	if u := c.Request.URL; u.RawPath != "" || !plainPath(u.Path) {
		s.problem(c, fault.New(fault.NotFound, "There is nothing here."))
	}
}

func plainPath(p string) bool {
	if strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune(`\;%`, r) }) {
		return false
	}
	clean := path.Clean(p)
	return clean == p || (clean != "/" && clean+"/" == p)
}
