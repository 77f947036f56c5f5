// Package hygiene looks model rules over: which do nothing, contradict one another, ended, end soon, decided nothing for long or
// name somebody who is gone, and which keys nobody uses. It finds by analysis and proposes; what is done about it goes through
// the gate. It may import access, audit, catalog, db, fault and rule.
package hygiene

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/rule"
)

// Codes of findings, the gravest first.
const (
	UnknownPrincipal = "unknown_principal" // somebody whom the rule names is gone
	Contradictory    = "contradictory"     // an allow that another rule denies whenever it holds
	Expiring         = "expiring"          // ends within ExpiresWithin
	Expired          = "expired"
	Shadowed         = "shadowed"      // another rule does the same whenever it holds
	NeverMatched     = "never_matched" // decided nothing in the days that were looked at
	UnknownModel     = "unknown_model" // names a model that is not there
	UnusedKey        = "unused_key"
)

// Kinds of proposals.
const (
	Remove    = "remove"
	Change    = "change"
	Extend    = "extend"
	RevokeKey = "revoke_key"
)

const (
	// ExpiresWithin is how long before its end a rule is spoken of.
	ExpiresWithin = 14 * 24 * time.Hour
	// extendBy is how much longer a rule is proposed to hold.
	extendBy = 90 * 24 * time.Hour
	day      = 24 * time.Hour

	maxDays     = 90
	defaultDays = 30
	// longest is how long one look may take; for an answer that is later than this nobody waits.
	longest = 20 * time.Second
	// maxRows is how much of the log one look counts.
	maxRows = 500_000
	// maxKeys is how many unused keys are listed.
	maxKeys = 500
)

// Finding is one thing to be seen to. ID names it for Apply and stays the same as long as it stands.
type Finding struct {
	ID, Code            string
	RuleID, OtherRuleID string
	Until               time.Time
	Days                int
	Names               []string // principals as people write them, or models
	KeyID, Label, Owner string
	LastUsed            time.Time
	Opens               bool // somebody could do more without the rule, so that nothing is proposed
	Proposal            *Proposal
	rule                *rule.Rule       // what it was found of
	whom                []rule.Principal // who is gone
}

// Proposal is what Apply does.
type Proposal struct {
	Kind  string
	Until time.Time  // of Extend
	Rule  *rule.Rule // of Change: what it becomes, with ids for names
	Shown *rule.Rule // the same as people write it
}

// Report is all that was found.
type Report struct {
	Version int64
	Days    int
	Rows    int64
	Cut     bool // there was more than was looked at
	Items   []Finding
}

// Names shows principals as people write them; who has no name any more is missing.
type Names interface {
	Shown(ctx context.Context, stored []rule.Principal) (map[rule.Principal]rule.Principal, error)
}

// Deps are what a Service asks.
type Deps struct {
	DB     *db.DB
	Guard  *access.Guard
	Log    *audit.Log
	Models func(ctx context.Context) ([]catalog.Model, error)
	Names  Names
	// Turn waits for leave to do for an account what takes seconds and answers what ends it; nil = nobody else does.
	Turn func(ctx context.Context, account string) (done func(), err error)
	// Revoke ends a key, and refuses who may not.
	Revoke func(ctx context.Context, p access.Principal, id string) error
	Now    func() time.Time // nil = the clock
}

// Service looks and applies. All methods may be called from any goroutine.
type Service struct {
	Deps
	longest  time.Duration
	compared int
}

// New answers a Service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if d.Turn == nil {
		d.Turn = func(context.Context, string) (func(), error) { return func() {}, nil }
	}
	return &Service{Deps: d, longest: longest, compared: maxCompared}
}
