package httpapi

import (
	"strings"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// targetOf names in the row of a refusal what the address speaks of, as the services name it in theirs; "" for strangers,
// for other things, and for what only stands in the place of an id.
func targetOf(c *gin.Context, p access.Principal) string {
	rest, ours := strings.CutPrefix(c.FullPath(), "/api/v1/")
	if !ours || p.Kind == access.KindAnonymous {
		return ""
	}
	kind, _, _ := strings.Cut(rest, "/")
	if kind == "roles" {
		return access.RoleTarget(c.Param("role"))
	}
	return auth.Target(kind, c.Param("id"))
}
