package audit

import (
	"context"
	"time"
)

// Plan answers how SQLite would find the rows of a filter: each stretch's query, and the one that says how far it reaches.
func (l *Log) Plan(ctx context.Context, f Filter) (plans []string, err error) {
	parts, err := l.parts(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, s := range parts {
		if s.lo > s.hi {
			continue
		}
		queries := []func() (string, []any){func() (string, []any) { return s.query("audit_events.*", f.OldestFirst, " LIMIT 50") }}
		if s.lead != nil {
			queries = append(queries, func() (string, []any) { return s.entries(f.OldestFirst, " LIMIT 1 OFFSET 50000") })
		}
		for _, q := range queries {
			text, args := q()
			plan, err := explain(l.db.Read(ctx), text, args)
			if err != nil {
				return nil, err
			}
			plans = append(plans, plan)
		}
	}
	return plans, nil
}

// SumPlans answers how SQLite would read the sums and the rows beside them.
func (l *Log) SumPlans(ctx context.Context) (plans map[string]string, err error) {
	plans = map[string]string{}
	for name, q := range map[string]struct {
		text string
		args []any
	}{
		"numbers": {seqsSQL, []any{hourMs, 1, 2}}, "sums": {countSQL, []any{hourMs, 1, 2}}, "edges": {edgeSQL, []any{1, 2, 3}}, "fresh": {freshSQL, []any{1, 2}},
	} {
		if plans[name], err = explain(l.db.Read(ctx), q.text, q.args); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// CountBeside takes one of the places of those who count a volume, until done is called.
func (l *Log) CountBeside(ctx context.Context) (done func(), err error) { return l.turn(ctx) }

// IndexNext takes one batch into the index of words and the sums.
func (l *Log) IndexNext(ctx context.Context) (more bool, err error) { return l.indexNext(ctx) }

// Ngrams answers the words of a text.
func Ngrams(text string) []string { return ngrams(text) }

// WalkMost, CountRows and IndexBatch are the bounds of one request and one batch.
const (
	WalkMost   = walkMost
	CountRows  = countRows
	IndexBatch = indexBatch
)

// KeepIndexAt is KeepIndex at a test's ticks.
func (l *Log) KeepIndexAt(ctx context.Context, ticks <-chan time.Time, failed func(error)) {
	l.keepIndex(ctx, ticks, failed)
}
