package audit

import (
	"context"

	"guardhouse/internal/db"
)

// Walk answers the rows that a filter finds between two numbers, both of them in it, oldest first and at most limit (1 to 500).
// It reads no row outside the two, so that a short stretch is a short transaction whatever the filter finds. The filter's own
// order, limit and cursor do not matter to it. It refuses what List refuses.
func (l *Log) Walk(ctx context.Context, f Filter, first, last int64, limit int) ([]Event, error) {
	limit, err := limitOf(limit)
	if err != nil {
		return nil, err
	}
	f.Cursor = ""
	q, err := narrow(l.db.Read(ctx), f)
	if err != nil {
		return nil, err
	}
	var rows []row
	if err := q.Where("seq BETWEEN ? AND ?", first, last).Order("seq").Limit(limit).Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	return events(rows)
}

// Bounds answers the first and the last number between which all rows lie that a filter's times let in, both 0 where there is
// none. Clocks are set back, so the numbers between may hold others.
func (l *Log) Bounds(ctx context.Context, f Filter) (first, last int64, err error) {
	if f.From.IsZero() && f.To.IsZero() {
		err = l.db.ReadSQL().QueryRowContext(ctx, endsSQL).Scan(&first, &last)
		return first, last, db.Translate(err)
	}
	q := l.db.Read(ctx).Table(byTime)
	if !f.From.IsZero() {
		q = q.Where("at >= ?", ceilMilli(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("at < ?", ceilMilli(f.To))
	}
	var found struct{ First, Last int64 }
	err = q.Select("coalesce(min(seq), 0) AS first, coalesce(max(seq), 0) AS last").Scan(&found).Error
	return found.First, found.Last, db.Translate(err)
}

// endsSQL asks for each end by itself: SQLite finds one end at once, and reads the whole table for both.
const endsSQL = `SELECT coalesce((SELECT min(seq) FROM audit_events), 0), coalesce((SELECT max(seq) FROM audit_events), 0)`
