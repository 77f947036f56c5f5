package rule

import (
	"time"

	"guardhouse/internal/fault"
)

func unbuilt() error { return fault.New(fault.NotAvailable, "not built yet") }

// Hours are hours of the week in a time zone.
type Hours struct{ zone *time.Location }

// Set is a compiled policy.
type Set struct{}

// ParseJSON reads one rule.
func ParseJSON([]byte) (Rule, error) { return Rule{}, unbuilt() }

// ParseFile reads a policy in YAML.
func ParseFile([]byte) (File, error) { return File{}, unbuilt() }

// ParseRate reads a rate.
func ParseRate(string) (Rate, error) { return Rate{}, unbuilt() }

// ParseHours reads hours.
func ParseHours(string) (Hours, error) { return Hours{}, unbuilt() }

// JSON writes the rule.
func (Rule) JSON() ([]byte, error) { return nil, unbuilt() }

// YAML writes the policy.
func (File) YAML() ([]byte, error) { return nil, unbuilt() }

// String is the canonical form.
func (Rate) String() string { return "" }

// String is the canonical form.
func (h Hours) String() string { return h.zone.String() }

// Holds says whether the hours hold at t.
func (Hours) Holds(time.Time) bool { return false }

// Next answers the first moment from t on when the hours hold.
func (Hours) Next(time.Time) time.Time { return time.Time{} }

// Compile answers a set of the rules.
func Compile(_ []Rule, _ bool) (*Set, error) { return nil, unbuilt() }

// Decide decides.
func (*Set) Decide(Request) Decision { return Decision{} }

// Explain explains.
func (*Set) Explain(Request) Explanation { return Explanation{} }
