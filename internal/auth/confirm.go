package auth

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/names"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// confirmFor is how long a typed password stands for the session it was typed to.
const confirmFor = 5 * time.Minute

// Confirmation is the answer to a typed password: until when it stands, and the cookie that the session has from now on.
type Confirmation struct {
	Until       time.Time
	CookieToken string
}

// Confirm checks the caller's password again and lets his session do for five minutes what access.TierPassword names. The
// session gets a new cookie: whoever took the one before has no part in it. It is for sessions shown by cookie; others are
// Forbidden. A wrong password is Forbidden and counts like one at a sign-in, too many are RateLimited. A session that ended or
// a password that was changed meanwhile is Unauthenticated; two confirmations at once leave one, the other is Conflict.
func (s *Service) Confirm(ctx context.Context, p access.Principal, typed, deviceToken string) (c Confirmation, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.AuthConfirm, Resource: sessionResource(p.SessionID)})
	if err != nil {
		return c, err
	}
	hash, a, err := s.retyped(ctx, p, typed, deviceToken)
	if err == nil {
		c.CookieToken, err = newToken()
	}
	if err != nil {
		var details map[string]any
		if a.reason != "" {
			details = map[string]any{"why": a.reason}
		}
		return Confirmation{}, refuse(ctx, pass, err, details)
	}
	defer pass.Close(&err)
	now := s.clock()
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		return nil, unchangedSession(tx, p.SessionID, a.user, hash, now)
	}}
	err = commit(ctx, pass, out, func(tx *db.Tx) error { return replaceCookie(tx, p.SessionID, hashToken(c.CookieToken)) })
	if err != nil {
		return Confirmation{}, err
	}
	c.Until = s.confirmed.add(p.SessionID, hash, now)
	return c, nil
}

// retyped checks the password as a sign-in would and answers the hash of the cookie that the session has. a.reason says what
// was wrong.
func (s *Service) retyped(ctx context.Context, p access.Principal, typed, deviceToken string) (hash string, a attempt, err error) {
	if p.Kind != access.KindUser || p.SessionID == "" || p.Via != access.ViaCookie {
		return "", a, fault.New(fault.Forbidden, "Only a session by cookie is confirmed.")
	}
	lookup := context.WithoutCancel(ctx)
	hash, ok, err := s.store.cookieHash(lookup, p.SessionID)
	if err != nil {
		return "", a, err
	}
	a.user, a.known, err = s.store.userByID(lookup, p.UserID)
	switch {
	case err != nil:
		return "", a, err
	case !ok || !a.known:
		return "", a, fault.New(fault.Unauthenticated, endedMessage)
	case len(typed) > password.MaxBytes:
		a.reason = reasonPassword
		return "", a, wrongConfirmation()
	}
	from, err := s.sourceOf(ctx, &a, names.Skeleton(a.user.Username), p.Origin, deviceToken)
	if err != nil {
		return "", a, err
	}
	if err := s.check(ctx, &a, from, typed); err != nil {
		return "", a, err
	}
	if a.reason != "" {
		return "", a, wrongConfirmation()
	}
	return hash, a, nil
}

func wrongConfirmation() error {
	return fault.New(fault.Forbidden, "The password is wrong.").WithField("password")
}

// ConfirmedUntil answers until when p's session is confirmed, the zero time if it is not.
func (s *Service) ConfirmedUntil(p access.Principal) time.Time {
	if p.Kind != access.KindUser || p.Via != access.ViaCookie || p.SessionID == "" {
		return time.Time{}
	}
	return s.confirmed.until(p.SessionID, s.clock())
}

// formerSession answers the session of a cookie that a confirmation replaced a moment ago.
func (s *Service) formerSession(ctx context.Context, token string, now time.Time) (session, bool, error) {
	id := s.confirmed.former(hashToken(token), now)
	if id == "" {
		return session{}, false, nil
	}
	return s.store.sessionByID(ctx, id)
}
