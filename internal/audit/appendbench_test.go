package audit_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// BenchmarkAuditRows is how many durable rows a second writers append who share commits: a file on the disk under TMPDIR, synced at
// each commit as in production; with the index of words and the sums being kept beside, or not at all.
func BenchmarkAuditRows(b *testing.B) {
	for _, writers := range []int{1, 4, 16, 64} {
		for _, kept := range []bool{false, true} {
			b.Run(fmt.Sprintf("writers=%d/index=%t", writers, kept), func(b *testing.B) {
				_, log := newLog(b)
				if kept {
					keepIndex(b, log)
				}
				appendAll(b, log, writers)
			})
		}
	}
}

// BenchmarkAuditIndexes is what a row pays for the indexes of rule, reason and purpose: its own database without them, and with.
func BenchmarkAuditIndexes(b *testing.B) {
	for _, writers := range []int{1, 16} {
		for _, there := range []bool{false, true} {
			b.Run(fmt.Sprintf("writers=%d/three=%t", writers, there), func(b *testing.B) {
				d, log := newLog(b)
				if !there {
					dropIndexes(b, d, "audit_events_rule", "audit_events_reason", "audit_events_purpose")
				}
				appendAll(b, log, writers)
			})
		}
	}
}

// BenchmarkAuditPaced is what one row takes from its moment to its being durable, at 200 rows a second that come whether or not the
// ones before are done, for ten seconds or GUARDHOUSE_AUDIT_PACED. The target is a p99 below five milliseconds.
func BenchmarkAuditPaced(b *testing.B) {
	const each = time.Second / 200
	long := 10 * time.Second
	if text := os.Getenv("GUARDHOUSE_AUDIT_PACED"); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("index=%t", kept), func(b *testing.B) {
			_, log := newLog(b)
			if kept {
				keepIndex(b, log)
			}
			var all []time.Duration
			for b.Loop() {
				all = append(all, paced(b, log, each, int(long/each))...)
			}
			slices.Sort(all)
			ms := func(share int) float64 { return float64(all[len(all)*share/1000].Microseconds()) / 1e3 }
			b.ReportMetric(ms(500), "p50-ms")
			b.ReportMetric(ms(990), "p99-ms")
			b.ReportMetric(ms(999), "p99.9-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// paced appends n rows, one at each moment, and answers how long after its moment each was durable.
func paced(b *testing.B, log *audit.Log, each time.Duration, n int) []time.Duration {
	b.Helper()
	took := make([]time.Duration, n)
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * each)
		<-time.After(time.Until(due))
		all.Go(func() {
			if _, err := log.Record(wholeEntry()); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	return took
}

// appendAll appends as many rows as the benchmark asks for, and reports how many that is a second.
func appendAll(b *testing.B, log *audit.Log, writers int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := log.Record(wholeEntry()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// wholeEntry is a verdict's row that every index holds.
func wholeEntry() audit.Entry {
	e := verdictEntry("rita")
	e.KeyID, e.Purpose, e.Reason = "key_1", "triage", "condition_hours"
	return e
}

func keepIndex(b *testing.B, log *audit.Log) {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { log.KeepIndex(ctx, func(err error) { b.Error(err) }) })
	b.Cleanup(func() { stop(); work.Wait() })
}

func dropIndexes(b *testing.B, d *db.DB, names ...string) {
	b.Helper()
	err := d.Write(func(tx *db.Tx) error {
		for _, name := range names {
			if _, err := tx.Exec("DROP INDEX " + strconv.Quote(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
