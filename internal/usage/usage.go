// Package usage says what a person or a key has used today, this month and on the days before, and what is left of the quotas.
// The counts are the gate's: the running ones where this process counts, else what the serving one stored last. It may import
// access, audit, db, fault and limit.
package usage

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
)

// Kinds of whose use it is.
const (
	Person = "person"
	Key    = "key"
)

// days is how many days are shown, today among them.
const days = 30

// Count is one unit of a period. Limit is limit.NoMax where there is none.
type Count struct {
	Unit              limit.Unit
	Used, Held, Limit int64
}

// Period is a day or month of UTC, with all units in the order of their constants.
type Period struct {
	From, ResetsAt time.Time
	Counts         []Count
}

// Day is what was used on one day, by unit.
type Day struct {
	Day  time.Time
	Used map[limit.Unit]int64
}

// Usage is what somebody or something has used. Name is the user name or the key's label; Days ends with today.
type Usage struct {
	Kind, ID, Name string
	At             time.Time
	Today, Month   Period
	Days           []Day
}

// Service answers usage. All methods may be called from any goroutine.
type Service struct {
	db    *db.DB
	guard *access.Guard
	now   func() time.Time
}

// New answers the service. now is the gate's clock, nil for the machine's.
func New(d *db.DB, g *access.Guard, now func() time.Time) *Service {
	if now == nil {
		now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	return &Service{db: d, guard: g, now: now}
}

// Units lists what is counted, in the order in which it is shown.
func Units() []limit.Unit {
	return []limit.Unit{limit.Requests, limit.Tokens, limit.Images, limit.ComputeMS}
}

// Own answers what the caller's account has used, whichever of its sessions and keys asks. Whoever has no account is NotFound.
func (s *Service) Own(ctx context.Context, p access.Principal) (Usage, error) {
	return s.OfPerson(ctx, p, p.UserID)
}

// OfPerson answers what an account has used, to itself or to a holder of user.manage. Others are Forbidden, with the row;
// NotFound for an unknown account. One that is deleted has its counts still.
func (s *Service) OfPerson(ctx context.Context, p access.Principal, id string) (Usage, error) {
	own := p.UserID != "" && p.UserID == id && s.guard.Can(p, access.SessionOwn)
	if !own && !s.guard.Can(p, access.UserManage) {
		return Usage{}, s.forbid(ctx, p, access.UserManage, "user:"+cut(id))
	}
	name, ok, err := userName(ctx, s.db, id)
	if err != nil {
		return Usage{}, err
	}
	if !ok {
		return Usage{}, fault.New(fault.NotFound, "There is no such user.")
	}
	return s.of(ctx, Usage{Kind: Person, ID: id, Name: name}, limit.ByPerson, id)
}

// OfKey answers what a key has used, to its owner or to a holder of key.manage. Any other key is NotFound. The keys that
// rotations made one from the other count together.
func (s *Service) OfKey(ctx context.Context, p access.Principal, id string) (Usage, error) {
	all := s.guard.Can(p, access.KeyManage)
	if !all && !s.guard.Can(p, access.KeyOwn) {
		return Usage{}, s.forbid(ctx, p, access.KeyOwn, "key:"+cut(id))
	}
	k, ok, err := keyOf(ctx, s.db, id)
	if err != nil {
		return Usage{}, err
	}
	if !ok || !all && (p.UserID == "" || k.UserID != p.UserID) {
		return Usage{}, fault.New(fault.NotFound, "There is no such key.")
	}
	return s.of(ctx, Usage{Kind: Key, ID: id, Name: k.Label}, limit.ByKey, k.line())
}

// forbid leaves the row of a refusal.
func (s *Service) forbid(ctx context.Context, p access.Principal, a access.Action, resource string) error {
	if err := s.guard.Reject(ctx, p, access.Op{Action: a, Resource: resource}, audit.Deny, string(fault.Forbidden)); err != nil {
		return err
	}
	return fault.New(fault.Forbidden, "You may not do this.")
}

// cut keeps a made-up id out of the log as a whole.
func cut(id string) string { return id[:min(len(id), 64)] }

func (s *Service) of(ctx context.Context, u Usage, by limit.Scope, whose string) (Usage, error) {
	u.At = s.now().UTC()
	day, month := startOfDay(u.At), startOfMonth(u.At)
	stored, err := counters(ctx, s.db, by, whose, min(day.AddDate(0, 0, 1-days).UnixMilli(), month.UnixMilli()))
	if err != nil {
		return Usage{}, err
	}
	for _, use := range s.guard.Usage(by, whose) {
		stored[place{use.Unit, use.Span, use.Start.UnixMilli()}] = amount{use.Used, use.Held}
	}
	u.Today = s.period(by, limit.Day, day, day.AddDate(0, 0, 1), stored)
	u.Month = s.period(by, limit.Month, month, month.AddDate(0, 1, 0), stored)
	for at := day.AddDate(0, 0, 1-days); !at.After(day); at = at.AddDate(0, 0, 1) {
		d := Day{Day: at, Used: map[limit.Unit]int64{}}
		for _, unit := range Units() {
			d.Used[unit] = stored[place{unit, limit.Day, at.UnixMilli()}].used
		}
		u.Days = append(u.Days, d)
	}
	return u, nil
}

func (s *Service) period(by limit.Scope, span limit.Span, from, to time.Time, stored map[place]amount) Period {
	p := Period{From: from, ResetsAt: to}
	most := map[limit.Unit]int64{}
	for _, q := range s.guard.Quotas(by) {
		if q.Span == span {
			most[q.Unit] = q.Max
		}
	}
	for _, unit := range Units() {
		c := Count{Unit: unit, Limit: limit.NoMax}
		if n, ok := most[unit]; ok {
			c.Limit = n
		}
		a := stored[place{unit, span, from.UnixMilli()}]
		c.Used, c.Held = a.used, a.held
		p.Counts = append(p.Counts, c)
	}
	return p
}

func startOfDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func startOfMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
