package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/filters"
)

// DeleteUser ends a user for ever, for a caller with user.manage whose own actions cover the user's role: keys and sessions
// are revoked, the password and the name shown go, the user name is never given again (threat Z7). It refuses an unknown
// user (NotFound), another version than the given one (Stale), a role beyond one's own (Forbidden) and the last active admin
// (Conflict).
func (s *Service) DeleteUser(ctx context.Context, p access.Principal, id string, version *int64) (err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.UserManage, Resource: userTarget(id)})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		details := map[string]any{"change": "delete"}
		old, err := s.planDelete(tx, p, id, version)
		if old.ID != "" {
			details["username"], details["role"], details["kind"] = old.Username, old.Role, old.Kind
		}
		return details, err
	}}
	return commit(ctx, pass, out, func(tx *db.Tx) error { return s.storeDelete(tx, id) })
}

// planDelete decides inside the transaction, on the rows as they are then.
func (s *Service) planDelete(tx *db.Tx, p access.Principal, id string, version *int64) (userRow, error) {
	if err := s.guard.Administer(tx, p, access.UserManage); err != nil {
		return userRow{}, err
	}
	old, err := livingUser(tx, id)
	if err != nil {
		return userRow{}, err
	}
	if err := s.guard.Administer(tx, p, access.UserManage, old.Role); err != nil {
		return old, aboutThem(err)
	}
	if version != nil && *version != old.Version {
		return old, staleUser()
	}
	next := old
	next.Status = statusDeleted
	return old, keepAdmin(tx, old, next)
}

func (s *Service) storeDelete(tx *db.Tx, id string) error {
	now := s.clock()
	u, err := livingUser(tx, id)
	if err != nil {
		return err
	}
	u.Status, u.DisplayName, u.Language, u.PasswordHash = statusDeleted, "", "", ""
	u.Epoch++
	if err := storeUser(tx, u, now); err != nil {
		return err
	}
	if err := exec(tx, `UPDATE users SET deleted_at = ? WHERE id = ?`, millis(now), id); err != nil {
		return err
	}
	if err := endUserSessions(tx, id, now); err != nil {
		return err
	}
	if err := filters.Forget(tx, id); err != nil {
		return err
	}
	if err := leaveGroups(tx, id); err != nil {
		return err
	}
	return revokeUserKeys(tx, id, now)
}
