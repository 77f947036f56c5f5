package metrics

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"guardhouse/internal/tally"
)

// Collect registers the sources, once.
func (r *Registry) Collect(s Sources) error {
	if err := r.prom.Register(&collector{s: s, d: describe(), failures: r.failures}); err != nil {
		return fmt.Errorf("registering the sources of metrics: %w", err)
	}
	return nil
}

// descriptions are the pulled metrics, one field each.
type descriptions struct {
	modelState, modelActive, modelWaiting, modelQueued, modelOldestWait, modelCapacity, modelSlots, modelSlotTokens, modelThreads *prometheus.Desc
	modelWeights, modelCache, modelLanes, modelMemory, modelQueries, modelTokens, modelQueue, modelRun                            *prometheus.Desc
	modelDevice, budget, taken, predicted, predictedDevice, deviceTotal, deviceTaken, deviceFree                                  *prometheus.Desc
	modelWait, modelEvaluated, modelDrafted, modelAccepted, modelWritten                                                          *prometheus.Desc
	verdicts, cacheHits, cacheMisses, cacheEntries                                                                                *prometheus.Desc
	commitSeconds, commitGroup, commitFailed, commitWaiting                                                                       *prometheus.Desc
	auditRows, auditRefusals, auditAppend, auditIndexFailed, verifiedAt, verifiedOK                                               *prometheus.Desc
	limitCounts, limitForgotten                                                                                                   *prometheus.Desc
	sessions, keys, streamsOpen, streamsDropped                                                                                   *prometheus.Desc
	forwardBacklog, forwardSent, forwardFailed                                                                                    *prometheus.Desc
	canaryPassed, canaryDrifted, canaryAt                                                                                         *prometheus.Desc
	databaseBytes, walBytes, freeShare, freeBytes                                                                                 *prometheus.Desc
	certificateEnds, aclFileValid, ready, notReady, degraded, logDropped, restarts, started, build                                *prometheus.Desc
}

