package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/keyring"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	tokenBytes    = 32
	tokenLen      = 43 // base64url of 32 bytes
	kindBrowser   = "browser"
	kindProgram   = "program"
	maxAgentBytes = 256
)

// sessionPlan is a session that is made but not yet stored: nothing secret is made inside the transaction, which may
// run twice.
type sessionPlan struct {
	user            userRow
	row             sessionRow
	cookie, refresh string
	access          string
	expiresIn       time.Duration
}

// plan makes the id and the tokens of a new session for u: a cookie for everybody, and a bearer with its refresh token
// beside it for a program. None of them was ever known to a client before.
func (s *Service) plan(u userRow, o access.Origin, browser bool) (sessionPlan, error) {
	now, t := s.clock(), s.times.Load()
	id, err := newID("ses_", now)
	if err != nil {
		return sessionPlan{}, err
	}
	cookie, err := newToken()
	if err != nil {
		return sessionPlan{}, err
	}
	hash := hashToken(cookie)
	p := sessionPlan{user: u, cookie: cookie, row: sessionRow{
		ID: id, UserID: u.ID, Kind: kindBrowser, TokenHash: &hash, Epoch: u.Epoch, IP: addressOf(o), LastIP: addressOf(o),
		UserAgent: cut(o.UserAgent, maxAgentBytes), CreatedAt: millis(now), LastUsedAt: millis(now), ExpiresAt: millis(now.Add(t.Max)),
	}}
	if browser {
		p.expiresIn = min(t.Idle, t.Max)
		return p, nil
	}
	if p.refresh, err = newToken(); err != nil {
		return sessionPlan{}, err
	}
	// A family never ends before its first bearer does; its cookie does.
	p.row.Kind, p.row.ExpiresAt = kindProgram, millis(now.Add(max(t.Max, t.Access)))
	p.access, p.expiresIn, err = s.bearer(u.ID, id, u.Epoch, now, fromMillis(p.row.ExpiresAt))
	return p, err
}

// bearer signs an access token that ends after the access TTL, at the latest with its session.
func (s *Service) bearer(userID, sessionID string, epoch int64, now, sessionEnd time.Time) (string, time.Duration, error) {
	until := now.Add(s.times.Load().Access)
	if sessionEnd.Before(until) {
		until = sessionEnd
	}
	token, err := s.ring.Issue(keyring.Claims{UserID: userID, SessionID: sessionID, Epoch: epoch, IssuedAt: now, Until: until})
	return token, until.Sub(now), err
}

// outcome is what the row of a sign-in says beside its resource: whose it is, by name, and which session it made.
func (p sessionPlan) outcome() access.Outcome {
	return access.Outcome{
		As:       &access.Principal{Kind: access.KindUser, UserID: p.user.ID, Name: p.user.Username, Role: p.user.Role},
		Resource: userResource(p.user.ID),
		Details:  map[string]any{"username": p.user.Username, "session": p.row.ID, "client": p.row.Kind},
	}
}

func userResource(id string) string { return "user:" + id }

// open stores the session of a checked sign-in. It refuses if the user was changed since the password was checked.
func (p sessionPlan) open(tx *db.Tx, a attempt) error {
	u, err := lockedUser(tx, p.user.ID)
	if err != nil {
		return err
	}
	if u.Status != statusActive || u.Epoch != p.user.Epoch || u.PasswordHash != p.user.PasswordHash {
		return fault.New(fault.Unauthenticated, wrongMessage)
	}
	changes := map[string]any{"last_login_at": p.row.CreatedAt}
	if a.raised != "" {
		changes["password_hash"] = a.raised
	}
	if err := tx.Gorm().Model(&userRow{}).Where("id = ?", u.ID).UpdateColumns(changes).Error; err != nil {
		return err
	}
	return p.insert(tx)
}

func (p sessionPlan) insert(tx *db.Tx) error {
	row := p.row
	if err := tx.Gorm().Create(&row).Error; err != nil {
		return err
	}
	if p.refresh == "" {
		return nil
	}
	return tx.Gorm().Create(&refreshRow{
		TokenHash: hashToken(p.refresh), SessionID: p.row.ID, CreatedAt: p.row.CreatedAt, ExpiresAt: p.row.ExpiresAt,
	}).Error
}

