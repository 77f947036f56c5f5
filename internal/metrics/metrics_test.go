package metrics_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/metrics"
	"guardhouse/internal/tally"
)

var update = flag.Bool("update", false, "rewrite the golden files") //nolint:gochecknoglobals // go test's way to take a flag

func full() metrics.Sources {
	h := tally.NewHistogram(.001, .01, .1)
	h.Observe(.004)
	d := h.Snapshot()
	at := time.UnixMilli(1_790_000_000_000)
	return metrics.Sources{
		Models: func() []metrics.Model {
			return []metrics.Model{{ID: "guard-nano", State: "ready", Active: 3, Waiting: 1, Queued: 5, OldestWait: 1500 * time.Millisecond, Slots: 2, Ended: []metrics.Ended{{How: "judged", Queries: 7, WaitSeconds: d}, {How: "timeout", Queries: 2}}, Drafted: 9, Written: 7, QueueSeconds: d, RunSeconds: d}}
		},
		Memory: func() metrics.Memory {
			return metrics.Memory{
				Budget: 9000, Taken: 4000, Predicted: []metrics.Predicted{{Model: "guard-nano", Bytes: 4000, Device: 700}, {Model: "large", Bytes: 8000}},
				Devices: []metrics.Device{{Name: "cuda:Board", Total: 800, Taken: 700, Free: 50}, {Name: "cuda:Board", Total: 800}},
			}
		},
		Canaries: func() []metrics.Canary {
			return []metrics.Canary{{Model: "guard-nano", Drifted: 4, At: at}}
		},
		Verdicts: func() map[metrics.Verdict]uint64 {
			return map[metrics.Verdict]uint64{{Model: "guard-nano", Severity: "Unsafe", Action: "block"}: 4}
		},
		Cache:   func() metrics.Cache { return metrics.Cache{Hits: 8, Misses: 3, Entries: 2} },
		Commits: func() metrics.Commits { return metrics.Commits{Seconds: d, GroupSize: d, Failed: 1, Waiting: 2} },
		AuditRows: func() map[metrics.AuditRow]uint64 {
			return map[metrics.AuditRow]uint64{
				{Action: "moderation.run", Decision: "allow"}:                  5,
				{Action: "moderation.run", Decision: "deny", Reason: "role"}:   2,
				{Action: "moderation.run", Decision: "deny", Reason: "hidden"}: 1,
				{Action: "auth.login", Decision: "deny", Reason: "role"}:       1,
			}
		},
		Appending: func() metrics.Appending { return metrics.Appending{Seconds: d, IndexFailures: 5} },
		Verified:  func() metrics.Verification { return metrics.Verification{At: at, OK: true} },
		People:    func() (metrics.People, error) { return metrics.People{Sessions: 3, Keys: 2}, nil },
		Streams:   func() metrics.Streams { return metrics.Streams{Open: 2, Dropped: 1} },
		Limits:    func() metrics.Limits { return metrics.Limits{Kept: 3, Forgotten: 1} },
		Forwarding: func() ([]metrics.Forward, error) {
			return []metrics.Forward{{ID: "fwd_1", Kind: "syslog", Backlog: 4, Sent: 3, Failed: 2}}, nil
		},
		Storage: func() (metrics.Storage, error) {
			return metrics.Storage{DatabaseBytes: 4096, WALBytes: 1, FreeShare: .5, FreeBytes: 9}, nil
		},
		CertificateEnds: func() time.Time { return at },
		ACLFileValid:    func() bool { return true },
		NotReady:        func() []string { return []string{"loading"} },
		Degraded:        func() []string { return []string{"anchor_failing"} },
		LogDropped:      func() uint64 { return 6 },
		Restarts:        func() uint64 { return 2 },
		Started:         at,
		Build:           metrics.Build{Version: "dev", Commit: "c", Go: "go1", Engine: "e"},
	}
}

func newRegistry(t testing.TB, s metrics.Sources) *metrics.Registry {
	t.Helper()
	r, err := metrics.New([]string{"forbidden", "busy"})
	require.NoError(t, err)
	require.NoError(t, r.Collect(s))
	return r
}

func written(t testing.TB, r *metrics.Registry) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	return b.String()
}

// Dashboards and alerts of others stand on these names and labels: a change here is a change of the contract.
func TestNamesAndLabelsAreTheContract(t *testing.T) {
	r := newRegistry(t, full())
	r.Observe("/healthz", "GET", 200, time.Millisecond)
	text := written(t, r)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
	var lines []string
	for name, f := range families {
		if !strings.HasPrefix(name, "guardhouse_") {
			continue
		}
		require.NotEmpty(t, f.GetHelp(), name)
		labels := map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
		var names []string
		for l := range labels {
			names = append(names, l)
		}
		slices.Sort(names)
		lines = append(lines, fmt.Sprintf("%s{%s} %s", name, strings.Join(names, ","), strings.ToLower(f.GetType().String())))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/names.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)

	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Contains(t, text, "go_goroutines ")
	require.Contains(t, text, "process_start_time_seconds ")
}

