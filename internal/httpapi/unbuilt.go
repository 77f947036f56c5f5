package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/fault"
)

// unbuiltRoutes are the routes that the contract promises and this release does not have. They answer 401 without a
// credential and not_available with one.
func unbuiltRoutes() map[route]bool {
	out := map[route]bool{}
	for _, r := range []route{
		{http.MethodPost, "/api/v1/analyze"},
		{http.MethodPost, "/v1/images/generations"},
	} {
		out[r] = true
	}
	return out
}

// notAvailable answers a route of the table to somebody who is signed in.
func (s *Server) notAvailable(c *gin.Context) {
	s.problem(c, fault.New(fault.NotAvailable, "This release does not have this yet."))
}
