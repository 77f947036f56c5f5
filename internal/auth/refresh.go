package auth

import (
	"context"
	"errors"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	reasonNoToken = "unknown_token"
	reasonReuse   = "refresh_reuse"
	reasonEnded   = "session_ended"
)

// RefreshProgram takes a refresh token, which is good once, and answers a new pair. A token that was used before ends the
// whole family: one of its two holders stole it. Every refusal is Unauthenticated and leaves one row.
func (s *Service) RefreshProgram(ctx context.Context, o access.Origin, refreshToken string) (SignIn, error) {
	op := access.Op{Action: access.AuthRefresh}
	r, ok, err := s.lookupRefresh(ctx, refreshToken)
	if err != nil {
		return SignIn{}, s.reject(ctx, access.Anonymous(o), op, refusal{err: err})
	}
	if !ok {
		return SignIn{}, s.reject(ctx, access.Anonymous(o), op, refusal{
			err: fault.New(fault.Unauthenticated, endedMessage), decision: audit.Deny, reason: reasonNoToken,
		})
	}
	lock := s.stripe(r.id)
	lock.Lock()
	defer lock.Unlock()
	// Read again under the lock: another holder may have used it meanwhile.
	if r, ok, err = s.lookupRefresh(ctx, refreshToken); err != nil || !ok {
		return SignIn{}, s.reject(ctx, access.Anonymous(o), op, refusal{err: orEnded(err)})
	}
	return s.rotate(ctx, r, o, refreshToken)
}

func orEnded(err error) error {
	if err == nil {
		return fault.New(fault.Unauthenticated, endedMessage)
	}
	return err
}

func (s *Service) lookupRefresh(ctx context.Context, token string) (refresh, bool, error) {
	if len(token) != tokenLen {
		return refresh{}, false, nil
	}
	return s.store.refresh(context.WithoutCancel(ctx), token)
}

func (s *Service) rotate(ctx context.Context, r refresh, o access.Origin, old string) (in SignIn, err error) {
	now := s.clock()
	op := access.Op{Action: access.AuthRefresh, Resource: sessionResource(r.id)}
	ended := fault.New(fault.Unauthenticated, endedMessage)
	switch {
	case r.usedAt != nil:
		return SignIn{}, s.endFamily(ctx, r, access.Anonymous(o), op, refusal{err: ended, decision: audit.Deny, reason: reasonReuse})
	case !s.lives(r.session, now) || millis(now) >= r.expiresAt:
		return SignIn{}, s.reject(ctx, access.Anonymous(o), op, refusal{err: ended, decision: audit.Deny, reason: reasonEnded})
	}
	fresh, err := newToken()
	if err != nil {
		return SignIn{}, s.reject(ctx, r.principal(o), op, refusal{err: err})
	}
	bearer, lasts, err := s.bearer(r.userID, r.id, r.epoch, now, fromMillis(r.session.expires))
	if err != nil {
		return SignIn{}, s.reject(ctx, r.principal(o), op, refusal{err: err})
	}
	pass, err := s.guard.Enter(ctx, r.principal(o), op)
	if err != nil {
		return SignIn{}, err
	}
	defer pass.Close(&err)
	x := exchange{old: old, fresh: fresh, ip: addressOf(o), now: now, buries: r.cookie && !s.cookieGood(r.session, now)}
	var u userRow
	err = commit(ctx, pass, access.Outcome{}, func(tx *db.Tx) (err error) {
		u, err = r.exchange(tx, x)
		return err
	})
	if errors.Is(err, errSpent) {
		// Another process was first: to this one the family has to end as well.
		err = errors.Join(err, s.store.db.Write(func(tx *db.Tx) error { return endSession(tx, r.id, now) }))
	}
	if err != nil {
		return SignIn{}, err
	}
	s.touched.mark(r.id, use{now: now, stored: now, addr: o.IP, storedIP: x.ip})
	return SignIn{User: u.user(), AccessToken: bearer, RefreshToken: fresh, ExpiresIn: lasts, SessionID: r.id}, nil
}

// endFamily ends the session of a token that was used twice. Whoever comes later finds it ended already.
func (s *Service) endFamily(ctx context.Context, r refresh, p access.Principal, op access.Op, why refusal) error {
	if r.revoked != nil {
		return s.reject(ctx, p, op, why)
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return err
	}
	now := s.clock()
	return settle(ctx, pass, why, func(tx *db.Tx) error { return endSession(tx, r.id, now) })
}

// exchange is one refresh token for another. buries says that the session's cookie was idle for too long: this use must not
// wake it.
type exchange struct {
	old, fresh, ip string
	now            time.Time
	buries         bool
}

// exchange spends the old token and stores the new one, if the family still lives at that moment.
func (r refresh) exchange(tx *db.Tx, x exchange) (userRow, error) {
	u, err := lockedUser(tx, r.userID)
	if err != nil {
		return u, err
	}
	ses, ok, err := one[sessionRow](tx.Gorm().Where("id = ?", r.id))
	if err != nil {
		return u, err
	}
	if !ok || ses.RevokedAt != nil || u.Status != statusActive || u.Epoch != r.epoch {
		return u, fault.New(fault.Unauthenticated, endedMessage)
	}
	if err := spendRefresh(tx, x.old, x.now); err != nil {
		return u, err
	}
	if x.buries {
		if err := dropCookie(tx, r.id); err != nil {
			return u, err
		}
	}
	if err := touchSession(tx, r.id, x.ip, x.now); err != nil {
		return u, err
	}
	return u, tx.Gorm().Create(&refreshRow{
		TokenHash: hashToken(x.fresh), SessionID: r.id, CreatedAt: millis(x.now), ExpiresAt: r.session.expires,
	}).Error
}

func (ses session) principal(o access.Origin) access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: ses.userID, Name: ses.username, Role: ses.role, SessionID: ses.id, Origin: o}
}
