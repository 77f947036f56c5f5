package audit

import "context"

// Plan answers how SQLite would find the rows of a filter.
func (l *Log) Plan(ctx context.Context, f Filter) (string, error) {
	q, err := narrow(l.db.Read(ctx), f)
	if err != nil {
		return "", err
	}
	var rows []row
	stmt := q.Session(dryRun()).Order(f.order()).Limit(50).Find(&rows).Statement
	return explain(l.db.Read(ctx), stmt.SQL.String(), stmt.Vars)
}

// VolumePlan answers how SQLite would count a volume.
func (l *Log) VolumePlan(ctx context.Context, f Filter, v Volume) (string, error) {
	q, err := volumeQuery(l.db.Read(ctx), f, &v)
	if err != nil {
		return "", err
	}
	var found []struct{}
	stmt := q.Session(dryRun()).Scan(&found).Statement
	return explain(l.db.Read(ctx), stmt.SQL.String(), stmt.Vars)
}

// CountBeside takes one of the places of those who count a volume, until done is called.
func (l *Log) CountBeside(ctx context.Context) (done func(), err error) { return l.turn(ctx) }
