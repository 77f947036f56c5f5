// Package overview answers what an operator looks at first: whether all is quiet, what needs somebody, the figures of the day,
// and how the machine is. It owns no data: it reads through the domain services, in bounded queries, and names what it found by
// codes; words are the console's. It may import access, audit, auth, catalog, doctor, fault, inference and moderation.
package overview

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
	"guardhouse/internal/moderation"
)

// The states of the whole, the gravest first.
const (
	Broken   = "broken"    // the audit chain does not hold
	NotReady = "not_ready" // no verdict could be given now
	Needs    = "needs"     // it works, and something needs somebody
	Quiet    = "quiet"
)

// How grave a need is.
const (
	Urgent = "urgent"
	Soon   = "soon"
	Note   = "note"
)

// The states of the audit chain.
const (
	ChainWhole      = "whole"
	ChainBroken     = "broken"
	ChainUnverified = "unverified" // not since this process started
	ChainEmpty      = "empty"
)

// Deps are the services that are asked.
type Deps struct {
	Guard      *access.Guard
	Log        *audit.Log
	Auth       *auth.Service
	Catalog    *catalog.Service
	Scheduler  *inference.Scheduler
	Moderation *moderation.Service
	Machine    Machine
	Ignored    func(ctx context.Context) []string // settings that are set and not in force, by key; nil = not asked
	RulesFile  func() RulesFile                   // nil = not asked
	// Alerts answers those that last; nil = not asked.
	Alerts func(ctx context.Context) ([]Alert, error)
	Proofs func() Proofs // nil = not asked
	// DefaultLeft says that a former acl.file still closes what acl.default opens; nil = not asked.
	DefaultLeft func(ctx context.Context) (bool, error)
	// Exports answers the scheduled exports that fail; nil = not asked.
	Exports func(ctx context.Context) (FailedExports, error)
	// Undecided answers what waits for somebody with acl.manage, reviews as far as they end before a moment; nil = not asked.
	Undecided func(ctx context.Context, before time.Time) (Undecided, error)
}

// Alert is one that lasts.
type Alert struct {
	Kind, Subject, EventID string
	Since                  time.Time
	Details                map[string]any
}

// Undecided is what waits for a decision: requests for access, and rules in reviews whose day has passed or is near.
type Undecided struct {
	Requests               int64
	Oldest                 time.Time // of the requests
	Reviews, Rules, Passed int64     // Passed: of the reviews, those whose day has
	Due                    time.Time // the first of them
}

// Options of a Service.
type Options struct {
	Now     func() time.Time // nil = the clock
	Started time.Time        // of the process; zero = now
}

// View is what an overview shows of one moment. Models is nil where the caller may not see models, Refusals and Changes where
// he may not read the log.
type View struct {
	At       time.Time
	State    string
	Chain    Chain
	Needs    []Need
	Today    Day
	Hours    []Hour
	Models   []Model
	Refusals []audit.Event
	Changes  []audit.Event
}

// Chain is the audit log's state, as far as this process knows.
type Chain struct {
	State      string
	Seq        int64
	At         time.Time // of the newest row
	VerifiedAt time.Time // zero = not yet
	Finding    string
	FindingSeq int64
}

// Need is something that waits for a person. Code says what, Params its values; Since is zero where nobody knows.
type Need struct {
	Code, Severity string
	Since          time.Time
	Params         map[string]any // strings and numbers
	To             Target
}

// Target is where a need is seen to: a page of the console, one thing on it, and filters.
type Target struct {
	Page, ID string
	Query    map[string]string
}

// Model is a model and how busy it is.
type Model struct {
	catalog.Model
	Device              string // "" while it is not loaded
	Slots, Busy, Queued int
}

// Proofs is how the log's checkpoints stand. Unsigned says why none can be written, Uncopied why the anchor has none of the last, "" in
// good order, each with its code; Outside whether the anchor lies on another disk, Foreign that it holds what the database does not.
type Proofs struct {
	Unsigned, UnsignedWhy string
	Uncopied, UncopiedWhy string
	Since                 time.Time // of Uncopied
	Outside, Foreign      bool
}

// RulesFile is how acl.file stands. Problem says why it is not taken; the rules of the last good one stay in force.
type RulesFile struct {
	Problem string // "" = it is in force, or there is none
	Since   time.Time
}
