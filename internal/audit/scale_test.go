package audit_test

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"guardhouse/internal/audit"
)

// BenchmarkAuditScale is what a list and a volume take, by filter: half of the requests are done within p50, ninety-nine of a
// hundred within p99. GUARDHOUSE_AUDIT_SCALE says how many rows there are; scripts/audit_scale.sh runs it with five million.
func BenchmarkAuditScale(b *testing.B) {
	n := 100_000
	if text := os.Getenv("GUARDHOUSE_AUDIT_SCALE"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	_, log, start := filled(b, n)
	b.Logf("%d rows made and indexed in %s", n, time.Since(began).Round(time.Second))
	began = time.Now()
	requireWhole(b, log)
	took := time.Since(began)
	b.Logf("verify: %d rows in %s, %.0f rows/s", n, took.Round(time.Millisecond), float64(n)/took.Seconds())
	now := start.Add(time.Duration(n+1) * time.Second)
	day := func(f *audit.Filter) { f.From, f.To = now.Add(-24*time.Hour), now }
	old := func(f *audit.Filter) { f.From, f.To = start.Add(time.Hour), start.Add(2*time.Hour) }
	sets := offered(start)
	pairs := map[string][]func(*audit.Filter){
		"all": nil, "a day": {day}, "an hour long ago": {old}, "name and refused": {sets["name"], sets["refused"]}, "model and refused": {sets["model"], sets["refused"]},
		"name and model": {sets["name"], sets["model"]}, "words and refused": {sets["words"], sets["refused"]}, "words, long ago": {sets["words"], old},
		"action and model, nothing": {sets["action"], sets["model"], func(f *audit.Filter) { f.Q = "££" }}, "a letter, nothing": {func(f *audit.Filter) { f.Q = "£" }},
		"common words": {func(f *audit.Filter) { f.Q = "guard-nano" }}, "a row's object": {func(f *audit.Filter) { f.Q = "moderation:" + strconv.Itoa(n/2) }},
	}
	for name, set := range sets {
		if name != "time" && name != "cursor" {
			pairs[name] = []func(*audit.Filter){set}
		}
	}
	for name, set := range pairs {
		var f audit.Filter
		for _, s := range set {
			s(&f)
		}
		b.Run("list/"+name, func(b *testing.B) {
			timed(b, func() error { _, err := log.List(b.Context(), f); return err })
		})
		b.Run("volume/"+name, func(b *testing.B) {
			timed(b, func() error { _, err := log.Volume(b.Context(), f, 48, now); return err })
		})
	}
}

// timed reports the median and the hundredth slowest of what do takes.
func timed(b *testing.B, do func() error) {
	b.Helper()
	var all []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	b.ReportMetric(ms(all[len(all)/2]), "p50-ms")
	b.ReportMetric(ms(all[len(all)*99/100]), "p99-ms")
}
