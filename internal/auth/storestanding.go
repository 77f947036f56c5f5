package auth

import (
	"context"
	"time"

	"guardhouse/internal/db"
)

// KeyGroup is a number of keys that somebody should look at, and the first of them: the one that has waited longest, or that
// ends first.
type KeyGroup struct {
	Count int64
	ID    string // of the first
	Label string
	At    time.Time // since when, or when it ends
}

// Standing is what of keys and admins may need somebody.
type Standing struct {
	Unused, Ending, Suspended KeyGroup
	Admins                    int64
	Admin                     string // the name of the only one; "" where there are several
}

// living are keys that let somebody in at a moment ?1.
const livingKeys = ` FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.revoked_at IS NULL
	AND k.rotated_to IS NULL AND (k.valid_until IS NULL OR k.valid_until > ?1) AND u.status = 'active' AND `

// min over one column takes the other columns from the row that has it: SQLite says so of bare columns beside min and max.
const (
	unusedSQL = `SELECT count(*), coalesce(k.id, ''), coalesce(k.label, ''), min(coalesce(k.last_used_at, k.created_at))` + livingKeys +
		`k.suspended_at IS NULL AND coalesce(k.last_used_at, k.created_at) <= ?2`
	endingSQL = `SELECT count(*), coalesce(k.id, ''), coalesce(k.label, ''), min(k.valid_until)` + livingKeys +
		`k.suspended_at IS NULL AND k.valid_until <= ?2`
	suspendedSQL = `SELECT count(*), coalesce(k.id, ''), coalesce(k.label, ''), min(k.suspended_at)` + livingKeys +
		`k.suspended_at <= ?2`
	adminsSQL = `SELECT count(*), coalesce(min(username), '') FROM users WHERE role = ?1 AND status = 'active' AND kind = 'person'`
)

// Standing answers which keys nobody has used for a time, which end within another, which wait to be confirmed after a restore,
// and how many admins there are. Whoever shows it asks first who may see keys and people.
func (s *Service) Standing(ctx context.Context, unused, ending time.Duration) (out Standing, err error) {
	now := s.now()
	for _, q := range []struct {
		sql   string
		until time.Time
		to    *KeyGroup
	}{
		{unusedSQL, now.Add(-unused), &out.Unused}, {endingSQL, now.Add(ending), &out.Ending}, {suspendedSQL, now, &out.Suspended},
	} {
		var at *int64
		row := s.store.db.ReadSQL().QueryRowContext(ctx, q.sql, millis(now), millis(q.until))
		if err := row.Scan(&q.to.Count, &q.to.ID, &q.to.Label, &at); err != nil {
			return Standing{}, db.Translate(err)
		}
		if at != nil {
			q.to.At = fromMillis(*at)
		}
	}
	row := s.store.db.ReadSQL().QueryRowContext(ctx, adminsSQL, adminRole)
	if err := row.Scan(&out.Admins, &out.Admin); err != nil {
		return Standing{}, db.Translate(err)
	}
	if out.Admins > 1 {
		out.Admin = ""
	}
	return out, nil
}
