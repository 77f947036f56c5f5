package auth

import (
	"context"
	"time"

	"guardhouse/internal/db"
)

// helpersSQL: who could give the caller a right, whoever signed in last first.
const helpersSQL = `SELECT coalesce(nullif(u.display_name, ''), u.username)
FROM users u JOIN casbin_rules c ON c.ptype = 'p' AND c.v0 = u.role AND c.v1 = 'user.manage'
WHERE u.status = 'active' AND u.kind = 'person' AND u.id <> ? ORDER BY u.last_login_at DESC, u.id LIMIT 3`

func (s *store) helpers(ctx context.Context, but string) ([]string, error) {
	names := []string{}
	err := s.db.Read(ctx).Raw(helpersSQL, but).Scan(&names).Error
	return names, db.Translate(err)
}

// useRow is what lists show beside a user.
type useRow struct {
	UserID   string
	Seen     *int64
	Sessions int
	Keys     int
}

const (
	sessionUseSQL = `SELECT s.user_id AS user_id, max(s.last_used_at) AS seen,
sum(u.status = 'active' AND s.epoch = u.epoch AND s.revoked_at IS NULL AND s.expires_at > ? AND (s.kind <> 'browser' OR s.last_used_at > ?)) AS sessions
FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.user_id IN ? GROUP BY s.user_id`
	keyUseSQL = `SELECT user_id, max(last_used_at) AS seen, sum(revoked_at IS NULL AND (valid_until IS NULL OR valid_until > ?)) AS keys
FROM api_keys WHERE user_id IN ? GROUP BY user_id`
)

// uses answers, by id, when each user was last seen, and how many living sessions and keys he has.
func (s *store) uses(ctx context.Context, ids []string, now time.Time, idle time.Duration) (map[string]useRow, error) {
	var sessions, keys []useRow
	if err := s.db.Read(ctx).Raw(sessionUseSQL, millis(now), millis(now.Add(-idle)), ids).Scan(&sessions).Error; err != nil {
		return nil, db.Translate(err)
	}
	if err := s.db.Read(ctx).Raw(keyUseSQL, millis(now), ids).Scan(&keys).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := make(map[string]useRow, len(ids))
	for _, r := range append(sessions, keys...) {
		u := out[r.UserID]
		u.Sessions, u.Keys = u.Sessions+r.Sessions, u.Keys+r.Keys
		if r.Seen != nil && (u.Seen == nil || *u.Seen < *r.Seen) {
			u.Seen = r.Seen
		}
		out[r.UserID] = u
	}
	return out, nil
}
