package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// ConfirmKey switches a key on again that a restore switched off, for a holder of key.manage whose role holds all that the
// owner's does; else Forbidden, as for every key that asks. An unknown key is NotFound, a revoked one Conflict. Confirming
// a key that is on changes nothing and is no error.
func (s *Service) ConfirmKey(ctx context.Context, p access.Principal, id string) (k Key, err error) {
	id = cut(id, maxLabel)
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.KeyManage, Resource: keyTarget(id)})
	if err != nil {
		return Key{}, err
	}
	if p.Kind == access.KindKey {
		return Key{}, settle(ctx, pass, refusal{err: fault.New(fault.Forbidden, "A key can't confirm keys: sign in.")}, nil)
	}
	row, ok, err := s.store.keyByID(context.WithoutCancel(ctx), id)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no such key.")
	}
	if err != nil {
		return Key{}, settle(ctx, pass, refusal{err: err}, nil)
	}
	defer pass.Close(&err)
	out := access.Outcome{
		Details: map[string]any{"change": "confirm", "owner": userResource(row.UserID)},
		Check: func(tx *db.Tx) (map[string]any, error) {
			u, err := lockedUser(tx, row.UserID)
			if err != nil {
				return nil, err
			}
			if err := s.guard.Administer(tx, p, access.KeyManage, u.Role); err != nil {
				return nil, aboutThem(err)
			}
			return nil, s.confirmedFor(tx, p, u.Role)
		},
	}
	if err = commit(ctx, pass, out, func(tx *db.Tx) error { return confirmKey(tx, row.ID) }); err != nil {
		return Key{}, err
	}
	row.SuspendedAt = nil
	return s.shown(row)
}