func describe() descriptions {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("guardhouse_"+name, help, labels, nil)
	}
	return descriptions{
		modelState:       d("model_state", "1 for the state that the model is in: loading, ready, failed or removing.", "model", "state"),
		modelActive:      d("model_active_requests", "Requests that hold a place at the model, waiting or running.", "model"),
		modelWaiting:     d("model_waiting_requests", "Of those, the ones beyond the model's slots: the depth of the queue.", "model"),
		modelQueued:      d("model_waiting_queries", "Texts and windows that wait for their owner's turn at the model.", "model"),
		modelOldestWait:  d("model_oldest_wait_seconds", "How long the one of them that waits longest has waited; 0 = none waits.", "model"),
		modelCapacity:    d("model_capacity_requests", "Most requests that may hold a place; beyond them the answer is 503.", "model"),
		modelSlots:       d("model_slots", "Queries that run at the same time.", "model"),
		modelSlotTokens:  d("model_slot_tokens", "Longest query of one slot, in tokens.", "model"),
		modelThreads:     d("model_threads", "Threads that compute.", "model"),
		modelWeights:     d("model_weight_bytes", "Memory of the model's weights.", "model"),
		modelLanes:       d("model_lanes", "Passes at a time.", "model"),
		modelMemory:      d("model_memory_bytes", "Most memory that the model can need: weights, cache, and what a pass computes with.", "model"),
		modelDevice:      d("model_device_memory_bytes", "Memory of a GPU that the model holds.", "model"),
		budget:           d("model_memory_budget_bytes", "Memory that all models together may take; 0 = unknown, and nothing is refused."),
		taken:            d("model_memory_taken_bytes", "Of it, the most that what is in memory can need, models on their way out too."),
		predicted:        d("model_memory_predicted_bytes", "Most memory that the model is held to need before it is loaded, loaded or not.", "model"),
		predictedDevice:  d("model_device_memory_predicted_bytes", "Memory of a GPU that the model is held to take.", "model"),
		deviceTotal:      d("device_memory_bytes", "Memory of the GPU.", "index", "device"),
		deviceTaken:      d("device_memory_taken_bytes", "Of it, what models in memory hold.", "index", "device"),
		deviceFree:       d("device_memory_free_bytes", "Of it, what models may still take: what is free less its head-room.", "index", "device"),
		modelCache:       d("model_cache_bytes", "Memory of the model's key/value cache.", "model"),
		modelQueries:     d("model_queries_total", "Texts and windows by how they ended: judged, failed, canceled (the caller left), timeout (his time was over).", "model", "result"),
		modelWait:        d("model_wait_seconds", "Time that a text or window waited for its place at the model, by how it ended.", "model", "result"),
		modelEvaluated:   d("model_evaluated_tokens_total", "Tokens that the model computed: of prompts beyond the resident part, and of answers.", "model"),
		modelDrafted:     d("model_drafted_tokens_total", "Of those, tokens of answers that were guessed ahead.", "model"),
		modelAccepted:    d("model_accepted_tokens_total", "Of those, the ones that were guessed right: each saved a pass.", "model"),
		modelWritten:     d("model_written_tokens_total", "Tokens of texts that the model wrote.", "model"),
		modelTokens:      d("model_prompt_tokens_total", "Tokens of the prompts that were judged.", "model"),
		modelQueue:       d("model_queue_seconds", "Time that a judged text waited while none of its windows was worked on.", "model"),
		modelRun:         d("model_run_seconds", "Time that the model computed for one judged text.", "model"),
		canaryPassed:     d("model_canaries_passed", "1 if the guard answered its canaries as recorded when it was last asked, else 0.", "model"),
		canaryDrifted:    d("model_canaries_drifted", "Canaries that it answered otherwise.", "model"),
		canaryAt:         d("model_canaries_timestamp_seconds", "When it was last asked.", "model"),
		verdicts:         d("verdicts_total", "Verdicts whose rows are durable, by model, severity and action.", "model", "severity", "action"),
		cacheHits:        d("verdict_cache_hits_total", "Texts whose verdict was remembered: no model was asked."),
		cacheMisses:      d("verdict_cache_misses_total", "Texts whose verdict was not remembered."),
		cacheEntries:     d("verdict_cache_entries", "Verdicts that are remembered now."),
		commitSeconds:    d("db_commit_seconds", "Time of one transaction of the writer, its sync to the disk included."),
		commitGroup:      d("db_commit_group_size", "Writes that shared one transaction."),
		commitFailed:     d("db_commit_failures_total", "Transactions that could not be made durable: their requests were answered 503."),
		commitWaiting:    d("db_writes_waiting", "Writes that wait for the writer."),
		auditRows:        d("audit_rows_total", "Rows that this process appended to the audit log.", "action", "decision"),
		auditRefusals:    d("audit_refusals_total", "Of those, the rows that did not allow, by reason; summed stands for many refusals of strangers.", "reason"),
		auditAppend:      d("audit_append_seconds", "Time from asking for a row of the log to its being durable, the wait for the writer included."),
		auditIndexFailed: d("audit_index_failures_total", "Attempts to take rows into the search index that failed; the rows wait for the next."),
		verifiedAt:       d("audit_last_verification_timestamp_seconds", "When this process last walked the audit chain; 0 = not yet."),
		verifiedOK:       d("audit_last_verification_ok", "1 if that walk found the chain whole, else 0."),
		sessions:         d("sessions", "Sessions that still let somebody in."),
		keys:             d("api_keys", "API keys that still let somebody in."),
		streamsOpen:      d("event_streams", "Event streams that are open."),
		streamsDropped:   d("event_streams_dropped_total", "Event streams that were ended because their reader was too slow."),
		forwardBacklog:   d("forward_backlog_rows", "Rows of the log that a target of forwarding does not have yet.", "target", "kind"),
		forwardSent:      d("forward_sent_total", "Messages that a target took, of this process.", "target", "kind"),
		forwardFailed:    d("forward_failures_total", "Attempts to send to a target that failed, of this process.", "target", "kind"),
		limitCounts:      d("limit_counts", "Counts of rates and quotas that are kept."),
		limitForgotten:   d("limit_counts_forgotten_total", "Counts that had to go although they still counted, because there were too many."),
		databaseBytes:    d("db_size_bytes", "Size of the database file."),
		walBytes:         d("db_wal_size_bytes", "Size of the database's write-ahead log."),
		freeShare:        d("disk_free_ratio", "Share of the data folder's file system that is free, 0 to 1."),
		freeBytes:        d("disk_free_bytes", "Bytes of the data folder's file system that are free."),
		certificateEnds:  d("certificate_not_after_timestamp_seconds", "When the server's certificate ends."),
		aclFileValid:     d("acl_file_valid", "Whether the rules in force are those of acl.file as it is now."),
		ready:            d("ready", "1 if /readyz answers 200, else 0."),
		notReady:         d("not_ready_reason", "1 for each reason for which /readyz answers 503.", "code"),
		degraded:         d("degraded_reason", "1 for each trouble that /readyz names while it answers 200.", "code"),
		logDropped:       d("log_dropped_lines_total", "Log lines that the log file did not take."),
		restarts:         d("worker_restarts_total", "How often the supervisor had to start the server again since it was started itself."),
		started:          d("start_timestamp_seconds", "When the server started."),
		build:            d("build_info", "What runs; the value is 1.", "version", "commit", "go", "engine"),
	}
}

