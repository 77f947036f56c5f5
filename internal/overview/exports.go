package overview

import (
	"strings"
	"time"

	"guardhouse/internal/access"
)

// FailedExports are the schedules whose last run came to nothing, by name, since the first of them failed.
type FailedExports struct {
	Names []string
	Since time.Time
}

// exportNeeds tells of scheduled exports that fail: whoever collects the files notices it later than anybody.
func (f facts) exportNeeds() []Need {
	if len(f.exports.Names) == 0 || !f.can(access.AuditExport) {
		return nil
	}
	return []Need{{"export_failing", Soon, f.exports.Since, map[string]any{
		"count": int64(len(f.exports.Names)), "name": strings.Join(f.exports.Names, ", "),
	}, Target{Page: "exports"}}}
}
