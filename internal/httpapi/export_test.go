package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
)

// ReadContract is what New does with its document.
func ReadContract(document []byte) error {
	_, err := readContract(document)
	return err
}

// DocumentJSON is how a document is published.
func DocumentJSON(document []byte) ([]byte, error) { return documentJSON(document) }

// BehindMiddleware is the context of a handler that was reached by p without any check.
func BehindMiddleware(ctx context.Context, p access.Principal) context.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	c.Set(exchangeKey, &exchange{principal: p})
	return c
}

// Unbuilt answers the table of routes that answer not_available, written as in the document.
func Unbuilt() []string {
	var out []string
	for r := range unbuiltRoutes() {
		path := r.pattern
		for _, name := range []string{"id", "role", "rule", "model"} {
			path = strings.ReplaceAll(path, ":"+name, "{"+name+"}")
		}
		out = append(out, r.method+" "+path)
	}
	return out
}

// Routes answers what gin serves.
func (s *Server) Routes() []string {
	var out []string
	for _, r := range s.engine.Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}
