package rule

import (
	"net/netip"
	"time"
)

// Request is one use to be decided. The model's id is the one it is known by, not an alias.
type Request struct {
	Faces  []Principal // the owner's role, user and groups. Any goes without saying, and the key is none of them
	Key    string      // the key's id, "" without one
	System bool        // the command line: allowed unless a rule on "*" denies
	Model  string
	Op     Operation
	// IP is the zero value where there is no address or it is unknown: an allow for some addresses does not hold then, and a
	// deny for some does, but for the system, which has none.
	IP      netip.Addr
	At      time.Time // the zero value is refused: whoever forgets it would pass every valid_until
	Purpose string    // counts if anything in it can be seen
}

// Reasons of a refusal. Where the nearest allow failed on a condition, the reason is FailedCondition and the condition's name,
// such as condition_ip_ranges.
const (
	ReasonDenied    = "rule_denies"
	ReasonNoRule    = "no_rule_allows"
	ReasonKeyRule   = "key_rule"
	ReasonDefault   = "default_deny"
	ReasonRate      = "rate_limited" // for whoever counts: none of Rated, or none of KeyRated, had room
	FailedCondition = "condition_"
)

// Decision is what a set of rules says of a request. Whoever lets somebody run something asks for Allowed and IfRoom and
// charges; whoever only says what would be possible (view, explain, rehearsals) asks Admits.
type Decision struct {
	Allowed bool // and nothing has to be charged for a rule
	IfRoom  bool // allowed if one of each of Groups has room; Allowed is false then
	// RuleID is the rule that decided: the deny, or the allow of the lowest id; the key's own where one had to hold; "" where
	// none decided.
	RuleID string
	Reason string // "" where it admits
	// Failing is the nearest condition that failed, nil where none would have helped.
	Failing *Failing
	Report  []Reported // report-only rules whose conditions hold, in the order of their ids
	// Rated are the allows that could pass this request if they had room, in the order of their ids; the first with room is
	// charged, and without any the request is refused as rate limited. Empty where an allow without a rate holds: then nothing
	// is charged. KeyRated is the same for the rules that name the key; one of each is charged, a rule in both only once.
	Rated, KeyRated []RatedRule
}

// Failing names the condition that kept the nearest allow from holding: of those that fit principal, model and operation the
// one with the fewest failed conditions, then with the lowest id.
type Failing struct {
	RuleID    string
	Condition string   // the first that failed, in the order of the Cond names
	Others    []string // what else failed
	WouldPass string   // what would make all of them hold, for administrators
}

// Reported is what a report-only rule would have done.
type Reported struct {
	RuleID string
	Allow  bool
}

// RatedRule is a rule that counts.
type RatedRule struct {
	RuleID string
	Rate   Rate
}
