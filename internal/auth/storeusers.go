package auth

import (
	"context"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// users answers up to limit users after the id after, oldest first.
func (s *store) users(ctx context.Context, f UserFilter, after string, limit int) ([]userRow, error) {
	q := s.db.Read(ctx).Where("id > ?", after)
	if f.Status == "" {
		q = q.Where("status <> 'deleted'")
	} else {
		q = q.Where("status = ?", f.Status)
	}
	if f.Role != "" {
		q = q.Where("role = ?", f.Role)
	}
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	if f.Group != "" {
		q = q.Where("id IN (SELECT user_id FROM group_members WHERE group_id = ?)", f.Group)
	}
	if f.Query != "" {
		// SQLite ignores case in ASCII only: other letters are asked for in both cases.
		name := norm.NFKC.String(f.Query)
		as, small, big := like(name), like(strings.ToLower(name)), like(strings.ToUpper(name))
		q = q.Where(`username LIKE ? ESCAPE '\' OR username LIKE ? ESCAPE '\' OR username LIKE ? ESCAPE '\'
			OR display_name LIKE ? ESCAPE '\' OR display_name LIKE ? ESCAPE '\' OR display_name LIKE ? ESCAPE '\'`,
			as, small, big, as, small, big)
	}
	var rows []userRow
	return rows, db.Translate(q.Order("id").Limit(limit).Find(&rows).Error)
}

// like answers the pattern that finds text anywhere, whatever signs are in it.
func like(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// livingUser reads a user inside the transaction that changes it; NotFound if there is none, or not any more.
func livingUser(tx *db.Tx, id string) (userRow, error) {
	u, ok, err := one[userRow](tx.Gorm().Where("id = ? AND status <> 'deleted'", id))
	if err == nil && !ok {
		err = noSuchUser()
	}
	return u, err
}

func noSuchUser() error { return fault.New(fault.NotFound, "There is no such user.") }

// storeUser writes what administration may change of a user, and counts the change.
func storeUser(tx *db.Tx, u userRow, now time.Time) error {
	return exec(tx, `UPDATE users SET role = ?, status = ?, display_name = ?, language = ?, password_hash = ?, epoch = ?,
		updated_at = ?, version = version + 1 WHERE id = ?`,
		u.Role, u.Status, u.DisplayName, u.Language, u.PasswordHash, u.Epoch, millis(now), u.ID)
}

// otherAdmin says whether an active person other than id has the role admin.
func otherAdmin(tx *db.Tx, id string) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active' AND kind = 'person' AND id <> ?`, id).Scan(&n)
	return n > 0, db.Translate(err)
}

// endUserSessions revokes every session of the user; the epoch, which the caller raises, voids what they issued.
func endUserSessions(tx *db.Tx, userID string, now time.Time) error {
	return exec(tx, `UPDATE sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL`, millis(now), userID)
}

// revokeUserKeys ends every key of the user for good.
func revokeUserKeys(tx *db.Tx, userID string, now time.Time) error {
	return exec(tx, `UPDATE api_keys SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL`, millis(now), userID)
}

func exec(tx *db.Tx, query string, args ...any) error {
	_, err := tx.Exec(query, args...)
	return db.Translate(err)
}
