package metrics

import (
	"cmp"
	"strconv"
	"time"
)

func (c *collector) models(send sender) {
	if c.s.Models != nil {
		for _, m := range c.s.Models() {
			c.model(send, m)
		}
	}
	if c.s.Memory != nil {
		c.memory(send, c.s.Memory())
	}
	if c.s.Canaries != nil {
		for _, v := range c.s.Canaries() {
			passed := 0.0
			if v.Passed {
				passed = 1
			}
			send.gauge(c.d.canaryPassed, passed, v.Model)
			send.gauge(c.d.canaryDrifted, float64(v.Drifted), v.Model)
			send.gauge(c.d.canaryAt, seconds(v.At), v.Model)
		}
	}
	if c.s.Verdicts != nil {
		for v, n := range c.s.Verdicts() {
			send.counter(c.d.verdicts, n, v.Model, v.Severity, v.Action)
		}
	}
	if c.s.Cache != nil {
		v := c.s.Cache()
		send.counter(c.d.cacheHits, v.Hits)
		send.counter(c.d.cacheMisses, v.Misses)
		send.gauge(c.d.cacheEntries, float64(v.Entries))
	}
}

func (c *collector) memory(send sender, m Memory) {
	send.gauge(c.d.budget, float64(m.Budget))
	send.gauge(c.d.taken, float64(m.Taken))
	for _, p := range m.Predicted {
		send.gauge(c.d.predicted, float64(p.Bytes), p.Model)
		send.gauge(c.d.predictedDevice, float64(p.Device), p.Model)
	}
	for i, d := range m.Devices { // two boards may have one name
		index := strconv.Itoa(i)
		send.gauge(c.d.deviceTotal, float64(d.Total), index, d.Name)
		send.gauge(c.d.deviceTaken, float64(d.Taken), index, d.Name)
		send.gauge(c.d.deviceFree, float64(d.Free), index, d.Name)
	}
}

func (c *collector) model(send sender, m Model) {
	send.gauge(c.d.modelState, 1, m.ID, m.State)
	send.gauge(c.d.modelActive, float64(m.Active), m.ID)
	send.gauge(c.d.modelWaiting, float64(m.Waiting), m.ID)
	send.gauge(c.d.modelQueued, float64(m.Queued), m.ID)
	send.gauge(c.d.modelOldestWait, m.OldestWait.Seconds(), m.ID)
	send.gauge(c.d.modelCapacity, float64(m.Capacity), m.ID)
	send.gauge(c.d.modelSlots, float64(m.Slots), m.ID)
	send.gauge(c.d.modelSlotTokens, float64(m.SlotTokens), m.ID)
	send.gauge(c.d.modelThreads, float64(m.Threads), m.ID)
	send.gauge(c.d.modelLanes, float64(m.Lanes), m.ID)
	send.gauge(c.d.modelMemory, float64(m.MemoryBytes), m.ID)
	send.gauge(c.d.modelDevice, float64(m.DeviceBytes), m.ID)
	send.gauge(c.d.modelWeights, float64(m.WeightBytes), m.ID)
	send.gauge(c.d.modelCache, float64(m.CacheBytes), m.ID)
	for _, e := range m.Ended {
		send.counter(c.d.modelQueries, e.Queries, m.ID, e.How)
		send.histogram(c.d.modelWait, e.WaitSeconds, m.ID, e.How)
	}
	send.counter(c.d.modelTokens, m.PromptTokens, m.ID)
	send.counter(c.d.modelEvaluated, m.Evaluated, m.ID)
	send.counter(c.d.modelDrafted, m.Drafted, m.ID)
	send.counter(c.d.modelAccepted, m.Accepted, m.ID)
	send.counter(c.d.modelWritten, m.Written, m.ID)
	send.histogram(c.d.modelQueue, m.QueueSeconds, m.ID)
	send.histogram(c.d.modelRun, m.RunSeconds, m.ID)
}

// writing is the writer and the log that goes through it.
func (c *collector) writing(send sender) {
	if c.s.Commits != nil {
		w := c.s.Commits()
		send.histogram(c.d.commitSeconds, w.Seconds)
		send.histogram(c.d.commitGroup, w.GroupSize)
		send.counter(c.d.commitFailed, w.Failed)
		send.gauge(c.d.commitWaiting, float64(w.Waiting))
	}
	if c.s.AuditRows != nil {
		c.auditRows(send, c.s.AuditRows())
	}
	if c.s.Appending != nil {
		a := c.s.Appending()
		send.histogram(c.d.auditAppend, a.Seconds)
		send.counter(c.d.auditIndexFailed, a.IndexFailures)
	}
	if c.s.Verified != nil {
		v := c.s.Verified()
		send.gauge(c.d.verifiedAt, seconds(v.At))
		send.gauge(c.d.verifiedOK, flag(v.OK))
	}
}

