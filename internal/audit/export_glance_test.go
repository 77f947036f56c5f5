package audit

import "strings"

// GlanceQueries answers the queries of a glance by name, their parameters written out.
func GlanceQueries() map[string]string {
	byDecision, _ := CountOf{Decision: Deny}.query(1)
	byAction, _ := CountOf{Decision: Deny, Action: "auth.login", Reasons: []string{"busy"}}.query(1)
	out := map[string]string{"since": sinceSQL, "by decision": byDecision, "by action": byAction, "last change": lastChangeSQL}
	for name, q := range out {
		out[name] = strings.ReplaceAll(q, "?", "1")
	}
	return out
}
