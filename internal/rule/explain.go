package rule

// Explanation is a decision with all that led to it.
type Explanation struct {
	Decision     Decision
	DefaultAllow bool
	AnyEnforced  bool         // some enforced rule concerns the model, so that the default does not count
	Considered   []Considered // every rule on the model and operation, in the order of ids
}

// Considered is one rule and why it did or did not match.
type Considered struct {
	RuleID     string
	Allow      bool
	ReportOnly bool
	Principal  bool // it names one of the caller's faces or the key
	KeyOnly    bool // it names the key alone: as an allow it narrows and opens nothing
	Holds      bool // Principal, and every condition but the rate holds
	Conditions []Outcome
	Why        string // in a few words
	WouldPass  string // what would make the rule hold, or a deny let go; "" where nothing in the request could
}

// Outcome is one condition of a rule against one request.
type Outcome struct {
	Condition string
	Holds     bool   // true for a rate: whoever counts decides it
	Value     string // as the rule says it
	WouldPass string // "" where it holds
}
