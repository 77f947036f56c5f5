package request

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Withdraw takes the caller's own open request back. NotFound for any that is not his, Conflict for one that is decided.
func (s *Service) Withdraw(ctx context.Context, p access.Principal, id, reason string) (Request, error) {
	return s.end(ctx, p, id, ending{action: access.SessionOwn, status: Withdrawn, change: "withdraw", reason: reason})
}

// Decline refuses a request for a holder of acl.manage, with a reason that the asker reads. Forbidden for his own, NotFound
// for an unknown one, Conflict for one that is decided.
func (s *Service) Decline(ctx context.Context, p access.Principal, id, reason string) (Request, error) {
	return s.end(ctx, p, id, ending{action: access.ACLManage, status: Declined, change: "decline", reason: reason})
}

// ending is a decision that makes no rule.
type ending struct {
	action access.Action
	status Status
	change string
	reason string
}

func (s *Service) end(ctx context.Context, p access.Principal, id string, e ending) (_ Request, err error) {
	reason, err := text("reason", e.reason)
	if err == nil && e.status == Declined && reason == "" {
		err = fault.New(fault.Invalid, "Say why: the asker reads it.").WithField("reason")
	}
	if err != nil {
		return Request{}, s.reject(ctx, p, err)
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: e.action, Resource: target(cut(id))})
	if err != nil {
		return Request{}, err
	}
	defer pass.Close(&err)
	out := access.Outcome{Details: map[string]any{"change": e.change}, Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.d.Guard.Administer(tx, p, e.action); err != nil {
			return nil, err
		}
		r, err := s.mayEnd(tx, p, id, e.action)
		return r.details(), err
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error {
		return settle(tx, decision{id: id, status: e.status, by: p, reason: reason})
	})
	if err != nil {
		return Request{}, err
	}
	return s.Get(context.WithoutCancel(ctx), p, id)
}

// mayEnd reads the request in the transaction and refuses what p may not decide about.
func (s *Service) mayEnd(tx *db.Tx, p access.Principal, id string, a access.Action) (named, error) {
	r, ok, err := one(tx.Gorm(), id)
	switch {
	case err != nil:
		return r, err
	case !ok, a == access.SessionOwn && !r.of(p):
		return named{}, unknown()
	case a == access.ACLManage && r.of(p):
		return r, ownRequest()
	case r.Row.Status != Open:
		return r, decided()
	}
	return r, nil
}

func ownRequest() error {
	return fault.New(fault.Forbidden, "Nobody decides about his own request: ask somebody else with acl.manage.")
}

// details are what the audit row says of a request: never its purpose, which people write in their own words.
func (n *named) details() map[string]any {
	r := &n.Row
	if r.ID == "" {
		return nil
	}
	return map[string]any{
		"user": r.UserID, "requested_model": r.Model, "operations": words(r.operations()), "until": time.UnixMilli(r.Until).UTC().Format(time.RFC3339),
	}
}

// cut keeps a made-up id out of the log as a whole.
func cut(id string) string { return id[:min(len(id), len(idPrefix)+26)] }
