package auth

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// holder is a user as every request sees it: read anew each time, so that a right ends with the row (threat A4).
type holder struct {
	userID, username, role, status string
	epoch                          int64
}

func (h *holder) dest() []any { return []any{&h.userID, &h.username, &h.role, &h.status, &h.epoch} }

const holderColumns = "u.id, u.username, u.role, u.status, u.epoch"

// session is a session with its holder.
type session struct {
	holder
	id, kind                   string
	signedEpoch                int64
	created, lastUsed, expires int64
	lastIP                     string
	cookie                     bool // there is a cookie for it
	revoked                    *int64
}

const sessionColumns = "s.id, s.kind, s.epoch, s.created_at, s.last_used_at, s.expires_at, s.last_ip, s.token_hash IS NOT NULL, s.revoked_at"

func (ses *session) dest() []any {
	return append(ses.holder.dest(), &ses.id, &ses.kind, &ses.signedEpoch, &ses.created, &ses.lastUsed, &ses.expires, &ses.lastIP,
		&ses.cookie, &ses.revoked)
}

const sessionSQL = "SELECT " + holderColumns + ", " + sessionColumns + ` FROM sessions s JOIN users u ON u.id = s.user_id WHERE `

func (s *store) session(ctx context.Context, by, value string) (ses session, ok bool, err error) {
	ok, err = s.scan(ctx, sessionSQL+by+" = ?", value, ses.dest()...)
	return ses, ok, err
}

func (s *store) sessionByToken(ctx context.Context, token string) (session, bool, error) {
	return s.session(ctx, "s.token_hash", hashToken(token))
}

func (s *store) sessionByID(ctx context.Context, id string) (session, bool, error) {
	return s.session(ctx, "s.id", id)
}

// clockSlack is how far the clock may fall back without ending what was used before it did.
const clockSlack = time.Minute

// alive says whether the session may still be used, but for its cookie's idle limit. One that was last used in the future is
// not: a clock that was set back by more than clockSlack would lend it time.
func (ses session) alive(now time.Time) bool {
	return ses.revoked == nil && millis(now) < ses.expires && millis(now.Add(clockSlack)) >= ses.lastUsed &&
		ses.status == statusActive && ses.signedEpoch == ses.epoch
}

// refresh is a refresh token with its session.
type refresh struct {
	session
	expiresAt int64
	usedAt    *int64
}

const refreshSQL = "SELECT " + holderColumns + ", " + sessionColumns + `, r.expires_at, r.used_at
FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id WHERE r.token_hash = ?`

func (s *store) refresh(ctx context.Context, token string) (r refresh, ok bool, err error) {
	ok, err = s.scan(ctx, refreshSQL, hashToken(token), append(r.session.dest(), &r.expiresAt, &r.usedAt)...)
	return r, ok, err
}

// sessionPage answers up to limit sessions of u older than the one named by before, newest first: those that are neither
// ended nor void, nor idle by more than memory could correct.
func (s *store) sessionPage(ctx context.Context, u userRow, before string, now time.Time, idle time.Duration, limit int) ([]sessionRow, error) {
	if u.Status != statusActive {
		return nil, nil
	}
	q := s.db.Read(ctx).Where("user_id = ? AND epoch = ? AND revoked_at IS NULL AND expires_at > ?", u.ID, u.Epoch, millis(now)).
		Where("last_used_at <= ?", millis(now.Add(clockSlack))).
		Where("kind <> ? OR last_used_at > ?", kindBrowser, millis(now.Add(-idle-touchEvery))).
		Order("id DESC").Limit(limit)
	if before != "" {
		q = q.Where("id < ?", before)
	}
	var rows []sessionRow
	return rows, db.Translate(q.Find(&rows).Error)
}

// keyHolder is an API key with its owner.
type keyHolder struct {
	holder
	id, line, secretHash, models, operations, ipRanges, rate, lastIP string
	service                                                          bool
	validUntil, lastUsed, revoked, suspended                         *int64
}

const keySQL = "SELECT " + holderColumns + `, k.id, k.secret_hash, k.models, k.operations, k.last_used_ip, k.valid_until, k.last_used_at,
k.revoked_at, k.suspended_at, k.line, k.ip_ranges, k.rate_limit, u.kind = '` + KindService + `' FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = ?`

