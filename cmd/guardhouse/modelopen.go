package main

import (
	"fmt"
	"slices"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/rule"
)

// openToNobody says that no rule in force lets anybody use the model of that id, and that acl.default does not either.
func openToNobody(g *access.Guard, id string) bool {
	ruled := false
	for _, r := range g.Rules() {
		if r.ReportOnly || !slices.ContainsFunc(r.Models, func(pattern string) bool { return rule.Match(pattern, id) }) {
			continue
		}
		if ruled = true; r.Allow && (slices.Contains(r.Operations, rule.Infer) || slices.Contains(r.Operations, rule.Every)) {
			return false
		}
	}
	return ruled || !g.DefaultAllow()
}

// opening answers the command that opens a model that was just imported, as a shell takes it.
func (sh *shared) opening(m catalog.Model, r catalog.ImportRequest) string {
	line := []string{"guardhouse model import", word(r.Path), "--id", m.ID}
	for _, f := range []struct{ flag, value string }{{"--template", r.Template}, {"--data", sh.data}, {"--config", sh.configFile}} {
		if f.value != "" {
			line = append(line, f.flag, word(f.value))
		}
	}
	return strings.Join(append(line, "--allow role:reviewer"), " ")
}

// word answers a path as one word of a shell's line, FILE where no terminal could show it.
func word(path string) string {
	switch {
	case printable(path) != path:
		return "FILE"
	case strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "":
		return path
	}
	return fmt.Sprintf("'%s'", strings.ReplaceAll(path, "'", `'\''`))
}
