package httpapi

import "strings"

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
