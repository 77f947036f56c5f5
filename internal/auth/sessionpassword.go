package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/names"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// ChangePassword gives the caller a new password and a new session of the same form; every other session, bearer and refresh
// token of his ends, the one he came with too. Keys stay: they have secrets of their own. Only a person with a session may,
// others are Forbidden, as is a wrong current password, which counts like one at a sign-in: too many are RateLimited. A
// password that the rules refuse, or the one there is already, is Invalid; somebody else's change meanwhile Conflict.
func (s *Service) ChangePassword(ctx context.Context, p access.Principal, current, fresh string) (in SignIn, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.SessionOwn, Resource: userTarget(p.UserID)})
	if err != nil {
		return SignIn{}, err
	}
	details := map[string]any{"change": "password"}
	if p.Kind != access.KindUser || p.SessionID == "" {
		return SignIn{}, refuse(ctx, pass, fault.New(fault.Forbidden, "A password is changed by its owner, signed in."), details)
	}
	ses, a, err := s.ownPassword(ctx, p, current, fresh)
	if err != nil {
		if a.reason != "" {
			details["why"] = a.reason
		}
		return SignIn{}, refuse(ctx, pass, err, details)
	}
	hash, err := s.hashPassword(ctx, fresh)
	if err != nil {
		return SignIn{}, refuse(ctx, pass, err, details)
	}
	next := a.user
	next.Epoch, next.PasswordHash, next.Version = next.Epoch+1, hash, next.Version+1
	plan, err := s.plan(next, p.Origin, ses.kind == kindBrowser)
	if err != nil {
		return SignIn{}, refuse(ctx, pass, err, details)
	}
	plan.user.UpdatedAt = plan.row.CreatedAt
	defer pass.Close(&err)
	details["session"] = plan.row.ID
	out := access.Outcome{Details: details, Check: func(tx *db.Tx) (map[string]any, error) {
		return nil, s.unchanged(tx, p, a.user)
	}}
	if err := commit(ctx, pass, out, func(tx *db.Tx) error { return plan.replace(tx) }); err != nil {
		return SignIn{}, err
	}
	in = s.welcome(plan, p.Origin, a.device)
	in.User.LastLoginAt = fromMillisPtr(a.user.LastLoginAt) // it was no sign-in
	return in, nil
}

// ownPassword checks the new password against the rules, then the current one as a sign-in would. a.reason says what was
// wrong with the current one.
func (s *Service) ownPassword(ctx context.Context, p access.Principal, current, fresh string) (ses session, a attempt, err error) {
	invalid := func(err error) error {
		return fault.New(fault.Invalid, fault.From(err).Message).WithField("new_password")
	}
	lookup := context.WithoutCancel(ctx)
	ses, found, err := s.store.sessionByID(lookup, p.SessionID)
	if err != nil {
		return ses, a, err
	}
	a.user, a.known, err = s.store.userByID(lookup, p.UserID)
	switch {
	case err != nil:
		return ses, a, err
	case !found || !a.known || ses.userID != p.UserID || !s.lives(ses, s.clock()):
		return ses, a, fault.New(fault.Unauthenticated, endedMessage)
	case len(current) > password.MaxBytes:
		a.reason = reasonPassword
		return ses, a, wrongCurrent()
	case fresh == current:
		return ses, a, invalid(fault.New(fault.Invalid, "This is the password there is already."))
	}
	if err := s.checkNewPassword(a.user.Username, a.user.DisplayName, fresh); err != nil {
		return ses, a, invalid(err)
	}
	from, err := s.sourceOf(ctx, &a, names.Skeleton(a.user.Username), p.Origin, "")
	if err != nil {
		return ses, a, err
	}
	if err := s.check(ctx, &a, from, current); err != nil {
		return ses, a, err
	}
	if a.reason != "" {
		return ses, a, wrongCurrent()
	}
	return ses, a, nil
}

func wrongCurrent() error {
	return fault.New(fault.Forbidden, "The current password is wrong.").WithField("current_password")
}

// unchanged refuses inside the transaction what was true when the password was checked and is not any more.
func (s *Service) unchanged(tx *db.Tx, p access.Principal, then userRow) error {
	if err := s.guard.Administer(tx, p, access.SessionOwn); err != nil {
		return err
	}
	u, err := livingUser(tx, then.ID)
	if err != nil {
		return err
	}
	if u.Epoch != then.Epoch || u.PasswordHash != then.PasswordHash {
		return fault.New(fault.Conflict, "The password was changed meanwhile. Sign in again.")
	}
	return nil
}

// replace stores the new password and the new session, and ends the ones before.
func (p sessionPlan) replace(tx *db.Tx) error {
	at := fromMillis(p.row.CreatedAt)
	err := exec(tx, `UPDATE users SET password_hash = ?1, password_changed_at = ?2, epoch = ?3, updated_at = ?2, version = version + 1
		WHERE id = ?4`, p.user.PasswordHash, millis(at), p.user.Epoch, p.user.ID)
	if err != nil {
		return err
	}
	if err := endUserSessions(tx, p.user.ID, at); err != nil {
		return err
	}
	return p.insert(tx)
}
