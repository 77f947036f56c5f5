package auth

import (
	"context"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const cookieHashSQL = "SELECT token_hash FROM sessions WHERE id = ? AND token_hash IS NOT NULL AND revoked_at IS NULL"

// cookieHash answers the hash of the session's cookie, and whether it has one.
func (s *store) cookieHash(ctx context.Context, id string) (hash string, ok bool, err error) {
	ok, err = s.scan(ctx, cookieHashSQL, id, &hash)
	return hash, ok, err
}

// unchangedSession refuses inside the transaction what was true when the password was checked and is not any more: the session
// lives, its user is the same in epoch and password, and its cookie is the one from before.
func unchangedSession(tx *db.Tx, id string, then userRow, hash string, now time.Time) error {
	if err := stillAlive(tx, id, now); err != nil {
		return err
	}
	u, err := livingUser(tx, then.ID)
	if err != nil || u.Epoch != then.Epoch || u.PasswordHash != then.PasswordHash {
		return fault.New(fault.Unauthenticated, endedMessage)
	}
	var there string
	if err := tx.QueryRow(cookieHashSQL, id).Scan(&there); err != nil || there != hash {
		return fault.New(fault.Conflict, "The session was confirmed at the same moment by somebody else. Try again.")
	}
	return nil
}

func replaceCookie(tx *db.Tx, id, hash string) error {
	return exec(tx, "UPDATE sessions SET token_hash = ? WHERE id = ?", hash, id)
}
