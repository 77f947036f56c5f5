package auth

import (
	"context"
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
	id, kind          string
	signedEpoch       int64
	lastUsed, expires int64
	revoked           *int64
}

const sessionSQL = "SELECT " + holderColumns + `, s.id, s.kind, s.epoch, s.last_used_at, s.expires_at, s.revoked_at
FROM sessions s JOIN users u ON u.id = s.user_id WHERE `

func (s *store) session(ctx context.Context, by, value string) (ses session, ok bool, err error) {
	dest := append(ses.dest(), &ses.id, &ses.kind, &ses.signedEpoch, &ses.lastUsed, &ses.expires, &ses.revoked)
	ok, err = s.scan(ctx, sessionSQL+by+" = ?", value, dest...)
	return ses, ok, err
}

func (s *store) sessionByToken(ctx context.Context, token string) (session, bool, error) {
	return s.session(ctx, "s.token_hash", hashToken(token))
}

func (s *store) sessionByID(ctx context.Context, id string) (session, bool, error) {
	return s.session(ctx, "s.id", id)
}

// alive says whether the session may still be used, but for its idle limit.
func (ses session) alive(now time.Time) bool {
	return ses.revoked == nil && millis(now) < ses.expires && ses.status == statusActive && ses.signedEpoch == ses.epoch
}

// refresh is a refresh token with its session.
type refresh struct {
	session
	expiresAt int64
	usedAt    *int64
}

const refreshSQL = "SELECT " + holderColumns + `, s.id, s.kind, s.epoch, s.last_used_at, s.expires_at, s.revoked_at, r.expires_at, r.used_at
FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id WHERE r.token_hash = ?`

func (s *store) refresh(ctx context.Context, token string) (r refresh, ok bool, err error) {
	dest := append(r.dest(), &r.id, &r.kind, &r.signedEpoch, &r.lastUsed, &r.session.expires, &r.revoked, &r.expiresAt, &r.usedAt)
	ok, err = s.scan(ctx, refreshSQL, hashToken(token), dest...)
	return r, ok, err
}

// keyHolder is an API key with its owner.
type keyHolder struct {
	holder
	id, secretHash, models, operations string
	validUntil, lastUsed, revoked      *int64
}

const keySQL = "SELECT " + holderColumns + `, k.id, k.secret_hash, k.models, k.operations, k.valid_until, k.last_used_at, k.revoked_at
FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = ?`

func (s *store) keyHolder(ctx context.Context, id string) (k keyHolder, ok bool, err error) {
	dest := append(k.dest(), &k.id, &k.secretHash, &k.models, &k.operations, &k.validUntil, &k.lastUsed, &k.revoked)
	ok, err = s.scan(ctx, keySQL, id, dest...)
	return k, ok, err
}

const (
	touchSessionSQL = "UPDATE sessions SET last_used_at = ? WHERE id = ? AND last_used_at < ?"
	touchKeySQL     = "UPDATE api_keys SET last_used_at = ?, last_used_ip = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)"
	endSessionSQL   = "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
	useRefreshSQL   = "UPDATE refresh_tokens SET used_at = ? WHERE token_hash = ? AND used_at IS NULL"
)

func touchSession(tx *db.Tx, id string, now time.Time) error {
	_, err := tx.Exec(touchSessionSQL, millis(now), id, millis(now))
	return err
}

func touchKey(tx *db.Tx, id, ip string, now time.Time) error {
	_, err := tx.Exec(touchKeySQL, millis(now), ip, id, millis(now))
	return err
}

func endSession(tx *db.Tx, id string, now time.Time) error {
	_, err := tx.Exec(endSessionSQL, millis(now), id)
	return err
}

// spendRefresh marks the token as used; Unauthenticated if somebody else did so first.
func spendRefresh(tx *db.Tx, token string, now time.Time) error {
	res, err := tx.Exec(useRefreshSQL, millis(now), hashToken(token))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fault.Wrap(err, fault.Unauthenticated, endedMessage)
	}
	return nil
}

// lockedUser reads the user inside the transaction that depends on it.
func lockedUser(tx *db.Tx, id string) (userRow, error) {
	u, ok, err := one[userRow](tx.Gorm().Where("id = ?", id))
	if err == nil && !ok {
		err = gorm.ErrRecordNotFound
	}
	return u, err
}

const (
	// keepEnded: sessions stay for a while after their end, then their rows go; sweepRows bounds one sign-in's share.
	keepEnded = 30 * 24 * time.Hour
	sweepRows = 100
)

// sweepSessions removes a few sessions that ended long ago, so that the table stays bounded by the sign-ins of a month.
func sweepSessions(tx *db.Tx, now time.Time) error {
	const old = "SELECT id FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT ?"
	before := millis(now.Add(-keepEnded))
	if _, err := tx.Exec("DELETE FROM refresh_tokens WHERE session_id IN ("+old+")", before, sweepRows); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM sessions WHERE id IN ("+old+")", before, sweepRows)
	return err
}