// all lists every description.
func (d descriptions) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		d.modelState, d.modelActive, d.modelWaiting, d.modelQueued, d.modelOldestWait, d.modelCapacity, d.modelSlots, d.modelSlotTokens, d.modelThreads, d.modelWeights,
		d.modelDevice, d.budget, d.taken, d.predicted, d.predictedDevice, d.deviceTotal, d.deviceTaken, d.deviceFree,
		d.modelCache, d.modelLanes, d.modelMemory, d.modelQueries, d.modelTokens, d.modelQueue, d.modelRun, d.modelWait, d.modelEvaluated, d.modelDrafted, d.modelAccepted, d.modelWritten, d.canaryPassed, d.canaryDrifted, d.canaryAt, d.verdicts, d.cacheHits, d.cacheMisses, d.cacheEntries, d.commitSeconds, d.commitGroup, d.commitFailed,
		d.commitWaiting, d.auditRows, d.auditRefusals, d.auditAppend, d.auditIndexFailed, d.verifiedAt, d.verifiedOK, d.sessions, d.keys, d.limitCounts, d.limitForgotten, d.streamsOpen, d.streamsDropped, d.forwardBacklog, d.forwardSent, d.forwardFailed, d.databaseBytes, d.walBytes,
		d.freeShare, d.freeBytes, d.certificateEnds, d.aclFileValid, d.ready, d.notReady, d.degraded, d.logDropped, d.restarts, d.started, d.build,
	}
}

// collector asks the sources whenever somebody scrapes, one scrape at a time: they read the disk and the database.
type collector struct {
	s        Sources
	d        descriptions
	failures *prometheus.CounterVec
	mu       sync.Mutex
}

// Describe is part of prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.d.all() {
		out <- d
	}
}

// Collect is part of prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	send := sender{out}
	c.models(send)
	c.writing(send)
	c.people(send)
	c.streams(send)
	c.forwarding(send)
	c.limits(send)
	c.storage(send)
	c.server(send)
}

// sender makes the metrics of one scrape. Their labels are as many as their description says, or the scrape says what is wrong.
type sender struct{ out chan<- prometheus.Metric }

func (s sender) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.send(d)(prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...))
}

func (s sender) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s.send(d)(prometheus.NewConstMetric(d, prometheus.CounterValue, float64(v), labels...))
}

func (s sender) histogram(d *prometheus.Desc, v tally.Distribution, labels ...string) {
	s.send(d)(prometheus.NewConstHistogram(d, v.Total, v.Sum, v.Cumulative, labels...))
}

func (s sender) send(d *prometheus.Desc) func(prometheus.Metric, error) {
	return func(m prometheus.Metric, err error) {
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		s.out <- m
	}
}

func flag(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}
