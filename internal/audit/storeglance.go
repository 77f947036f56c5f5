package audit

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"guardhouse/internal/db"
)

// A glance reads a bounded part of the log, whatever was written into it.
const (
	// countMost bounds what one count looks at: beyond it nobody reads the last digit.
	countMost = 100_000
	// latestMost bounds the rows of one action that are looked through for those that were allowed: somebody who is refused
	// an act of administration again and again hides the last change only after so many tries.
	latestMost = 500
)

// Count is how many attempts a part of the log tells of. Rows that sum several count as many as they sum. First and Last are
// the times of the oldest and the newest row; zero where there is none.
type Count struct {
	Attempts, Rows, Addresses int64
	First, Last               time.Time
}

// Since answers the number of the first row at or after a moment, 0 if there is none.
func (l *Log) Since(ctx context.Context, t time.Time) (seq int64, err error) {
	err = l.db.ReadSQL().QueryRowContext(ctx, sinceSQL, ceilMilli(t)).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, db.Translate(err)
}

const sinceSQL = `SELECT seq FROM audit_events INDEXED BY audit_events_at WHERE at >= ? ORDER BY at LIMIT 1`

// First answers when the first row was written, zero while the log is empty.
func (l *Log) First(ctx context.Context) (time.Time, error) {
	var at int64
	err := l.db.ReadSQL().QueryRowContext(ctx, `SELECT at FROM audit_events ORDER BY seq LIMIT 1`).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return time.UnixMilli(at).UTC(), db.Translate(err)
}

// CountOf says which rows are counted: Decision, of Action where that is given, with one of Reasons where there are any, and
// with Code in details.code where there is one.
type CountOf struct {
	Action, Decision, Code string
	Reasons                []string
	From, To               time.Time // To is not in it
}

// Count answers how many attempts of a kind there were. It looks at no more than the newest 100,000 rows of the decision or,
// where one is named, of the action.
func (l *Log) Count(ctx context.Context, of CountOf) (c Count, err error) {
	first, err := l.Since(ctx, of.From)
	if err != nil || first == 0 {
		return Count{}, err
	}
	query, args := of.query(first)
	var from, to *int64
	err = l.db.ReadSQL().QueryRowContext(ctx, query, args...).Scan(&c.Attempts, &c.Rows, &c.Addresses, &from, &to)
	if err != nil {
		return Count{}, db.Translate(err)
	}
	if from != nil && to != nil {
		c.First, c.Last = time.UnixMilli(*from).UTC(), time.UnixMilli(*to).UTC()
	}
	return c, nil
}

// query names its index: the planner would rather walk the table by its key, and read every row of the day.
func (of CountOf) query(first int64) (string, []any) {
	index, column, value := "audit_events_decision", "decision", of.Decision
	if of.Action != "" {
		index, column, value = "audit_events_action", "action", of.Action
	}
	inner := `SELECT at, ip, reason, decision, details FROM audit_events INDEXED BY ` + index +
		` WHERE ` + column + ` = ? AND seq >= ? ORDER BY seq DESC LIMIT ?`
	args := []any{value, first, countMost, of.Decision, ceilMilli(of.From), ceilMilli(of.To)}
	outer := ` WHERE decision = ? AND at >= ? AND at < ?`
	if len(of.Reasons) > 0 {
		outer += ` AND reason IN (?` + strings.Repeat(", ?", len(of.Reasons)-1) + `)`
		for _, r := range of.Reasons {
			args = append(args, r)
		}
	}
	if of.Code != "" {
		outer += ` AND json_extract(details, '$.code') = ?`
		args = append(args, of.Code)
	}
	return `SELECT coalesce(sum(CASE reason WHEN 'summed' THEN coalesce(json_extract(details, '$.refusals'), 1) ELSE 1 END), 0),
		count(*), count(DISTINCT ip), min(at), max(at) FROM (` + inner + `)` + outer, args
}

// LatestOf answers the newest allowed rows of some actions, newest first, at most limit of them (1 to 50). Of each action it
// looks at the newest 500 rows.
func (l *Log) LatestOf(ctx context.Context, actions []string, limit int) ([]Event, error) {
	if len(actions) == 0 {
		return nil, nil
	}
	const one = `SELECT seq FROM (SELECT seq, decision FROM audit_events INDEXED BY audit_events_action WHERE action = ?
		ORDER BY seq DESC LIMIT ?) WHERE decision = 'allow'`
	parts, args := make([]string, len(actions)), []any{}
	for i, a := range actions {
		parts[i] = one
		args = append(args, a, latestMost)
	}
	var rows []row
	err := l.db.Read(ctx).Where("seq IN ("+strings.Join(parts, " UNION ALL ")+")", args...).
		Order("seq DESC").Limit(min(max(limit, 1), 50)).Find(&rows).Error
	if err != nil {
		return nil, db.Translate(err)
	}
	return events(rows)
}

// LastChange answers when an act of administration of one kind was last done, by its action and the word in details.change;
// zero if it is not among the newest 500 of the action.
func (l *Log) LastChange(ctx context.Context, action, change string) (time.Time, error) {
	var at *int64
	err := l.db.ReadSQL().QueryRowContext(ctx, lastChangeSQL, action, latestMost, change).Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, db.Translate(err)
	}
	return time.UnixMilli(*at).UTC(), nil
}

const lastChangeSQL = `SELECT max(at) FROM (SELECT at, decision, details FROM audit_events INDEXED BY audit_events_action
	WHERE action = ? ORDER BY seq DESC LIMIT ?) WHERE decision = 'allow' AND json_extract(details, '$.change') = ?`
