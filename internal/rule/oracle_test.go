package rule_test

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// The oracle is a second reading of what a model rule means, written from the published contract ("Model rules") and from
// nothing else: it shares no code with the package, keeps every value as the text a person would write, looks at all rules
// for every question and has no index. Where it and the package disagree one of both is wrong.

// oracleRule is a rule as it is written. Absent conditions are empty.
type oracleRule struct {
	ID         string
	Deny       bool
	ReportOnly bool
	Principals []string
	Models     []string
	Operations []string
	IPRanges   []string
	Rate       string
	From       string // RFC 3339
	Until      string // RFC 3339
	Hours      string
	Purpose    bool
}

// oracleRequest is somebody who wants to do something. Faces are the principals that the person is.
type oracleRequest struct {
	Faces     []string
	Key       string
	System    bool
	Model     string
	Operation string
	IP        string // empty when there is none
	At        time.Time
	Purpose   string
}

// oracleAnswer is what the contract says of a request.
type oracleAnswer struct {
	Allowed bool
	// Deciding are the rules of which one decides; empty when no rule does. The contract names one only among rates.
	Deciding []string
	// Reason says which sentence of the contract decided.
	Reason string
	// Report are the report-only rules that would have done something.
	Report []string
	// Rated are the owner's allows of which the first with room is charged, by id; KeyRated those that name the key.
	Rated, KeyRated []string
}

// oracleDecide goes through the order of evaluation, sentence by sentence. Step (1), the role's action, is not here.
func oracleDecide(rules []oracleRule, allowByDefault bool, q oracleRequest) oracleAnswer {
	owner := q.Faces
	everybody := slices.Clone(owner)
	if q.Key != "" {
		everybody = append(everybody, "key:"+q.Key)
	}
	report := oracleReported(rules, everybody, q)

	// A deny whose conditions hold decides. With a key every matching deny counts, its own and its owner's.
	var denies []string
	for _, r := range rules {
		if !r.ReportOnly && r.Deny && oracleMatches(r, everybody, q) && oracleHolds(r, q) {
			denies = append(denies, r.ID)
		}
	}
	if len(denies) > 0 {
		return oracleAnswer{Deciding: denies, Reason: "deny", Report: report}
	}

	answer := oracleOwner(rules, allowByDefault, owner, q)
	answer.Report = report
	if !answer.Allowed || q.Key == "" || !oracleNamed(rules, q) {
		return answer
	}

	// An allow names this key for the model: one of those must hold too.
	free, rated := oracleAllows(rules, []string{"key:" + q.Key}, q)
	if len(free) == 0 && len(rated) == 0 {
		return oracleAnswer{Reason: "key", Report: report}
	}
	answer.Deciding = slices.Concat(answer.Deciding, free, rated)
	if len(free) == 0 {
		answer.KeyRated = rated
	}
	return answer
}

// oracleOwner is the decision without the key and after the denies.
func oracleOwner(rules []oracleRule, allowByDefault bool, owner []string, q oracleRequest) oracleAnswer {
	free, rated := oracleAllows(rules, owner, q)
	if q.System {
		// The command line is allowed by default, subject to denies only. Whether an allow is named as well is left open.
		return oracleAnswer{Allowed: true, Deciding: slices.Concat(free, rated), Reason: "system"}
	}
	if len(free) > 0 {
		return oracleAnswer{Allowed: true, Deciding: free, Reason: "allow"}
	}
	if len(rated) > 0 {
		return oracleAnswer{Allowed: true, Deciding: rated, Reason: "allow", Rated: rated}
	}
	for _, r := range rules {
		if !r.ReportOnly && oracleModel(r, q.Model) {
			return oracleAnswer{Reason: "closed"} // the model has an enforced rule
		}
	}
	return oracleAnswer{Allowed: allowByDefault, Reason: "default"}
}

// oracleAllows are the enforced allows that match one of the faces and hold, apart from their rates: those without a rate,
// and those with one, by id.
func oracleAllows(rules []oracleRule, faces []string, q oracleRequest) (free, rated []string) {
	for _, r := range rules {
		if r.ReportOnly || r.Deny || !oracleMatches(r, faces, q) || !oracleHolds(r, q) {
			continue
		}
		if r.Rate == "" {
			free = append(free, r.ID)
		} else {
			rated = append(rated, r.ID)
		}
	}
	slices.Sort(rated)
	return free, rated
}

// oracleNamed says whether an enforced allow names the key for the model, whatever its operations and conditions.
func oracleNamed(rules []oracleRule, q oracleRequest) bool {
	for _, r := range rules {
		if !r.ReportOnly && !r.Deny && slices.Contains(r.Principals, "key:"+q.Key) && oracleModel(r, q.Model) {
			return true
		}
	}
	return false
}

// oracleReported are the report-only rules that match and hold, as id:effect, by id.
func oracleReported(rules []oracleRule, faces []string, q oracleRequest) []string {
	effects := map[string]string{}
	for _, r := range rules {
		if !r.ReportOnly || !oracleMatches(r, faces, q) || !oracleHolds(r, q) {
			continue
		}
		effects[r.ID] = "allow"
		if r.Deny {
			effects[r.ID] = "deny"
		}
	}
	var out []string
	for _, id := range slices.Sorted(maps.Keys(effects)) {
		out = append(out, id+":"+effects[id])
	}
	return out
}

// oracleMatches looks at principal, model and operation.
func oracleMatches(r oracleRule, faces []string, q oracleRequest) bool {
	principal := false
	for _, p := range r.Principals {
		principal = principal || slices.Contains(faces, p)
	}
	operation := false
	for _, o := range r.Operations {
		operation = operation || o == "*" || o == q.Operation
	}
	return principal && operation && oracleModel(r, q.Model)
}

func oracleModel(r oracleRule, model string) bool {
	for _, pattern := range r.Models {
		if oracleGlob(pattern, model) {
			return true
		}
	}
	return false
}

// oracleGlob: a star stands for any run of characters, the empty one too; everything else for itself.
func oracleGlob(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	if !strings.HasPrefix(pattern, "*") {
		return text != "" && text[0] == pattern[0] && oracleGlob(pattern[1:], text[1:])
	}
	for i := range len(text) + 1 {
		if oracleGlob(pattern[1:], text[i:]) {
			return true
		}
	}
	return false
}
