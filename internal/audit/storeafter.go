package audit

import (
	"context"
	"strings"

	"guardhouse/internal/db"
)

// AfterOf is After for the rows of some actions, whose index it reads: others cost nothing, however many there are.
func (l *Log) AfterOf(ctx context.Context, actions []string, seq int64, limit int) ([]Event, error) {
	limit, err := limitOf(limit)
	if err != nil || len(actions) == 0 {
		return nil, err
	}
	const one = `SELECT seq FROM (SELECT seq FROM audit_events INDEXED BY audit_events_action WHERE action = ? AND seq > ? ORDER BY seq LIMIT ?)`
	parts, args := make([]string, len(actions)), []any{}
	for i, a := range actions {
		parts[i] = one
		args = append(args, a, seq, limit)
	}
	var rows []row
	err = l.db.Read(ctx).Where("seq IN ("+strings.Join(parts, " UNION ALL ")+")", args...).Order("seq").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, db.Translate(err)
	}
	return events(rows)
}

// CountAfter answers how many rows follow seq, of some actions. It looks at no more than most of each.
func (l *Log) CountAfter(ctx context.Context, actions []string, seq, most int64) (n int64, err error) {
	for _, a := range actions {
		var of int64
		err := l.db.ReadSQL().QueryRowContext(ctx, `SELECT count(*) FROM (SELECT seq FROM audit_events INDEXED BY audit_events_action
			WHERE action = ? AND seq > ? LIMIT ?)`, a, seq, most).Scan(&of)
		if err != nil {
			return 0, db.Translate(err)
		}
		n += of
	}
	return n, nil
}
