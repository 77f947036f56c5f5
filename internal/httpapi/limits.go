package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/httpapi/gen"
)

// hearLimits answers a context with which the gate tells how the limits stand that a use was charged to.
func (x *exchange) hearLimits(ctx context.Context) context.Context {
	return access.TellLimits(ctx, func(headers map[string]string) { x.limits = headers })
}

// sayLimits puts on an answer that succeeded what the gate told of limits. Refusals carry their own (setRetry).
func (s *Server) sayLimits(f gen.StrictHandlerFunc, _ string) gen.StrictHandlerFunc {
	return func(c *gin.Context, request any) (any, error) {
		answer, err := f(c, request)
		if err == nil {
			for name, value := range exchangeOf(c).limits {
				c.Header(name, value)
			}
		}
		return answer, err
	}
}