func TestValues(t *testing.T) {
	r := newRegistry(t, full())
	r.Observe("/api/v1/moderations", "POST", 200, 20*time.Millisecond)
	r.Observe("/api/v1/moderations", "POST", 200, 20*time.Millisecond)
	r.Observe("/api/v1/moderations", "POST", 403, -time.Second)
	r.Refused("forbidden")
	r.Refused("a code from nowhere")
	r.SignedIn(metrics.Success)
	r.SignedIn("alice")
	text := written(t, r)
	for _, line := range []string{
		`guardhouse_http_requests_total{method="POST",route="/api/v1/moderations",status="200"} 2`,
		`guardhouse_model_queries_total{model="guard-nano",result="timeout"} 2`,
		`guardhouse_model_drafted_tokens_total{model="guard-nano"} 9`,
		`guardhouse_model_written_tokens_total{model="guard-nano"} 7`,
		`guardhouse_http_requests_total{method="POST",route="/api/v1/moderations",status="403"} 1`,
		`guardhouse_http_request_duration_seconds_bucket{method="POST",route="/api/v1/moderations",le="0.025"} 3`,
		`guardhouse_http_refusals_total{code="forbidden"} 1`,
		`guardhouse_http_refusals_total{code="busy"} 0`,
		`guardhouse_http_refusals_total{code="other"} 1`,
		`guardhouse_sign_ins_total{outcome="success"} 1`,
		`guardhouse_sign_ins_total{outcome="throttled"} 0`,
		`guardhouse_sign_ins_total{outcome="error"} 1`,
		`guardhouse_model_state{model="guard-nano",state="ready"} 1`,
		`guardhouse_model_run_seconds_bucket{model="guard-nano",le="0.01"} 1`,
		`guardhouse_verdicts_total{action="block",model="guard-nano",severity="Unsafe"} 4`,
		`guardhouse_verdict_cache_hits_total 8`, `guardhouse_verdict_cache_misses_total 3`, `guardhouse_verdict_cache_entries 2`,
		`guardhouse_audit_rows_total{action="moderation.run",decision="deny"} 3`,
		`guardhouse_audit_refusals_total{reason="role"} 3`,
		`guardhouse_audit_last_verification_ok 1`, `guardhouse_audit_append_seconds_bucket{le="0.01"} 1`, `guardhouse_audit_index_failures_total 5`,
		`guardhouse_sessions 3`, `guardhouse_api_keys 2`, `guardhouse_db_commit_failures_total 1`,
		`guardhouse_model_memory_budget_bytes 9000`, `guardhouse_model_memory_taken_bytes 4000`, `guardhouse_model_memory_predicted_bytes{model="large"} 8000`,
		`guardhouse_model_device_memory_predicted_bytes{model="guard-nano"} 700`, `guardhouse_device_memory_taken_bytes{device="cuda:Board",index="0"} 700`,
		`guardhouse_device_memory_free_bytes{device="cuda:Board",index="0"} 50`, `guardhouse_device_memory_bytes{device="cuda:Board",index="1"} 800`,
		`guardhouse_model_canaries_passed{model="guard-nano"} 0`, `guardhouse_model_canaries_drifted{model="guard-nano"} 4`, `guardhouse_model_canaries_timestamp_seconds{model="guard-nano"} 1.79e+09`,
		`guardhouse_ready 0`, `guardhouse_not_ready_reason{code="loading"} 1`, `guardhouse_degraded_reason{code="anchor_failing"} 1`, `guardhouse_log_dropped_lines_total 6`, `guardhouse_worker_restarts_total 2`,
		`guardhouse_certificate_not_after_timestamp_seconds 1.79e+09`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "alice")
}

// threat D1: what strangers make up never becomes a label, and never more series than there are routes.
func TestStrangersMakeNoSeries(t *testing.T) {
	r := newRegistry(t, metrics.Sources{})
	for i := range 5000 {
		r.Observe("", fmt.Sprintf("METHOD%d", i), 400, 0)
		r.Observe(fmt.Sprintf("/planted/%d", i), "GET", 1000+i, 0)
	}
	text := written(t, r)
	require.NotContains(t, text, "METHOD")
	require.Contains(t, text, `guardhouse_http_requests_total{method="other",route="other",status="400"} 5000`)
	require.Contains(t, text, `guardhouse_http_requests_total{method="GET",route="other",status="other"}`)
	require.LessOrEqual(t, strings.Count(text, "guardhouse_http_requests_total{"), 520)
}

func TestASourceThatFailsLeavesTheOthers(t *testing.T) {
	s := full()
	s.People = func() (metrics.People, error) { return metrics.People{}, errors.New("no such table: users of alice") }
	r := newRegistry(t, s)
	written(t, r)
	text := written(t, r)
	require.NotContains(t, text, "guardhouse_sessions ")
	require.NotContains(t, text, "alice")
	require.Contains(t, text, "guardhouse_db_size_bytes 4096")
	require.Contains(t, text, `guardhouse_scrape_failures_total{source="people"}`)
}

func TestParallelScrapes(t *testing.T) {
	r := newRegistry(t, full())
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 50 {
				r.Observe("/healthz", "GET", 200+i, time.Millisecond)
				r.Refused("busy")
				r.SignedIn(metrics.Refused)
			}
			var b bytes.Buffer
			if err := r.Write(&b); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Contains(t, written(t, r), `guardhouse_http_refusals_total{code="busy"} 200`)
}

// What a request pays for being counted.
func BenchmarkObserve(b *testing.B) {
	r := newRegistry(b, metrics.Sources{})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Observe("/api/v1/moderations", "POST", 200, 8*time.Millisecond)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	r := newRegistry(b, full())
	for i := range 60 {
		r.Observe(fmt.Sprintf("/route/%d", i), "GET", 200, time.Millisecond)
	}
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := r.Write(&out); err != nil {
			b.Fatal(err)
		}
	}
}