func (p sessionPlan) answer() SignIn {
	u := p.user
	u.LastLoginAt = &p.row.CreatedAt
	return SignIn{
		User: u.user(), CookieToken: p.cookie, AccessToken: p.access, RefreshToken: p.refresh,
		ExpiresIn: p.expiresIn, SessionID: p.row.ID,
	}
}

// Logout ends the caller's session, and with it its cookie, bearers and refresh token. A key is
// Forbidden to do it by the gate: it is revoked instead. Others who have no session are told so: Invalid.
func (s *Service) Logout(ctx context.Context, p access.Principal) (err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.AuthLogout, Resource: sessionResource(p.SessionID)})
	if err != nil {
		return err
	}
	if p.SessionID == "" {
		return settle(ctx, pass, refusal{err: fault.New(fault.Invalid, "There is no session to end.")}, nil)
	}
	defer pass.Close(&err)
	now := s.clock()
	err = commit(ctx, pass, access.Outcome{}, func(tx *db.Tx) error { return endSession(tx, p.SessionID, now) })
	if err == nil {
		s.touched.forget(p.SessionID)
		s.confirmed.forget(p.SessionID)
	}
	return err
}

// RefreshBrowser notes that the person is still there and answers how long the session now lasts. The cookie stays as it
// is: other tabs use it at the same moment. It refuses a caller who did not come by cookie.
func (s *Service) RefreshBrowser(ctx context.Context, p access.Principal) (in SignIn, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.AuthRefresh, Resource: sessionResource(p.SessionID)})
	if err != nil {
		return SignIn{}, err
	}
	ses, u, err := s.cookieSession(ctx, p)
	if err != nil {
		return SignIn{}, settle(ctx, pass, refusal{err: err}, nil)
	}
	defer pass.Close(&err)
	now, ip := s.clock(), addressOf(p.Origin)
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) { return nil, stillAlive(tx, ses.id, now) }}
	if err := commit(ctx, pass, out, func(tx *db.Tx) error { return touchSession(tx, ses.id, ip, now) }); err != nil {
		return SignIn{}, err
	}
	s.touched.mark(ses.id, use{now: now, stored: now, addr: p.Origin.IP, storedIP: ip})
	t := s.times.Load()
	left := min(t.Idle, fromMillis(ses.created).Add(t.Max).Sub(now))
	return SignIn{User: u.user(), ExpiresIn: left, SessionID: ses.id}, nil
}

func (s *Service) cookieSession(ctx context.Context, p access.Principal) (session, userRow, error) {
	ses, ok, err := s.store.sessionByID(ctx, p.SessionID)
	switch {
	case err != nil:
		return ses, userRow{}, err
	case p.SessionID == "" || p.Via != access.ViaCookie:
		return ses, userRow{}, fault.New(fault.Invalid, "Send the refresh token: only a session by cookie is renewed without one.").WithField("refresh_token")
	case !ok || !s.lives(ses, s.clock()) || ses.userID != p.UserID || !s.cookieGood(ses, s.clock()):
		return ses, userRow{}, fault.New(fault.Unauthenticated, endedMessage)
	}
	u, ok, err := s.store.userByID(ctx, ses.userID)
	if err == nil && !ok {
		err = fault.New(fault.Unauthenticated, endedMessage)
	}
	return ses, u, err
}

// stripe answers the lock under which the family id is refreshed: whether a token is used again has to be known before
// its audit row is worded.
func (s *Service) stripe(id string) *sync.Mutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // it never fails
	return &s.refreshing[h.Sum32()%uint32(len(s.refreshing))]
}

func sessionResource(id string) string {
	if id == "" {
		return ""
	}
	return "session:" + id
}

func newToken() (string, error) {
	b := make([]byte, tokenBytes)
	if _, err := rand.Read(b); err != nil {
		return "", fault.Wrap(fmt.Errorf("making a token: %w", err), fault.Internal, "no random bytes for a token")
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func addressOf(o access.Origin) string {
	if !o.IP.IsValid() {
		return ""
	}
	return o.IP.String()
}

func cut(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}
