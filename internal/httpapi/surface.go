package httpapi

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// Surface is what one listener shows.
type Surface uint8

// The surfaces. With one listener it shows Everything; with api.listen the main one is the console's and the second is
// for programs.
const (
	Everything Surface = iota
	Console            // pages, /api/v1 and health: no /v1 and none of the older names
	Programs           // everything but the pages; a cookie is no credential there, and nobody is set up there
)

// shows says that a route is there at all on this surface. One that is not is unknown there, whatever the method.
func (s Surface) shows(pattern string) bool {
	page := pattern == "/" || strings.HasPrefix(pattern, "/ui/")
	switch s {
	case Console:
		probe := pattern == "/healthz" || pattern == "/readyz" || pattern == "/metrics"
		return page || probe || strings.HasPrefix(pattern, "/api/v1/")
	case Programs:
		return !page && pattern != "/api/v1/setup"
	case Everything:
	}
	return true
}

// surfaceRouter registers what the surface shows and nothing else.
type surfaceRouter struct {
	gin.IRouter
	surface Surface
}

func (r surfaceRouter) register(method, pattern string, handlers []gin.HandlerFunc) gin.IRoutes {
	if r.surface.shows(pattern) {
		r.IRouter.Handle(method, pattern, handlers...)
	}
	return r
}

// Handle registers one route.
func (r surfaceRouter) Handle(method, pattern string, handlers ...gin.HandlerFunc) gin.IRoutes {
	return r.register(method, pattern, handlers)
}

// GET registers one route.
func (r surfaceRouter) GET(pattern string, handlers ...gin.HandlerFunc) gin.IRoutes {
	return r.register(http.MethodGet, pattern, handlers)
}

// HEAD registers one route.
func (r surfaceRouter) HEAD(pattern string, handlers ...gin.HandlerFunc) gin.IRoutes {
	return r.register(http.MethodHead, pattern, handlers)
}

// POST registers one route.
func (r surfaceRouter) POST(pattern string, handlers ...gin.HandlerFunc) gin.IRoutes {
	return r.register(http.MethodPost, pattern, handlers)
}

// PUT registers one route.
func (r surfaceRouter) PUT(pattern string, handlers ...gin.HandlerFunc) gin.IRoutes {
	return r.register(http.MethodPut, pattern, handlers)
}

// PATCH registers one route.
func (r surfaceRouter) PATCH(pattern string, handlers ...gin.HandlerFunc) gin.IRoutes {
	return r.register(http.MethodPatch, pattern, handlers)
}

// DELETE registers one route.
func (r surfaceRouter) DELETE(pattern string, handlers ...gin.HandlerFunc) gin.IRoutes {
	return r.register(http.MethodDelete, pattern, handlers)
}

// checkSurface keeps cookies off the listener for programs: they are taken away before anybody could read one, and a browser
// cannot sign in there, because it would get nothing for it.
func (s *Server) checkSurface(c *gin.Context) {
	if s.o.Surface != Programs {
		return
	}
	c.Request.Header.Del("Cookie")
	switch c.FullPath() {
	case "/api/v1/auth/login", "/login", "/api/v1/auth/refresh":
		if isBrowser(c.Request) {
			x := exchangeOf(c)
			s.problem(c, s.recordedEarly(c, access.Anonymous(x.origin), "browser", fault.New(fault.Forbidden, "This listener is for programs: sign in on the console's.")))
		}
	}
}
