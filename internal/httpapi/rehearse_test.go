package httpapi_test

import (
	"guardhouse/internal/httpapi"
	"guardhouse/internal/hygiene"
	"guardhouse/internal/policy"
	"guardhouse/internal/rehearsal"
)

// withLooks adds the services that look at rules.
func withLooks(d *httpapi.Deps, s *services) {
	names := policy.StoredNames{DB: s.db}
	d.Rehearsal = rehearsal.New(rehearsal.Deps{Guard: s.guard, Log: s.log, Models: s.catalog, Names: names})
	d.Hygiene = hygiene.New(hygiene.Deps{DB: s.db, Guard: s.guard, Log: s.log, Models: s.catalog.All, Names: names, Revoke: s.auth.RevokeKey})
}
