package app

import (
	"fmt"

	"guardhouse/internal/config"
	"guardhouse/internal/doctor"
)

// checkPlaces refuses a secret, or a log, in a folder where somebody else can put another file in its place (threat D2). A
// sticky folder is none: only the file's owner can move it there.
func checkPlaces(c *config.Config) error {
	for _, p := range []struct{ key, path string }{
		{"tls.key", c.TLSKey},
		{"auth.jwt_secret_file", c.JWTSecretFile},
		{"auth.jwt_secret_previous_file", c.JWTSecretPreviousFile},
		{"log.file", c.LogFile},
		{"audit.key_dir", c.AuditKeyDir},
	} {
		if p.path == "" {
			continue
		}
		if folder, why := doctor.Loose(p.path); folder != "" {
			return fmt.Errorf("%s: %s %s, who could replace %s: chmod go-w %s", p.key, folder, why, p.path, folder)
		}
	}
	return nil
}
