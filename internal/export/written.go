package export

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// Written answers the last row up to which every schedule has written its files, so that retention waits for them; limited is false
// where there is no schedule. A schedule that never ran has written nothing, and one counts for no more than the log says of its last
// file. It asks nothing of the caller: it is for the server itself.
func (s *Service) Written(ctx context.Context) (seq int64, limited bool, err error) {
	rows, err := list(s.d.DB.Read(ctx))
	if err != nil {
		return 0, false, err
	}
	for i, r := range rows {
		said, err := saidOf(ctx, s.d.DB, r.ID)
		if err != nil {
			return 0, false, err
		}
		if r.AfterSeq = min(r.AfterSeq, said); i == 0 || r.AfterSeq < seq {
			seq = r.AfterSeq
		}
	}
	return seq, len(rows) > 0, nil
}

// saidOf answers the end of the log that a schedule's newest file reaches, as the row that closed that export says; 0 where none
// does. That row is behind the rows of its file, so retention leaves it as long as it is the newest.
func saidOf(ctx context.Context, d *db.DB, schedule string) (int64, error) {
	var details string
	err := d.ReadSQL().QueryRowContext(ctx, `SELECT details FROM audit_events WHERE action = ? AND decision = ? AND instr(details, ?) > 0
		AND instr(details, '"change":"end"') > 0 ORDER BY seq DESC LIMIT 1`, string(access.AuditExport), audit.Allow, `"schedule":"`+schedule+`"`).Scan(&details)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, db.Translate(err)
	}
	var said struct {
		HeadSeq int64 `json:"head_seq"`
	}
	if json.Unmarshal([]byte(details), &said) != nil {
		return 0, nil //nolint:nilerr // what cannot be read says nothing
	}
	return said.HeadSeq, nil
}
