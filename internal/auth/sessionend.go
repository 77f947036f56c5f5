package auth

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Keep says which sessions EndSessions leaves.
type Keep int

// KeepNone ends all; KeepCurrent leaves the one that asks.
const (
	KeepNone Keep = iota
	KeepCurrent
)

// EndSession ends one session with its cookie, bearers, refresh token and streams: the caller's own, or anybody's whose role
// holds no more than the caller's, for a holder of user.manage. Every other id is NotFound, whether it exists or not
// (threat Z3). Ending again changes nothing and is no error.
func (s *Service) EndSession(ctx context.Context, p access.Principal, id string) (err error) {
	id = cut(id, maxLabel)
	ses, ok, err := s.store.sessionByID(context.WithoutCancel(ctx), id)
	if err != nil {
		return err
	}
	own := ok && p.UserID != "" && ses.userID == p.UserID
	op := access.Op{Action: access.SessionOwn, Resource: sessionTarget(id)}
	if !own && s.guard.Can(p, access.UserManage) {
		op.Action = access.UserManage
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return err
	}
	none := fault.New(fault.NotFound, "There is no such session.")
	if !ok || (!own && op.Action != access.UserManage) {
		return settle(ctx, pass, refusal{err: none}, nil)
	}
	now := s.clock()
	out := access.Outcome{
		Details: map[string]any{"change": "session_end", "user": userResource(ses.userID)},
		Check:   func(tx *db.Tx) (map[string]any, error) { return nil, s.mayEnd(tx, p, ses.userID) },
	}
	err = commit(ctx, pass, out, func(tx *db.Tx) error { return endSession(tx, id, now) })
	if code := fault.CodeOf(err); code == fault.Forbidden || code == fault.NotFound {
		err = none // a foreign session is as good as unknown; the row says what it was
	}
	pass.Close(&err)
	return err
}

// EndSessions ends all sessions of userID (empty = the caller) but those that keep leaves, and answers how many lived.
// Another's need user.manage and a role that holds no more than the caller's, else Forbidden; an unknown user is NotFound.
func (s *Service) EndSessions(ctx context.Context, p access.Principal, userID string, keep Keep) (ended int, err error) {
	if userID == "" {
		userID = p.UserID
	}
	op := access.Op{Action: access.UserManage, Resource: userTarget(userID)}
	if userID == p.UserID {
		op.Action = access.SessionOwn
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return 0, err
	}
	defer pass.Close(&err)
	left := ""
	if keep == KeepCurrent {
		left = p.SessionID
	}
	now := s.clock()
	details := map[string]any{"change": "sessions_end", "kept_current": left != ""}
	out := access.Outcome{Details: details, Check: func(tx *db.Tx) (map[string]any, error) { return nil, s.mayEnd(tx, p, userID) }}
	err = commit(ctx, pass, out, func(tx *db.Tx) (err error) {
		ended, err = endSessionsOf(tx, userID, left, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

// mayEnd is the check inside the transaction: p still stands, and holds all that the owner's role holds by then.
func (s *Service) mayEnd(tx *db.Tx, p access.Principal, owner string) error {
	if owner == p.UserID && owner != "" {
		return s.guard.Administer(tx, p, access.SessionOwn)
	}
	u, err := livingUser(tx, owner)
	if err != nil {
		return err
	}
	return aboutThem(s.guard.Administer(tx, p, access.UserManage, u.Role))
}

// EndAll makes a restored database's credentials void (threat S3): a new epoch for everybody, every session ended, every
// refresh token spent, and every key off until somebody confirms it. What was made before can't come back.
func EndAll(tx *db.Tx, now time.Time) error {
	if _, err := tx.Exec("UPDATE users SET epoch = epoch + 1"); err != nil {
		return db.Translate(err)
	}
	for _, query := range []string{
		"UPDATE sessions SET revoked_at = ? WHERE revoked_at IS NULL",
		"UPDATE refresh_tokens SET used_at = ? WHERE used_at IS NULL",
		"UPDATE api_keys SET suspended_at = ? WHERE suspended_at IS NULL AND revoked_at IS NULL",
	} {
		if _, err := tx.Exec(query, millis(now)); err != nil {
			return db.Translate(err)
		}
	}
	return nil
}
