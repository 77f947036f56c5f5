package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/auth"
)

// deviceCookie follows cookieName. What it holds is no credential: it only tells the sign-in throttle that the user has
// been here before.
func (s *Server) deviceCookie() string {
	if s.o.TLS {
		return "__Host-gh-device"
	}
	return "gh-device"
}

// deviceToken answers what the caller says its device is; two of one name say nothing.
func (s *Server) deviceToken(ctx context.Context) string {
	c, ok := ctx.(*gin.Context)
	if !ok {
		return ""
	}
	if cookies := c.Request.CookiesNamed(s.deviceCookie()); len(cookies) == 1 {
		return cookies[0].Value
	}
	return ""
}

// setDevice leaves the token with the caller. It outlives the session, and signing out leaves it there.
func (s *Server) setDevice(ctx context.Context, token string) {
	c, ok := ctx.(*gin.Context)
	if !ok || token == "" || s.o.Surface == Programs {
		return
	}
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // Secure is off on plain loopback alone: there is no TLS to carry it
		Name: s.deviceCookie(), Value: token, Path: "/", HttpOnly: true, Secure: s.o.TLS, SameSite: http.SameSiteLaxMode,
		MaxAge: int(auth.DeviceLife.Seconds()),
	})
}
