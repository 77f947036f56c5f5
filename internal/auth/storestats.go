package auth

import (
	"context"

	"guardhouse/internal/db"
)

// Living counts what lets somebody in at one moment.
type Living struct{ Sessions, Keys int64 }

// livingSQL leaves out what would be refused: ended, expired, idle or of an earlier epoch, and whatever belongs to
// somebody who is not active.
const livingSQL = `SELECT
(SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.revoked_at IS NULL AND s.expires_at > ?1
	AND u.status = 'active' AND u.epoch = s.epoch AND (s.kind = 'program' OR s.last_used_at > ?2)),
(SELECT count(*) FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.revoked_at IS NULL AND k.suspended_at IS NULL
	AND (k.valid_until IS NULL OR k.valid_until > ?1) AND u.status = 'active')`

// Living answers how many sessions and keys let somebody in now. It names none of them.
func (s *Service) Living(ctx context.Context) (l Living, err error) {
	now := s.now()
	row := s.store.db.ReadSQL().QueryRowContext(ctx, livingSQL, millis(now), millis(now.Add(-s.times.Load().Idle)))
	return l, db.Translate(row.Scan(&l.Sessions, &l.Keys))
}
