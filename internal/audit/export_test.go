package audit

import (
	"context"
	"strings"
)

// Plan answers how SQLite would find the rows of a filter.
func (l *Log) Plan(ctx context.Context, f Filter) (string, error) {
	q, err := narrow(l.db.Read(ctx), f)
	if err != nil {
		return "", err
	}
	var rows []row
	stmt := q.Session(dryRun()).Order("seq DESC").Limit(50).Find(&rows).Statement
	var steps []struct{ Detail string }
	err = l.db.Read(ctx).Raw("EXPLAIN QUERY PLAN "+stmt.SQL.String(), stmt.Vars...).Scan(&steps).Error
	out := make([]string, 0, len(steps))
	for _, s := range steps {
		out = append(out, s.Detail)
	}
	return strings.Join(out, "; "), err
}
