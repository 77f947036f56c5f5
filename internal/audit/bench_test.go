package audit_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// BenchmarkAuditAppend is one durable row each: alone, and with 32 writers that share commits.
func BenchmarkAuditAppend(b *testing.B) {
	b.Run("single", func(b *testing.B) {
		_, log := newLog(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := log.Record(entry("rita")); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("32 writers", func(b *testing.B) {
		_, log := newLog(b)
		b.SetParallelism(16) // times two cores
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := log.Record(entry("rita")); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkAuditVerdict is the row of one judged text, from 16 clients that share commits.
func BenchmarkAuditVerdict(b *testing.B) {
	_, log := newLog(b)
	b.SetParallelism(8) // times two cores
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := entry("rita")
			e.Details = map[string]any{"items": 1, "mode": "strict", "verdicts": []any{
				map[string]any{"severity": "Unsafe", "action": "block", "categories": []any{"Violent", "PII"}},
			}}
			if _, err := log.Record(e); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkCanonical is the form that is hashed, of a row as a reader has it.
func BenchmarkCanonical(b *testing.B) {
	_, log := newLog(b)
	e := entry("rita")
	e.Details = map[string]any{"items": 1, "mode": "strict", "verdicts": []any{
		map[string]any{"severity": "Unsafe", "action": "block", "categories": []any{"Violent", "PII"}},
	}}
	ev, err := log.Record(e)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		audit.Canonical(ev)
	}
}

// BenchmarkAuditList is a page out of the middle of 100,000 rows.
func BenchmarkAuditList(b *testing.B) {
	_, log := newLog(b)
	var n atomic.Int64
	const rows = 100_000
	b.SetParallelism(32)
	fill(b, log, &n, rows)
	for name, f := range map[string]audit.Filter{
		"newest": {}, "actor": {Actor: "user 7"}, "q": {Q: "user 7"}, "time": {From: time.Unix(0, 0)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := log.List(b.Context(), f)
				if err != nil || len(p.Items) != 50 {
					b.Fatal(err, len(p.Items))
				}
			}
		})
	}
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			requireWhole(b, log)
		}
	})
}

func fill(b *testing.B, log *audit.Log, n *atomic.Int64, rows int64) {
	b.Helper()
	done := make(chan error)
	const writers = 64
	for range writers {
		go func() {
			for i := n.Add(1); i <= rows; i = n.Add(1) {
				if _, err := log.Record(entry(fmt.Sprint("user ", i%100))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAuditVerify walks rows as verdicts leave them: BENCH_ROWS of them, or 100,000.
func BenchmarkAuditVerify(b *testing.B) {
	rows := 100_000
	if s := os.Getenv("BENCH_ROWS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		rows = n
	}
	d, log := newLog(b)
	for done := 0; done < rows; done += 1000 {
		err := d.Write(func(tx *db.Tx) error {
			for i := range min(1000, rows-done) {
				if _, err := log.Append(tx, verdictEntry(fmt.Sprint("user ", i%100))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		requireWhole(b, log)
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func verdictEntry(name string) audit.Entry {
	e := entry(name)
	e.Groups, e.UserAgent, e.RuleID, e.ModelSHA256 = []string{"radiology"}, "OpenAI/Python 2.8.0", "shipped-guard-nano", strings.Repeat("ab", 32)
	e.Details = map[string]any{"items": 1, "mode": "strict", "verdicts": []any{
		map[string]any{"severity": "Unsafe", "action": "block", "categories": []any{"Violent", "PII"}},
	}}
	return e
}
