package retention

import (
	"context"
	"database/sql"
	"encoding/json"

	"guardhouse/internal/db"
)

// Rows of the log that set and end holds, that confirm the clock, and that change for how long something is kept or what
// is exported at set times. They are never removed: what is kept and how old anything is rests on them.
const (
	aboutHolds   = `a.action = 'settings.manage' AND a.decision = 'allow' AND a.resource >= 'hold:' AND a.resource < 'hold;'`
	aboutClock   = `a.action = 'settings.manage' AND a.decision = 'allow' AND a.resource = '` + resource + `' AND instr(a.details, '"change":"clock"') > 0`
	aboutDays    = `a.action = 'settings.manage' AND a.decision = 'allow' AND (a.resource = 'settings' OR a.resource >= 'setting:' AND a.resource < 'setting;') AND instr(a.details, '"retention.') > 0`
	aboutExports = `a.action = 'settings.manage' AND a.decision = 'allow' AND a.resource >= 'export-schedule:' AND a.resource < 'export-schedule;'`
	// rests is true for any of them.
	rests = `(` + aboutHolds + ` OR ` + aboutClock + ` OR ` + aboutDays + ` OR ` + aboutExports + `)`
)

// asList makes one text of rows of the log, oldest first, so that a transaction of either kind reads it at once.
const asList = `SELECT coalesce((SELECT json_group_array(json_object('ID', id, 'Seq', seq, 'At', at, 'Name', actor_name, 'Resource', resource, 'Details', details))
	FROM (SELECT * FROM audit_events a WHERE `

const (
	holdRows  = asList + aboutHolds + ` ORDER BY a.seq)), '[]')`
	clockRows = asList + aboutClock + ` ORDER BY a.seq)), '[]')`
)

// changedSQL answers the end of the log, and whether a row about holds came behind one.
const changedSQL = `SELECT coalesce((SELECT max(seq) FROM audit_events), 0), EXISTS (SELECT 1 FROM audit_events a WHERE a.seq > ? AND ` + aboutHolds + `)`

// asker is a database or a transaction of either kind.
type asker func(query string, args ...any) *sql.Row

func asking(ctx context.Context, d *db.DB) asker {
	return func(query string, args ...any) *sql.Row { return d.ReadSQL().QueryRowContext(ctx, query, args...) }
}

func (r reader) ask(query string, args ...any) *sql.Row {
	return r.tx.QueryRowContext(r.ctx, query, args...)
}

func sayings(ask asker, query string) (out []saying, err error) {
	var text string
	if err := ask(query).Scan(&text); err != nil {
		return nil, db.Translate(err)
	}
	return out, json.Unmarshal([]byte(text), &out)
}

// holdTable is the table of holds as one text: a copy of what the log says.
const holdTable = `SELECT coalesce((SELECT json_group_array(json_object('ID', id, 'UserID', user_id, 'UserName', user_name, 'From', from_at,
	'To', to_at, 'Reason', reason, 'At', created_at, 'By', created_name, 'EventID', event_id)) FROM (SELECT * FROM audit_holds ORDER BY id)), '[]')`

func tableOf(ask asker) (out []Hold, err error) {
	var text string
	if err := ask(holdTable).Scan(&text); err != nil {
		return nil, db.Translate(err)
	}
	var rows []struct {
		ID, UserID, UserName, Reason, By, EventID string
		From, To                                  *int64
		At                                        int64
	}
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		out = append(out, Hold{
			ID: r.ID, UserID: r.UserID, UserName: r.UserName, From: moment(r.From), To: moment(r.To), Reason: r.Reason, By: r.By, EventID: r.EventID,
			At: *moment(&r.At),
		})
	}
	return out, nil
}

// allHolds answers every hold, the newest first.
func allHolds(ask asker) ([]Hold, error) {
	rows, err := sayings(ask, holdRows)
	if err != nil {
		return nil, err
	}
	table, err := tableOf(ask)
	if err != nil {
		return nil, err
	}
	return holdsOf(rows, table), nil
}

// heldNow answers what the holds in force keep, as the statements below read it.
func heldNow(ask asker) (string, error) {
	list, err := allHolds(ask)
	if err != nil {
		return "", err
	}
	return inForce(list)
}
