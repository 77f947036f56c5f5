// Package review is how rules are looked over: a review lists the rules of a moment, and whoever owns one says by a day whether
// it is still right or has it removed. What was decided stands in the audit log with the text that it was decided about. It
// may import access, audit, db, fault and rule.
package review

import (
	"context"
	"log/slog"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Status is where a review stands.
type Status string

// The statuses. Overdue is never stored: the day has passed and something is undecided.
const (
	Open    Status = "open"
	Overdue Status = "overdue"
	Closed  Status = "closed"
)

// Decision is what was decided about a rule.
type Decision string

// The decisions. Asked: its owner wants it gone, and somebody with acl.manage has to remove it.
const (
	Undecided Decision = "open"
	Kept      Decision = "kept"
	Asked     Decision = "asked"
	Removed   Decision = "removed"
)

// How a rule compares with the one that the review began with.
const (
	Same   = "same"
	Edited = "edited"
	Gone   = "gone"
)

// Bounds.
const (
	maxOpen     = 20 // of the server
	maxTitle    = 120
	maxNote     = 500
	maxPatterns = 100
	maxPattern  = 64
	furthest    = 2 * 366 * 24 * time.Hour
	maxLimit    = 200
)

// Review is one review. CreatedBy and ClosedBy are names; Counts are of the rules that the caller sees in it.
type Review struct {
	ID, Title           string
	Rules               []string // patterns of ids
	DueAt, CreatedAt    time.Time
	ClosedAt            *time.Time
	CreatedBy, ClosedBy string
	Status              Status
	Counts              map[Decision]int
}

// Item is one rule of a review. Rule is the one that stands, or as it was where it is gone or another's by now, with names for
// ids; Owner is the name of who owned it then, "" without one. Fingerprint names the text that stands, "" where Rule is as it was.
type Item struct {
	RuleID, Owner    string
	Mine             bool
	Decision         Decision
	DecidedAt        *time.Time
	DecidedBy, Note  string
	Rule             rule.Rule
	Now, Fingerprint string
}

// Draft is a review to begin. Without patterns it is about all rules.
type Draft struct {
	Title string
	DueAt time.Time
	Rules []string
}

// Verdict is what somebody decides about one rule. Fingerprint, if any, is of the text that he read.
type Verdict struct {
	Remove            bool
	Note, Fingerprint string
}

// Page is a part of the list, newest first. NextCursor is "" at the end.
type Page struct {
	Items      []Review
	NextCursor string
}

// Detail is a review and a page of its rules, in the order of their ids.
type Detail struct {
	Review     Review
	Items      []Item
	NextCursor string
}

// Deps are what reviews are held with.
type Deps struct {
	DB    *db.DB
	Guard *access.Guard
	// Show puts names for ids, in as many rules as it is given; nil leaves the ids.
	Show func(ctx context.Context, list []rule.Rule) ([]rule.Rule, error)
	Now  func() time.Time
	Log  *slog.Logger // nil = nobody reads it
}

// Service holds reviews. All methods may be called from any goroutine.
type Service struct{ d Deps }

// New answers the service over a database.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{d}
}

// target is how the audit log names a review.
func target(id string) string { return "review:" + id }

func unknown() error { return fault.New(fault.NotFound, "There is no such review.") }

// sight is whose rules p sees in reviews: "" is everybody's. ok is false for whoever owns nothing and manages nothing.
func (s *Service) sight(p access.Principal) (owner string, ok bool) {
	if s.d.Guard.Can(p, access.ACLManage) {
		return "", true
	}
	return p.UserID, p.UserID != ""
}
