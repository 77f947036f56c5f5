package audit

import (
	"context"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/db"
)

// countRows is how many rows one volume looks at itself: the newest. All others it knows from the sums.
const countRows = 100_000

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

// count fills the volume's buckets with what a filter finds beyond time and decision. It answers from when on all of it is
// counted, zero for all.
func (l *Log) count(ctx context.Context, f Filter, v *Volume) (from time.Time, err error) {
	parts, err := l.parts(ctx, f)
	if err != nil {
		return time.Time{}, err
	}
	for _, s := range parts {
		if s.lo > s.hi {
			continue
		}
		end, cut, err := l.reach(ctx, s, false, countRows)
		if err != nil {
			return time.Time{}, err
		}
		if cut {
			s = s.narrowTo(end, false)
		}
		if err := countPart(l.db.Read(ctx), s, v); err != nil {
			return time.Time{}, err
		}
		if cut {
			return l.timeOf(ctx, end)
		}
	}
	return time.Time{}, nil
}

// countPart groups in SQLite: at most three rows a bucket come back, however many there are.
func countPart(q *gorm.DB, s stretch, v *Volume) error {
	var found []struct {
		Bucket   int64
		Decision string
		N        int64
	}
	query, args := s.query("at, decision", false, "")
	query = "SELECT (at - ?) / ? AS bucket, decision, count(*) AS n FROM (" + query + ") GROUP BY 1, 2"
	args = append([]any{v.From.UnixMilli(), v.Width.Milliseconds()}, args...)
	if err := q.Raw(query, args...).Scan(&found).Error; err != nil {
		return db.Translate(err)
	}
	for _, c := range found {
		v.add(c.Bucket, c.Decision, c.N)
	}
	return nil
}