// auditRows sums one table of counts in two ways: per action and decision, and per reason where it was no allow.
func (c *collector) auditRows(send sender, rows map[AuditRow]uint64) {
	type kind struct{ action, decision string }
	kinds, reasons := map[kind]uint64{}, map[string]uint64{}
	for row, n := range rows {
		kinds[kind{row.Action, row.Decision}] += n
		if row.Decision != "allow" {
			reasons[cmp.Or(row.Reason, Other)] += n
		}
	}
	for k, n := range kinds {
		send.counter(c.d.auditRows, n, k.action, k.decision)
	}
	for reason, n := range reasons {
		send.counter(c.d.auditRefusals, n, reason)
	}
}

func (c *collector) people(send sender) {
	if c.s.People == nil {
		return
	}
	p, err := c.s.People()
	if err != nil {
		c.failures.WithLabelValues(sourcePeople).Inc()
		return
	}
	send.gauge(c.d.sessions, float64(p.Sessions))
	send.gauge(c.d.keys, float64(p.Keys))
}

func (c *collector) streams(send sender) {
	if c.s.Streams == nil {
		return
	}
	s := c.s.Streams()
	send.gauge(c.d.streamsOpen, float64(s.Open))
	send.counter(c.d.streamsDropped, s.Dropped)
}

func (c *collector) forwarding(send sender) {
	if c.s.Forwarding == nil {
		return
	}
	targets, err := c.s.Forwarding()
	if err != nil {
		c.failures.WithLabelValues(sourceForwarding).Inc()
		return
	}
	for _, t := range targets {
		send.gauge(c.d.forwardBacklog, float64(t.Backlog), t.ID, t.Kind)
		send.counter(c.d.forwardSent, t.Sent, t.ID, t.Kind)
		send.counter(c.d.forwardFailed, t.Failed, t.ID, t.Kind)
	}
}

func (c *collector) limits(send sender) {
	if c.s.Limits == nil {
		return
	}
	l := c.s.Limits()
	send.gauge(c.d.limitCounts, float64(l.Kept))
	send.counter(c.d.limitForgotten, l.Forgotten)
}

func (c *collector) storage(send sender) {
	if c.s.Storage == nil {
		return
	}
	s, err := c.s.Storage()
	if err != nil {
		c.failures.WithLabelValues(sourceStorage).Inc()
		return
	}
	send.gauge(c.d.databaseBytes, float64(s.DatabaseBytes))
	send.gauge(c.d.walBytes, float64(s.WALBytes))
	send.gauge(c.d.freeShare, s.FreeShare)
	send.gauge(c.d.freeBytes, float64(s.FreeBytes))
}

func (c *collector) server(send sender) {
	if c.s.CertificateEnds != nil {
		if end := c.s.CertificateEnds(); !end.IsZero() {
			send.gauge(c.d.certificateEnds, seconds(end))
		}
	}
	if c.s.ACLFileValid != nil {
		send.gauge(c.d.aclFileValid, flag(c.s.ACLFileValid()))
	}
	if c.s.NotReady != nil {
		reasons := c.s.NotReady()
		send.gauge(c.d.ready, flag(len(reasons) == 0))
		for _, code := range reasons {
			send.gauge(c.d.notReady, 1, code)
		}
	}
	if c.s.Degraded != nil {
		for _, code := range c.s.Degraded() {
			send.gauge(c.d.degraded, 1, code)
		}
	}
	if c.s.LogDropped != nil {
		send.counter(c.d.logDropped, c.s.LogDropped())
	}
	if c.s.Restarts != nil {
		send.counter(c.d.restarts, c.s.Restarts())
	}
	if !c.s.Started.IsZero() {
		send.gauge(c.d.started, seconds(c.s.Started))
	}
	if b := c.s.Build; b != (Build{}) {
		send.gauge(c.d.build, 1, b.Version, b.Commit, b.Go, b.Engine)
	}
}

// seconds is a moment as Prometheus writes it, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}
