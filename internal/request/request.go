// Package request is how somebody asks for a model: for a purpose, until a day. Whoever holds acl.manage decides, nobody for
// himself, and what is granted is a rule that ends by itself. Asking tells nothing: a name is kept as it was written, whether
// there is such a model or not. It may import access, audit, db, fault and rule.
package request

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Status is where a request stands.
type Status string

// The statuses. Expired is never stored: nobody decided before the day, or what was granted has ended.
const (
	Open      Status = "open"
	Approved  Status = "approved"
	Declined  Status = "declined"
	Withdrawn Status = "withdrawn"
	Expired   Status = "expired"
)

// Bounds.
const (
	maxOpen  = 20 // of one person
	maxText  = 500
	maxModel = 64
	least    = time.Hour
	most     = 2 * 366 * 24 * time.Hour
	maxLimit = 200
)

// Request is one request. DecidedBy is a name; Known says whether there is such a model, nil where the caller may not know.
type Request struct {
	ID, UserID, Username, DisplayName string
	Model, Purpose, Reason            string
	Operations                        []rule.Operation
	Until, CreatedAt                  time.Time
	Status                            Status
	DecidedAt                         *time.Time
	DecidedBy, RuleID                 string
	Known                             *bool
}

// Wish is what somebody asks for. Without operations it is view and infer.
type Wish struct {
	Model, Purpose string
	Operations     []rule.Operation
	Until          time.Time
}

// Filter narrows a list. Mine is for one's own alone.
type Filter struct {
	Mine   bool
	Status Status
	Limit  int // 0 = 50
	Cursor string
}

// Page is a part of a list, newest first. NextCursor is "" at the end.
type Page struct {
	Items      []Request
	NextCursor string
}

// Deps are what requests are decided with.
type Deps struct {
	DB    *db.DB
	Guard *access.Guard
	// Models answers all models there are by id, each with the action that infer takes on it.
	Models func(ctx context.Context) (map[string]access.Action, error)
	Now    func() time.Time
}

// Service keeps requests and grants them. All methods may be called from any goroutine.
type Service struct{ d Deps }

// New answers the service over a database.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	return &Service{d}
}

// target is how the audit log names a request.
func target(id string) string { return "request:" + id }

func unknown() error { return fault.New(fault.NotFound, "There is no such request.") }

// decides says whether p sees and decides everybody's requests.
func (s *Service) decides(p access.Principal) bool { return s.d.Guard.Can(p, access.ACLManage) }

// List answers the caller's requests, or everybody's to a holder of acl.manage, newest first.
func (s *Service) List(ctx context.Context, p access.Principal, f Filter) (Page, error) {
	all := s.decides(p)
	q := query{status: f.Status, at: s.d.Now().UnixMilli(), limit: f.Limit, before: f.Cursor}
	if !all || f.Mine {
		if p.UserID == "" {
			return Page{Items: []Request{}}, nil
		}
		q.user = p.UserID
	}
	if err := q.check(); err != nil {
		return Page{}, err
	}
	rows, err := list(ctx, s.d.DB, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Items: make([]Request, 0, len(rows))}
	if len(rows) > q.limit {
		rows = rows[:q.limit]
		page.NextCursor = rows[q.limit-1].Row.ID
	}
	known, err := s.known(ctx, all)
	if err != nil {
		return Page{}, err
	}
	for i := range rows {
		page.Items = append(page.Items, rows[i].request(s.d.Now(), known))
	}
	return page, nil
}

// Get answers one request: the caller's own, or any to a holder of acl.manage. Any other is NotFound.
func (s *Service) Get(ctx context.Context, p access.Principal, id string) (Request, error) {
	r, ok, err := get(ctx, s.d.DB, id)
	if err != nil {
		return Request{}, err
	}
	all := s.decides(p)
	if !ok || !all && !r.of(p) {
		return Request{}, unknown()
	}
	known, err := s.known(ctx, all)
	return r.request(s.d.Now(), known), err
}

// known answers which models there are, to whoever may know of all of them; nil to others.
func (s *Service) known(ctx context.Context, all bool) (map[string]access.Action, error) {
	if !all {
		return nil, nil //nolint:nilnil // not the caller's to know
	}
	return s.d.Models(ctx)
}

// Waiting is how many requests nobody decided about yet, and since when the oldest waits.
type Waiting struct {
	Count int64
	Since time.Time
}

// Waiting answers what waits for a decision.
func (s *Service) Waiting(ctx context.Context) (Waiting, error) {
	return waiting(ctx, s.d.DB, s.d.Now().UnixMilli())
}
