package access

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/limit"
)

const (
	// saveEvery is how much a crash may forget.
	saveEvery = 30 * time.Second
	// saveLonger leaves out the buckets that are full again so soon: a restart forgets that much of a rate at most.
	saveLonger = 5 * time.Second
	// savedBuckets bounds what is saved of rates; those with the longest to wait stand first.
	savedBuckets = 50_000
	// saveChunk is how many rows one transaction takes, so that nobody waits long behind it.
	saveChunk = 2_000
	// keptCounters is how long a count stays stored after its period began: a month, and more than a month on top.
	keptCounters = 70 * 24 * time.Hour
)

// KeepLimits saves the counts now and then until ctx ends, and once more then. Only the process that serves runs it, and waits
// for it before closing the database.
func (g *Guard) KeepLimits(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.saveLimits(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			g.saveLimits(ctx)
		}
	}
}

func (g *Guard) saveLimits(ctx context.Context) {
	if err := g.SaveLimits(ctx); err != nil {
		g.log.Error("saving the counts of limits", "err", err)
	}
}

// SaveLimits stores the counts. What could not be stored is handed over again the next time.
func (g *Guard) SaveLimits(ctx context.Context) error {
	if g.limiter == nil {
		return nil
	}
	return g.limiter.Save(ctx, g.now(), saveLonger, func(_ context.Context, s limit.State) error {
		at := s.At.UnixMilli()
		slices.SortFunc(s.Buckets, func(a, b limit.SavedBucket) int { return cmp.Compare(b.Debt, a.Debt) })
		for chunk := range slices.Chunk(s.Buckets[:min(len(s.Buckets), savedBuckets)], saveChunk) {
			if err := g.db.Write(func(tx *db.Tx) error { return storeBuckets(tx, chunk, at) }); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(s.Counters, saveChunk) {
			if err := g.db.Write(func(tx *db.Tx) error { return storeCounters(tx, chunk) }); err != nil {
				return err
			}
		}
		return g.db.Write(func(tx *db.Tx) error { return forgetLimits(tx, at) })
	})
}

// forgetLimits removes what the rows of this save replace, and counts of periods long over.
func forgetLimits(tx *db.Tx, at int64) error {
	if _, err := tx.Exec(`DELETE FROM limit_buckets WHERE at <> ?`, at); err != nil {
		return db.Translate(err)
	}
	_, err := tx.Exec(`DELETE FROM limit_counters WHERE start < ?`, at-keptCounters.Milliseconds())
	return db.Translate(err)
}

func storeBuckets(tx *db.Tx, list []limit.SavedBucket, at int64) error {
	for _, b := range list {
		err := run(tx, `INSERT INTO limit_buckets (scope, bucket, debt_ns, at) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET debt_ns = excluded.debt_ns, at = excluded.at`, b.Scope, b.Key[:], int64(b.Debt), at)
		if err != nil {
			return err
		}
	}
	return nil
}

// storeCounters keeps the larger use: a table that was full may have begun a count anew.
func storeCounters(tx *db.Tx, list []limit.SavedCounter) error {
	for _, c := range list {
		err := run(tx, `INSERT INTO limit_counters (scope, whose, unit, span, start, used, held) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET used = max(used, excluded.used), held = excluded.held`,
			c.Scope, c.Of, c.Unit.String(), c.Span.String(), c.Start.UnixMilli(), c.Used, c.Held)
		if err != nil {
			return err
		}
	}
	return nil
}

// loadLimits takes over what the last process stored. A row that no process stored is left out: one broken row must forget
// nobody else's count.
func (g *Guard) loadLimits(ctx context.Context) (err error) {
	l := loader{func(query string) (*sql.Rows, error) { return g.db.ReadSQL().QueryContext(ctx, query) }}
	var s limit.State
	if s, err = l.limitState(); err != nil {
		return db.Translate(err)
	}
	return g.limiter.Load(g.now(), s)
}

// limitState reads what is stored, as of the moment of the youngest row.
func (l loader) limitState() (s limit.State, err error) {
	var at []int64
	err = l.each(`SELECT scope, bucket, debt_ns, at FROM limit_buckets`, func(scan func(...any) error) error {
		var scope, debt, when int64
		var key []byte
		if err := scan(&scope, &key, &debt, &when); err != nil {
			return err
		}
		b := limit.SavedBucket{Scope: limit.Scope(min(max(scope, 0), broken)), Debt: time.Duration(debt)}
		if copy(b.Key[:], key) == len(b.Key) && len(key) == len(b.Key) && b.Sound() {
			s.Buckets, at = append(s.Buckets, b), append(at, when)
			s.At = later(s.At, time.UnixMilli(when).UTC())
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	kept := s.Buckets[:0]
	for i, b := range s.Buckets { // rows of a save before, which a crash kept from being replaced
		if b.Debt -= s.At.Sub(time.UnixMilli(at[i])); b.Debt > 0 {
			kept = append(kept, b)
		}
	}
	s.Buckets = kept
	s.Counters, err = l.counters()
	return s, err
}

// broken is no scope.
const broken = 255

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (l loader) counters() (list []limit.SavedCounter, err error) {
	err = l.each(`SELECT scope, whose, unit, span, start, used, held FROM limit_counters`, func(scan func(...any) error) error {
		var scope, start int64
		var unit, span string
		c := limit.SavedCounter{}
		if err := scan(&scope, &c.Of, &unit, &span, &start, &c.Used, &c.Held); err != nil {
			return err
		}
		c.Scope, c.Start = limit.Scope(min(max(scope, 0), broken)), time.UnixMilli(start).UTC()
		c.Unit, c.Span = unitOf(unit), spanOf(span)
		if c.Sound() {
			list = append(list, c)
		}
		return nil
	})
	return list, err
}

func unitOf(word string) limit.Unit {
	for _, u := range []limit.Unit{limit.Requests, limit.Tokens, limit.Images, limit.ComputeMS} {
		if u.String() == word {
			return u
		}
	}
	return limit.Unit(broken)
}

func spanOf(word string) limit.Span {
	for _, s := range []limit.Span{limit.Day, limit.Month} {
		if s.String() == word {
			return s
		}
	}
	return limit.Span(broken)
}
