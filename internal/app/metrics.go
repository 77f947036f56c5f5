package app

import (
	"cmp"
	"context"
	"runtime"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/metrics"
)

// Build says what program this is.
type Build struct{ Version, Commit, Engine string }

// name is the build in one line, as verdicts carry it.
func (b Build) name() string { return cmp.Or(b.Version, "unknown") + " " + cmp.Or(b.Commit, "unknown") }

// askWithin bounds what a scrape waits for reads of the database; the probe of the disk has a bound of its own.
const askWithin = 2 * time.Second

// The disk is low when less than both is left: a hundredth of a large disk is still room for years of rows.
const (
	lowShare = 0.01
	lowBytes = 1 << 30
)

// collect lets the metrics ask the services and the main listener.
func (a *App) collect(e *edge) error {
	o := a.options
	var ends func() time.Time
	if e.tls != nil {
		ends = e.tls.Ends
	}
	return a.Metrics.Collect(metrics.Sources{
		ACLFileValid: a.aclFileMetric(),
		Models:       a.modelMetrics, Memory: a.memoryMetrics, Canaries: a.canaryMetrics, Verdicts: a.verdictMetrics, Cache: a.cacheMetrics, Commits: a.commitMetrics, AuditRows: a.auditMetrics, Appending: a.appendMetrics,
		Verified: a.verifiedMetrics, People: a.peopleMetrics, Streams: a.streamMetrics, Forwarding: a.forwardMetrics, Limits: a.limitMetrics, Storage: a.storageMetrics,
		CertificateEnds: ends,
		NotReady: func() []string {
			ctx, cancel := context.WithTimeout(context.Background(), askWithin)
			defer cancel()
			return e.doors[0].handler.NotReady(ctx)
		},
		Degraded:   e.doors[0].handler.Degraded,
		LogDropped: o.LogDropped, Restarts: a.restarts(), Started: a.now(),
		Build: metrics.Build{
			Version: cmp.Or(o.Build.Version, "unknown"), Commit: cmp.Or(o.Build.Commit, "unknown"),
			Go: runtime.Version(), Engine: cmp.Or(o.Build.Engine, "unknown"),
		},
	})
}

// restarts answers how many workers served before this one; nil where nobody would start another.
func (a *App) restarts() func() uint64 {
	if a.options.Inherited == nil {
		return nil
	}
	return func() uint64 { return uint64(a.options.Restart.Count) }
}

func newMetrics() (*metrics.Registry, error) { return metrics.New(httpapi.ErrorCodes()) }

func (a *App) modelMetrics() []metrics.Model {
	judged := a.Moderation.Stats().Models
	var out []metrics.Model
	for _, m := range a.Scheduler.Status() {
		d, s := m.Description, judged[m.ID]
		out = append(out, metrics.Model{
			ID: m.ID, State: string(m.State), Active: m.Active, Waiting: m.Waiting, Queued: m.Queued, OldestWait: m.OldestWait, Capacity: m.Capacity,
			Slots: d.Slots, SlotTokens: d.SlotTokens, Threads: d.Threads, Lanes: d.Lanes, MemoryBytes: d.Memory.Total(), DeviceBytes: d.Memory.GPU, WeightBytes: d.WeightBytes, CacheBytes: d.CacheBytes,
			PromptTokens: s.PromptTokens, Evaluated: m.Work.Evaluated, Drafted: m.Work.Drafted, Accepted: m.Work.Accepted, Written: m.Work.Written,
			QueueSeconds: s.Queue, RunSeconds: s.Compute,
			Ended: []metrics.Ended{
				{How: "judged", Queries: m.Judged, WaitSeconds: m.Waits.Judged},
				{How: string(fault.Canceled), Queries: m.Left, WaitSeconds: m.Waits.Left},
				{How: string(fault.Timeout), Queries: m.Late, WaitSeconds: m.Waits.Late},
				{How: "failed", Queries: m.Failed, WaitSeconds: m.Waits.Failed},
			},
		})
	}
	return out
}

func (a *App) memoryMetrics() metrics.Memory {
	room := a.Models.Room()
	out := metrics.Memory{Budget: room.Total, Taken: room.Used}
	for _, d := range room.Devices {
		out.Devices = append(out.Devices, metrics.Device{Name: d.Name, Total: d.Total, Taken: d.Used, Free: d.Free})
	}
	all, err := a.Catalog.All(context.Background()) // what is in memory already
	if err != nil {
		return out
	}
	for _, m := range all {
		if needs, known := a.Models.Takes(m); known {
			out.Predicted = append(out.Predicted, metrics.Predicted{Model: m.ID, Bytes: needs.Total(), Device: needs.GPU})
		}
	}
	return out
}

func (a *App) verdictMetrics() map[metrics.Verdict]uint64 {
	out := map[metrics.Verdict]uint64{}
	for kind, n := range a.Moderation.Stats().Verdicts {
		out[metrics.Verdict(kind)] = n
	}
	return out
}

func (a *App) cacheMetrics() metrics.Cache { return metrics.Cache(a.Moderation.CacheStats()) }

func (a *App) commitMetrics() metrics.Commits {
	s := a.DB.Stats()
	return metrics.Commits{Seconds: s.Seconds, GroupSize: s.GroupSize, Failed: s.Failed, Waiting: s.Waiting}
}

func (a *App) auditMetrics() map[metrics.AuditRow]uint64 {
	out := map[metrics.AuditRow]uint64{}
	for kind, n := range a.Audit.Stats().Rows {
		out[metrics.AuditRow(kind)] = n
	}
	return out
}

func (a *App) appendMetrics() metrics.Appending {
	s := a.Audit.Stats()
	return metrics.Appending{Seconds: s.Appending, IndexFailures: s.IndexFailures}
}

func (a *App) verifiedMetrics() metrics.Verification {
	s := a.Audit.Stats()
	return metrics.Verification{At: s.VerifiedAt, OK: s.VerifiedOK}
}

func (a *App) peopleMetrics() (metrics.People, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	l, err := a.Auth.Living(ctx)
	return metrics.People{Sessions: l.Sessions, Keys: l.Keys}, err
}

func (a *App) streamMetrics() metrics.Streams {
	return metrics.Streams{Open: a.Events.Streams(), Dropped: a.Events.Dropped()}
}

func (a *App) limitMetrics() metrics.Limits {
	s := a.Guard.LimitStats()
	return metrics.Limits{Kept: s.Buckets + s.Counters, Forgotten: s.Forgotten}
}

func (a *App) storageMetrics() (metrics.Storage, error) {
	u, err := a.DB.Usage()
	return metrics.Storage{DatabaseBytes: u.DatabaseBytes, WALBytes: u.WALBytes, FreeShare: u.FreeShare, FreeBytes: u.FreeBytes}, err
}

// diskLow says that the disk is about to refuse rows. Where it cannot be asked, the probe of a row decides.
func (a *App) diskLow() bool {
	u, err := a.DB.Usage()
	return err == nil && u.FreeShare < lowShare && u.FreeBytes < lowBytes
}

// aclFileMetric answers nil where rules come from no file.
func (a *App) aclFileMetric() func() bool {
	if a.Config.ACLFile == "" {
		return nil
	}
	return func() bool { return a.Policy.FileState().Valid }
}
