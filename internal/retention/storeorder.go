package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// orderOf answers what the audit row of a removal orders. There is false where no row of that id is one of a removal, or where it is
// about rows that came after it.
func orderOf(ctx context.Context, d *db.DB, event string) (o order, there bool, err error) {
	var seq int64
	var details string
	err = d.ReadSQL().QueryRowContext(ctx, `SELECT seq, details FROM audit_events WHERE id = ? AND action = ? AND resource = ? AND decision = ?`,
		event, string(access.SettingsManage), resource, string(audit.Allow)).Scan(&seq, &details)
	if errors.Is(err, sql.ErrNoRows) {
		return order{}, false, nil
	}
	if err != nil {
		return order{}, false, db.Translate(err)
	}
	var said struct {
		Change         string    `json:"change"`
		Stopped        string    `json:"stopped"`
		UpTo           int64     `json:"up_to"`
		VerdictsUpTo   int64     `json:"verdicts_up_to"`
		SessionsBefore time.Time `json:"sessions_before"`
	}
	if json.Unmarshal([]byte(details), &said) != nil || said.Change != "prune" || said.Stopped != "" || max(said.UpTo, said.VerdictsUpTo) >= seq {
		return order{}, false, nil //nolint:nilerr // what cannot be read orders nothing
	}
	return order{auditSeq: said.UpTo, verdictSeq: said.VerdictsUpTo, sessionsBefore: said.SessionsBefore}, true, nil
}

// buriedSQL asks whether a tombstone lies over some of a span.
const buriedSQL = `SELECT EXISTS (SELECT 1 FROM audit_tombstones WHERE first_seq <= ?2 AND last_seq >= ?1)`

func buried(ctx context.Context, d *db.DB, s span) (is bool, err error) {
	err = d.ReadSQL().QueryRowContext(ctx, buriedSQL, s.first, s.last).Scan(&is)
	return is, db.Translate(err)
}

func buriedIn(tx *db.Tx, s span) (is bool, err error) {
	err = tx.QueryRow(buriedSQL, s.first, s.last).Scan(&is)
	return is, db.Translate(err)
}
