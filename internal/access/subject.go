package access

import "strings"

// parseSubject reads the written form of a loaded principal: "*" or kind:ref.
func parseSubject(s string) subject {
	if s == "*" {
		return subject{"any", ""}
	}
	kind, ref, _ := strings.Cut(s, ":")
	return subject{kind, ref}
}
