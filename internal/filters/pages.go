package filters

import (
	"slices"
	"time"
)

// parameters are what a page's address may hold, each with what its value must be.
type parameters map[string]func(string) bool

// Pages answers the pages whose filters are kept.
func Pages() []string { return []string{"audit", "history"} }

// parametersOf answers nil for an unknown page. What stands here is what the console's pages read (web/src/lib/filters.ts).
func parametersOf(page string) parameters {
	span := parameters{"range": oneOf("today", "1h", "24h", "7d", "30d", "all"), "from": moment, "to": moment}
	switch page {
	case "audit":
		return span.and(parameters{
			"actor": text, "action": text, "model": text, "decision": oneOf("allow", "deny", "error"), "ip": text, "request_id": text,
			"rule": text, "reason": text, "purpose": text, "key": text, "q": text, "view": oneOf("timeline"), "order": oneOf("oldest"),
		})
	case "history":
		return span.and(parameters{
			"scope": oneOf("own", "all"), "severity": oneOf("Safe", "Controversial", "Unsafe"), "action": oneOf("allow", "block", "review"),
			"model": text, "request_id": text,
		})
	}
	return nil
}

func (p parameters) and(more parameters) parameters {
	for name, fits := range more {
		p[name] = fits
	}
	return p
}

// text is anything that a person types: the list that it filters finds it or not.
func text(string) bool { return true }

func oneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

func moment(v string) bool {
	_, err := time.Parse(time.RFC3339, v)
	return err == nil
}
