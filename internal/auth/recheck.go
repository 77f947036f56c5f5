package auth

import (
	"context"

	"guardhouse/internal/access"
)

// Recheck answers p as it is now, for whoever keeps it longer than one request (streams ask every 5 s, threat A4): the
// session, bearer or key is still good and its user unchanged in epoch; the role may be another. Else Unauthenticated. It
// counts as no use: a page that only listens does not keep its session from the idle limit.
func (s *Service) Recheck(ctx context.Context, p access.Principal) (access.Principal, error) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case p.Kind == access.KindKey && p.KeyID != "":
		return s.recheckKey(ctx, p)
	case p.Kind == access.KindUser && p.SessionID != "":
		return s.recheckSession(ctx, p)
	}
	return access.Principal{}, unauthenticated()
}

func (s *Service) recheckKey(ctx context.Context, p access.Principal) (access.Principal, error) {
	k, ok, err := s.store.keyHolder(ctx, p.KeyID)
	if err != nil {
		return access.Principal{}, err
	}
	if !ok || k.userID != p.UserID || !k.alive(s.clock()) {
		return access.Principal{}, unauthenticated()
	}
	return k.principal(p.Origin)
}

func (s *Service) recheckSession(ctx context.Context, p access.Principal) (access.Principal, error) {
	ses, ok, err := s.store.sessionByID(ctx, p.SessionID)
	if err != nil {
		return access.Principal{}, err
	}
	now := s.clock()
	good := ok && ses.userID == p.UserID && s.lives(ses, now)
	if good && p.Via == access.ViaCookie {
		good = s.cookieGood(ses, now)
	} else if good {
		good = s.ring.Verifies(p.Via) && now.Before(p.Until)
	}
	if !good {
		return access.Principal{}, unauthenticated()
	}
	fresh := ses.principal(p.Origin)
	fresh.Via, fresh.Until, fresh.Unconfirmed = p.Via, p.Until, p.Unconfirmed
	return fresh, nil
}
