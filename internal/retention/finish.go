package retention

import (
	"context"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// changePruned is what the row says that closes a removal.
const changePruned = "pruned"

// finish ends a removal with a row of the log that says what went: a removal is open until that row is there, so that each has one,
// whoever was killed in between. Where the rules let the server do nothing, the refusal's row has to do.
func (s *Service) finish(ctx context.Context, run Run, problem string) (err error) {
	pass, err := s.d.Guard.Enter(ctx, access.Server("retention"), access.Op{Action: access.SettingsManage, Resource: resource})
	if fault.CodeOf(err) == fault.Forbidden {
		return s.d.DB.Write(func(tx *db.Tx) error { return finishRun(tx, run.ID, problem) })
	}
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) { return closing(tx, run, problem) }}
	if problem != "" {
		out.Decision, out.Reason = audit.Error, "failed"
	}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error { return finishRun(tx, run.ID, problem) })
	return err
}

// closing is what the last row of a removal says. Tombstones of it name the removal's first row.
func closing(tx *db.Tx, run Run, problem string) (map[string]any, error) {
	var rows, verdicts, sessions, stones, first, last int64
	err := tx.QueryRow(`SELECT rows_gone, verdicts_gone, sessions_gone, (SELECT count(*) FROM audit_tombstones t WHERE t.event_id = r.event_id),
		(SELECT coalesce(min(first_seq), 0) FROM audit_tombstones t WHERE t.event_id = r.event_id),
		(SELECT coalesce(max(last_seq), 0) FROM audit_tombstones t WHERE t.event_id = r.event_id) FROM retention_runs r WHERE id = ?`, run.ID).
		Scan(&rows, &verdicts, &sessions, &stones, &first, &last)
	d := map[string]any{"change": changePruned, "removal": known(run.EventID), "rows": rows, "verdicts": verdicts, "sessions": sessions, "tombstones": stones}
	if stones > 0 {
		d["first"], d["last"] = first, last
	}
	if problem != "" {
		d["problem"] = problem
	}
	return d, db.Translate(err)
}

// known cuts what a stored row calls the removal's first one to what an id can be: whoever writes the database may put anything there.
func known(event string) string { return strings.ToValidUTF8(event[:min(len(event), 64)], "") }
