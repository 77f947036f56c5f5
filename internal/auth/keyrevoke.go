package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
)

// RevokeKey ends a key at once: the caller's own, or anybody's for a holder of key.manage. A key that doesn't exist and one
// that is not the caller's to see are one answer, NotFound. Revoking again changes nothing and is no error.
func (s *Service) RevokeKey(ctx context.Context, p access.Principal, id string) (err error) {
	row, pass, err := s.enterKey(ctx, p, id)
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	action := access.KeyManage
	if p.UserID != "" && row.UserID == p.UserID {
		action = access.KeyOwn
	}
	out := access.Outcome{
		Details: map[string]any{"change": "revoke", "owner": userResource(row.UserID)},
		Check:   func(tx *db.Tx) (map[string]any, error) { return nil, s.guard.Administer(tx, p, action) },
	}
	return commit(ctx, pass, out, func(tx *db.Tx) error { return revokeKey(tx, row.ID, tx.Now()) })
}

// RevokeKeysOf ends all keys of one user at once and answers how many there were: the caller's own, or anybody's for a holder
// of key.manage. Another's are Forbidden without it, whether there is such a user or not; with it, an unknown one is NotFound.
func (s *Service) RevokeKeysOf(ctx context.Context, p access.Principal, user string) (n int, err error) {
	op := access.Op{Action: access.KeyManage, Resource: userTarget(user)}
	if p.UserID != "" && p.UserID == user {
		op.Action = access.KeyOwn
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return 0, err
	}
	defer pass.Close(&err)
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		details := map[string]any{"change": "revoke_all"}
		if err := s.guard.Administer(tx, p, op.Action); err != nil {
			return details, err
		}
		if _, err := livingUser(tx, user); err != nil {
			return details, err
		}
		n, err = count(tx, `SELECT count(*) FROM api_keys WHERE user_id = ? AND revoked_at IS NULL`, user)
		details["owner"], details["keys"] = userResource(user), n
		return details, err
	}}
	err = commit(ctx, pass, out, func(tx *db.Tx) error { return revokeUserKeys(tx, user, tx.Now()) })
	return n, err
}
