package audit

import (
	"context"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/db"
)

// byTime makes SQLite walk the rows in the order of their time and nothing else of the table: without statistics it would
// take the index of a decision that nearly every row has.
const byTime = "audit_events INDEXED BY audit_events_at"

// first answers the first row's time, zero while the log is empty.
func (l *Log) first(ctx context.Context) (time.Time, error) {
	var rows []row
	if err := l.db.Read(ctx).Select("at").Order("seq").Limit(1).Find(&rows).Error; err != nil || len(rows) == 0 {
		return time.Time{}, db.Translate(err)
	}
	return time.UnixMilli(rows[0].At).UTC(), nil
}

// count fills the volume's buckets.
func (l *Log) count(ctx context.Context, f Filter, v *Volume) error {
	q, err := volumeQuery(l.db.Read(ctx), f, v)
	if err != nil {
		return err
	}
	var found []struct {
		Bucket   int64
		Decision string
		N        int64
	}
	if err := q.Scan(&found).Error; err != nil {
		return db.Translate(err)
	}
	for _, c := range found {
		v.add(c.Bucket, c.Decision, c.N)
	}
	return nil
}

// volumeQuery groups in SQLite: at most three rows a bucket come back, however many there are.
func volumeQuery(q *gorm.DB, f Filter, v *Volume) (*gorm.DB, error) {
	table := "audit_events"
	if f.Actor == "" && f.Action == "" && f.Model == "" && f.IP == "" && f.RequestID == "" {
		table = byTime
	}
	q, err := narrow(q.Table(table), f)
	if err != nil {
		return nil, err
	}
	return q.Select("(at - ?) / ? AS bucket, decision, count(*) AS n", v.From.UnixMilli(), v.Width.Milliseconds()).Group("1, 2"), nil
}

// countAll counts the rows between two moments.
func (l *Log) countAll(ctx context.Context, from, to time.Time) (n int64, err error) {
	q := l.db.Read(ctx).Table(byTime).Where("at >= ? AND at < ?", ceilMilli(from), ceilMilli(to))
	return n, db.Translate(q.Count(&n).Error)
}
