// Package rule is what a model rule means: its text in JSON and YAML, its conditions, and the decision that a set of rules
// comes to. It is pure: it reads no clock, no file but the time zones and no database, and everything in it may be used from
// any goroutine. The role check, the scopes of a key and the 404 of a model without `view` are its caller's.
package rule

import (
	"net/netip"
	"time"
)

// Operation is what is done with a model.
type Operation string

// The operations. Every, "*", stands in rules alone and covers all four.
const (
	View     Operation = "view"
	Infer    Operation = "infer"
	Train    Operation = "train"
	Download Operation = "download"
	Every    Operation = "*"
)

// Kinds of principal. KindAny has no Ref and is written "*".
const (
	KindAny   = "any"
	KindRole  = "role"
	KindUser  = "user"
	KindKey   = "key"
	KindGroup = "group"
)

// Principal is whom a rule names, and one of the faces that a caller shows to the rules.
type Principal struct{ Kind, Ref string }

// Rule is one model rule. Its texts are compared byte for byte: nothing folds case, width or look-alikes.
type Rule struct {
	ID         string
	Allow      bool // else it denies
	ReportOnly bool // it decides nothing and is only reported
	Principals []Principal
	Models     []string // ids, or patterns in which '*' stands for any run of characters
	Operations []Operation
	Conditions Conditions
	Note       string
	Owner      string // "user:NAME" or ""
	Origin     string // where it came from; no part of its text
}

// Conditions must all hold for the rule to apply. The zero value asks nothing.
type Conditions struct {
	IPRanges []netip.Prefix // the address is in any of them; an IPv4 address in IPv6 dress counts as IPv4
	Rate     *Rate          // only on a rule that allows; decided by whoever counts
	From     time.Time      // holds from this moment on, it included
	Until    time.Time      // holds up to this moment, it excluded
	Hours    *Hours
	Purpose  bool // the request carries a purpose
}

// Names of the conditions, in the order in which they are looked at and reported.
const (
	CondIP      = "ip_ranges"
	CondRate    = "rate_limit"
	CondFrom    = "valid_from"
	CondUntil   = "valid_until"
	CondHours   = "hours"
	CondPurpose = "purpose"
)

// File is a whole policy as it stands in acl.file.
type File struct {
	Default string // deny, allow, or "" where the file does not say
	Rules   []Rule
}
