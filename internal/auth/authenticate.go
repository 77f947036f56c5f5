package auth

import (
	"context"
	"crypto/subtle"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Authenticate answers who sent c: an API key or a bearer in Bearer, else a browser's Cookie. Session, user and epoch are
// read from the database at every call, so that what ends there ends here (threat A4). Anything wrong with the
// credential, or none at all, is one answer: Unauthenticated. A database that can't be read is another: never a yes.
func (s *Service) Authenticate(ctx context.Context, c Credential, o access.Origin) (access.Principal, error) {
	// A look-up of microseconds is not worth interrupting, and the driver starts a goroutine for a context that can end.
	ctx = context.WithoutCancel(ctx)
	switch {
	case strings.HasPrefix(c.Bearer, keyPrefix):
		return s.byKey(ctx, c.Bearer, o)
	case c.Bearer != "":
		return s.byBearer(ctx, c.Bearer, o)
	case c.Cookie != "":
		return s.byCookie(ctx, c, o)
	}
	return access.Principal{}, unauthenticated()
}

func unauthenticated() error {
	return fault.New(fault.Unauthenticated, "Sign in first, or send a valid key or token.")
}

func (s *Service) byCookie(ctx context.Context, c Credential, o access.Origin) (access.Principal, error) {
	if len(c.Cookie) != tokenLen {
		return access.Principal{}, unauthenticated()
	}
	now := s.clock()
	ses, ok, err := s.store.sessionByToken(ctx, c.Cookie)
	former := false
	if err == nil && !ok {
		ses, former, err = s.formerSession(ctx, c.Cookie, now)
		ok = former
	}
	if err != nil {
		return access.Principal{}, err
	}
	if !ok || !s.lives(ses, now) || !s.cookieGood(ses, now) {
		return access.Principal{}, unauthenticated()
	}
	s.touchSession(ctx, ses, o, now)
	p := ses.principal(o)
	p.Via = access.ViaCookie
	p.Unconfirmed = (c.Browser || ses.kind == kindBrowser) && (former || !s.confirmed.holds(ses.id, now))
	return p, nil
}

// cookieGood says whether a living session may still be shown by its cookie: not idle for too long, and not older than a
// session may be. A program's bearers may last longer than that.
func (s *Service) cookieGood(ses session, now time.Time) bool {
	last, t := s.touched.last(ses.id, fromMillis(ses.lastUsed)), s.times.Load()
	return ses.cookie && t.awake(last, now) && !last.After(now.Add(clockSlack)) && now.Before(fromMillis(ses.created).Add(t.Max))
}

func (s *Service) byBearer(ctx context.Context, token string, o access.Origin) (access.Principal, error) {
	c, kid, err := s.ring.Parse(token)
	if err != nil {
		return access.Principal{}, unauthenticated()
	}
	ses, ok, err := s.store.sessionByID(ctx, c.SessionID)
	if err != nil {
		return access.Principal{}, err
	}
	now := s.clock()
	if !ok || ses.kind != kindProgram || !s.lives(ses, now) || ses.userID != c.UserID || ses.epoch != c.Epoch {
		return access.Principal{}, unauthenticated()
	}
	if s.buryCookie(ctx, ses, now) {
		s.touchSession(ctx, ses, o, now)
	}
	p := ses.principal(o)
	p.Via, p.Until = kid, c.Until
	return p, nil
}

// buryCookie takes the cookie of a session away that was idle for too long: a bearer's use must not wake it. It answers
// whether the use may be noted; if the cookie can't be taken away, the use goes unnoted and the cookie stays as dead.
func (s *Service) buryCookie(ctx context.Context, ses session, now time.Time) bool {
	if !ses.cookie || s.cookieGood(ses, now) {
		return true
	}
	err := s.store.db.Write(func(tx *db.Tx) error { return dropCookie(tx, ses.id) })
	if err != nil {
		s.log.WarnContext(ctx, "idle cookie not taken away", "id", ses.id, "err", err)
	}
	return err == nil
}

func (s *Service) touchSession(ctx context.Context, ses session, o access.Origin, now time.Time) {
	if s.touched.mark(ses.id, use{now: now, stored: fromMillis(ses.lastUsed), addr: o.IP, storedIP: ses.lastIP}) {
		s.note(ctx, "session", ses.id, func(tx *db.Tx) error { return touchSession(tx, ses.id, addressOf(o), now) })
	}
}

// byKey finds the row by the key's public id and compares the secret's hash in constant time (threat K1).
func (s *Service) byKey(ctx context.Context, key string, o access.Origin) (access.Principal, error) {
	id, ok := parseAPIKey(key)
	if !ok {
		return access.Principal{}, unauthenticated()
	}
	k, ok, err := s.store.keyHolder(ctx, id)
	if err != nil {
		return access.Principal{}, err
	}
	now := s.clock()
	// An unknown id has an empty hash, which equals no HMAC.
	right := subtle.ConstantTimeCompare([]byte(k.secretHash), []byte(hashAPIKey(s.keyHash, key))) == 1
	if ok && right && k.revoked != nil {
		s.revokedShown.add(k.id, now)
	}
	if !ok || !right || !k.alive(now) {
		return access.Principal{}, unauthenticated()
	}
	var stored time.Time
	if k.lastUsed != nil {
		stored = fromMillis(*k.lastUsed)
	}
	if s.touched.mark(k.id, use{now: now, stored: stored, addr: o.IP, storedIP: k.lastIP}) {
		s.note(ctx, "key", k.id, func(tx *db.Tx) error { return touchKey(tx, k.id, addressOf(o), now) })
	}
	return k.principal(o)
}

// principal is the owner, narrowed by the key. Scopes that can't be read are an error, never no scopes.
func (k keyHolder) principal(o access.Origin) (access.Principal, error) {
	p := access.Principal{Kind: access.KindKey, UserID: k.userID, Name: k.username, Role: k.role, KeyID: k.id, KeyLine: lineOf(k.id, k.line), Service: k.service, Origin: o}
	var err error
	if p.KeyModels, err = readList(k.models); err != nil {
		return access.Principal{}, err
	}
	if p.KeyOperations, err = readList(k.operations); err != nil {
		return access.Principal{}, err
	}
	if p.KeyIPRanges, err = readRanges(k.ipRanges); err != nil {
		return access.Principal{}, err
	}
	if p.KeyRate, err = readRate(k.rate); err != nil {
		return access.Principal{}, err
	}
	return p, nil
}

func (k keyHolder) alive(now time.Time) bool {
	inTime := k.validUntil == nil || millis(now) < *k.validUntil
	return k.revoked == nil && k.suspended == nil && inTime && k.status == statusActive
}

// Me answers the caller's own user. System and anonymous callers have none: NotFound.
func (s *Service) Me(ctx context.Context, p access.Principal) (User, error) {
	u, ok, err := s.store.userByID(ctx, p.UserID)
	if err != nil {
		return User{}, err
	}
	if !ok {
		return User{}, fault.New(fault.NotFound, "There is no such user.")
	}
	return u.user(), nil
}

// Helpers answers up to three names of active people who can give p a right, whoever signed in last first.
func (s *Service) Helpers(ctx context.Context, p access.Principal) ([]string, error) {
	return s.store.helpers(context.WithoutCancel(ctx), p.UserID)
}