func (s *store) keyHolder(ctx context.Context, id string) (k keyHolder, ok bool, err error) {
	dest := append(k.dest(), &k.id, &k.secretHash, &k.models, &k.operations, &k.lastIP, &k.validUntil, &k.lastUsed, &k.revoked, &k.suspended, &k.line, &k.ipRanges, &k.rate, &k.service)
	ok, err = s.scan(ctx, keySQL, id, dest...)
	return k, ok, err
}

const (
	touchSessionSQL = "UPDATE sessions SET last_used_at = max(last_used_at, ?), last_ip = ? WHERE id = ?"
	dropCookieSQL   = "UPDATE sessions SET token_hash = NULL WHERE id = ? AND kind = 'program'"
	touchKeySQL     = "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?), last_used_ip = ? WHERE id = ?"
	endSessionSQL   = "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
	endSessionsSQL  = "UPDATE sessions SET revoked_at = ?1 WHERE user_id = ?2 AND id <> ?3 AND revoked_at IS NULL"
	livingOfSQL     = `SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.user_id = ?1 AND s.id <> ?2 AND s.revoked_at IS NULL AND s.expires_at > ?3 AND s.epoch = u.epoch`
	aliveSQL = `SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = ?1 AND s.revoked_at IS NULL AND s.expires_at > ?2 AND s.epoch = u.epoch AND u.status = 'active'`
	useRefreshSQL = "UPDATE refresh_tokens SET used_at = ? WHERE token_hash = ? AND used_at IS NULL"
	confirmKeySQL = "UPDATE api_keys SET suspended_at = NULL WHERE id = ? AND revoked_at IS NULL"
)

func touchSession(tx *db.Tx, id, ip string, now time.Time) error {
	_, err := tx.Exec(touchSessionSQL, millis(now), ip, id)
	return err
}

// dropCookie takes the cookie of a program's session away for good.
func dropCookie(tx *db.Tx, id string) error {
	_, err := tx.Exec(dropCookieSQL, id)
	return err
}

func touchKey(tx *db.Tx, id, ip string, now time.Time) error {
	_, err := tx.Exec(touchKeySQL, millis(now), ip, id)
	return err
}

func endSession(tx *db.Tx, id string, now time.Time) error {
	_, err := tx.Exec(endSessionSQL, millis(now), id)
	return err
}

// stillAlive refuses a session that was ended since it was looked up.
func stillAlive(tx *db.Tx, id string, now time.Time) error {
	var n int
	if err := tx.QueryRow(aliveSQL, id, millis(now)).Scan(&n); err != nil {
		return db.Translate(err)
	}
	if n == 0 {
		return fault.New(fault.Unauthenticated, endedMessage)
	}
	return nil
}

// endSessionsOf ends the user's sessions but the one called left, and answers how many of them could still be used.
func endSessionsOf(tx *db.Tx, userID, left string, now time.Time) (living int, err error) {
	if err := tx.QueryRow(livingOfSQL, userID, left, millis(now)).Scan(&living); err != nil {
		return 0, err
	}
	_, err = tx.Exec(endSessionsSQL, millis(now), userID, left)
	return living, err
}

// confirmKey answers Conflict for a key that was revoked.
func confirmKey(tx *db.Tx, id string) error {
	res, err := tx.Exec(confirmKeySQL, id)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = fault.New(fault.Conflict, "This key was revoked: make a new one.")
	}
	return err
}

// spendRefresh marks the token as used; Unauthenticated if somebody else did so first.
func spendRefresh(tx *db.Tx, token string, now time.Time) error {
	res, err := tx.Exec(useRefreshSQL, millis(now), hashToken(token))
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = fault.Wrap(errSpent, fault.Unauthenticated, endedMessage)
	}
	return err
}

var errSpent = errors.New("the refresh token was used meanwhile")

// lockedUser reads the user inside the transaction that depends on it.
func lockedUser(tx *db.Tx, id string) (userRow, error) {
	u, ok, err := one[userRow](tx.Gorm().Where("id = ?", id))
	if err == nil && !ok {
		err = gorm.ErrRecordNotFound
	}
	return u, err
}
