package rehearsal

import (
	"context"
	"net/netip"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// replay puts past uses to two sets. Each has a limiter of its own that begins empty, so that a rate refuses what it would have
// refused.
type replay struct {
	service       *Service
	before, after side
	known         map[string]visitor // keys and accounts by how they stand in the log
	out           Result
	last          time.Time
	tally
}

// visitor is who came. forgotten says that nobody knows any more what his key was kept to.
type visitor struct {
	access.Principal
	forgotten bool
}

type side struct {
	set     *rule.Set
	limiter *limit.Limiter
}

// limiterSize bounds what a rehearsal counts by: the accounts and rules of one house.
const limiterSize = 1 << 16

func (s *Service) replay(proposed *rule.Set, from, to time.Time) *replay {
	size := limit.Options{Buckets: limiterSize, Counters: 1}
	return &replay{
		service: s, before: side{s.Guard.Set(), limit.New(from, size)}, after: side{proposed, limit.New(from, size)},
		known: map[string]visitor{}, tally: newTally(),
		out: Result{From: from, To: to, PolicyVersion: s.Guard.PolicyVersion()}, last: from,
	}
}

// use puts one row to both sides.
func (r *replay) use(ctx context.Context, u audit.Use) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.last.Before(u.At) {
		r.last = u.At
	}
	if access.ByServer(u.Actor.Type, u.Actor.Name) {
		return nil
	}
	if u.Attempts > 1 || u.Reason == reasonUnknown || u.Actor.Type == access.KindAnonymous {
		r.out.Skipped += int(u.Attempts)
		return nil
	}
	who, err := r.visitor(ctx, u)
	if err != nil {
		return err
	}
	if who.forgotten {
		r.out.Skipped++
		return nil
	}
	q := access.Question{
		Principal: who.Principal, Action: access.Action(u.Action), Operation: access.Operation(u.Operation), Model: u.Model, At: u.At, Purpose: u.Purpose,
	}
	if ip, err := netip.ParseAddr(u.IP); err == nil {
		q.IP = ip
	}
	r.out.Rows++
	r.count(u, r.service.weigh(r.before, q, u.Items), r.service.weigh(r.after, q, u.Items))
	return nil
}

// weigh answers what one side makes of a use.
func (s *Service) weigh(by side, q access.Question, items int64) Cell {
	w := s.Guard.Weigh(q, int(items), by.set)
	if w.Counted {
		w = w.Settled(by.limiter.Charge(q.At, w.N, w.Ask))
	}
	return Cell{Allowed: w.Allowed, Reason: w.Reason, RuleID: w.RuleID}
}

// visitor answers who came, with the role and groups that he had then. What a key may by itself is read as it is now, as no
// row holds it; that it, or its owner's account, has ended since says nothing of the rules.
func (r *replay) visitor(ctx context.Context, u audit.Use) (visitor, error) {
	as := u.Actor.Type + ":" + u.Actor.ID + ":" + u.KeyID
	who, known := r.known[as]
	if !known {
		var err error
		if who, err = r.service.came(ctx, u); err != nil {
			return who, err
		}
		r.known[as] = who
	}
	who.Name, who.Groups, who.Role = u.Actor.Name, u.Groups, ""
	if len(u.Roles) > 0 {
		who.Role = u.Roles[0]
	}
	return who, nil
}

func (s *Service) came(ctx context.Context, u audit.Use) (visitor, error) {
	who := visitor{Principal: access.Principal{Kind: u.Actor.Type, UserID: u.Actor.ID, Name: u.Actor.Name, KeyID: u.KeyID}}
	if u.Actor.Type != access.KindKey {
		return who, nil
	}
	found, err := s.Guard.PrincipalOf(ctx, rule.KindKey+":"+u.KeyID)
	switch {
	case fault.CodeOf(err) == fault.Unprocessable: // its owner is deleted: without its scopes it would seem to do more than it could
		who.forgotten = true
		return who, nil
	case err != nil:
		return who, err
	}
	found.Barred = ""
	return visitor{Principal: found}, nil
}
