package audit

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"guardhouse/internal/db"
)

// Rows are summed by the minute and by the hour of their time. Seconds of a century need no other width.
const (
	minuteMs = int64(time.Minute / time.Millisecond)
	hourMs   = int64(time.Hour / time.Millisecond)
)

// sumKey names a sum: the rows of one decision in one minute or hour.
type sumKey struct {
	width, at int64
	decision  string
}

type sum struct{ n, first, last int64 }

// sumsOf adds rows up by minute and hour.
func sumsOf(rows []searchable) map[sumKey]sum {
	out := map[sumKey]sum{}
	for _, r := range rows {
		for _, width := range []int64{minuteMs, hourMs} {
			key := sumKey{width, floorTo(r.at, width), r.decision}
			s, ok := out[key]
			if !ok {
				s.first, s.last = r.seq, r.seq
			}
			out[key] = sum{s.n + 1, min(s.first, r.seq), max(s.last, r.seq)}
		}
	}
	return out
}

func floorTo(at, width int64) int64 { return at - ((at%width)+width)%width }

func ceilTo(at, width int64) int64 { return floorTo(at+width-1, width) }

// summed is a span of which the sums of one width tell.
type summed struct{ width, from, to int64 }

// cover splits a span of whole minutes into minutes, hours and minutes.
func cover(from, to int64) []summed {
	a, b := ceilTo(from, hourMs), floorTo(to, hourMs)
	if a >= b {
		return []summed{{minuteMs, from, to}}
	}
	return []summed{{minuteMs, from, a}, {hourMs, a, b}, {minuteMs, b, to}}
}

const (
	seqsSQL  = `SELECT min(first_seq), max(last_seq) FROM audit_sums WHERE width = ? AND at >= ? AND at < ?`
	countSQL = `SELECT decision, sum(n) FROM audit_sums WHERE width = ? AND at >= ? AND at < ? GROUP BY decision`
	edgeSQL  = `SELECT decision, count(*) FROM audit_events INDEXED BY audit_events_at WHERE at >= ? AND at < ? AND seq <= ? GROUP BY decision`
	freshSQL = `SELECT at, decision FROM audit_events WHERE seq > ? ORDER BY seq DESC LIMIT ?`
)

// numbers answers the first and last number between which all rows of a time lie, however clocks were set; the first is after
// the last where there is none. Rows that are not summed yet may all be of that time.
func (l *Log) numbers(ctx context.Context, from, to time.Time) (first, last int64, err error) {
	if from.IsZero() && to.IsZero() {
		return 1, math.MaxInt64, nil
	}
	known, err := l.indexedTo(ctx)
	if err != nil {
		return 0, 0, err
	}
	first, last = known+1, math.MaxInt64
	low, high := int64(math.MinInt64/2), int64(math.MaxInt64/2)
	if !from.IsZero() {
		low = floorTo(ceilMilli(from), minuteMs)
	}
	if !to.IsZero() {
		high = ceilTo(ceilMilli(to), minuteMs)
	}
	head, _, _, err := l.Head(ctx)
	if err != nil {
		return 0, 0, err
	}
	if head <= known {
		last = 0
	}
	for _, c := range cover(low, high) {
		var a, b *int64
		if err := l.db.ReadSQL().QueryRowContext(ctx, seqsSQL, c.width, c.from, c.to).Scan(&a, &b); err != nil {
			return 0, 0, db.Translate(err)
		}
		if a != nil && b != nil {
			first, last = min(first, *a), max(last, *b)
		}
	}
	return first, last, nil
}

// addSums counts every row of the volume's time into its buckets. It answers from when on all of them are counted, zero for
// all: of rows that are not summed yet the newest are read.
func (l *Log) addSums(ctx context.Context, v *Volume, decision string) (from time.Time, err error) {
	tx, err := l.db.ReadSQL().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return time.Time{}, db.Translate(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // a read has nothing to commit
	var known int64
	if err := tx.QueryRowContext(ctx, indexedSQL).Scan(&known); err != nil {
		return time.Time{}, db.Translate(err)
	}
	c := counter{ctx: ctx, tx: tx, v: v, decision: decision, known: known}
	for i := range v.Buckets {
		if err := c.bucket(int64(i)); err != nil {
			return time.Time{}, err
		}
	}
	return c.fresh()
}

// counter fills a volume's buckets in one read transaction.
type counter struct {
	ctx      context.Context //nolint:containedctx // lives as long as one call
	tx       *sql.Tx
	v        *Volume
	decision string // "" counts all of them
	known    int64  // the last row that is summed
}

// bucket adds the summed rows of one bucket: whole minutes and hours from the sums, the ends from the rows.
func (c *counter) bucket(i int64) error {
	from := c.v.Buckets[i].Start.UnixMilli()
	to := min(from+c.v.Width.Milliseconds(), c.v.To.UnixMilli())
	a, b := ceilTo(from, minuteMs), floorTo(to, minuteMs)
	if a >= b {
		return c.add(i, edgeSQL, from, to, c.known)
	}
	err := errors.Join(c.add(i, edgeSQL, from, a, c.known), c.add(i, edgeSQL, b, to, c.known))
	for _, s := range cover(a, b) {
		err = errors.Join(err, c.add(i, countSQL, s.width, s.from, s.to))
	}
	return err
}

func (c *counter) add(i int64, query string, args ...any) (err error) {
	if query == edgeSQL && args[0] == args[1] {
		return nil
	}
	found, err := c.tx.QueryContext(c.ctx, query, args...)
	if err != nil {
		return db.Translate(err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var decision string
		var n int64
		if err := found.Scan(&decision, &n); err != nil {
			return db.Translate(err)
		}
		c.count(i, decision, n)
	}
	return db.Translate(found.Err())
}

// count takes every row into Rows, and those that are asked for into the bucket.
func (c *counter) count(i int64, decision string, n int64) {
	c.v.Rows += n
	if c.decision == "" || c.decision == decision {
		c.v.add(i, decision, n)
	}
}

// fresh adds rows that are not summed yet, the newest of them where there are too many, and answers from when on it has them all.
func (c *counter) fresh() (from time.Time, err error) {
	found, err := c.tx.QueryContext(c.ctx, freshSQL, c.known, countRows+1)
	if err != nil {
		return time.Time{}, db.Translate(err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for n := 0; found.Next(); n++ {
		var at int64
		var decision string
		if err := found.Scan(&at, &decision); err != nil {
			return time.Time{}, db.Translate(err)
		}
		if n == countRows {
			return time.UnixMilli(at).UTC(), nil
		}
		if at >= c.v.From.UnixMilli() && at < c.v.To.UnixMilli() {
			c.count((at-c.v.From.UnixMilli())/c.v.Width.Milliseconds(), decision, 1)
		}
	}
	return time.Time{}, db.Translate(found.Err())
}
