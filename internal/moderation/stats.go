package moderation

import (
	"sync"

	"guardhouse/internal/tally"
)

// maxCounted bounds the models and kinds of verdicts that are counted apart. A server has a handful of models.
const maxCounted = 1024

// VerdictKind is what verdicts are counted by.
type VerdictKind struct{ Model, Severity, Action string }

// ModelStats is what judging with one model took since the start.
type ModelStats struct {
	PromptTokens   uint64
	Queue, Compute tally.Distribution // seconds per judged text
}

// Stats is what this process has judged since it started: verdicts whose rows are durable.
type Stats struct {
	Verdicts map[VerdictKind]uint64
	Models   map[string]ModelStats
}

// stats counts for Stats.
type stats struct {
	kinds  *tally.Counts[VerdictKind]
	tokens *tally.Counts[string]

	mu    sync.Mutex
	times map[string]modelTimes
}

type modelTimes struct{ queue, compute *tally.Histogram }

func newStats() *stats {
	return &stats{
		kinds:  tally.NewCounts(maxCounted, VerdictKind{"other", "other", "other"}),
		tokens: tally.NewCounts(maxCounted, "other"),
		times:  map[string]modelTimes{},
	}
}

// Stats answers what was judged so far. It names models and nothing else.
func (s *Service) Stats() Stats {
	out := Stats{Verdicts: s.stats.kinds.Snapshot(), Models: map[string]ModelStats{}}
	tokens := s.stats.tokens.Snapshot()
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	for id, t := range s.stats.times {
		out.Models[id] = ModelStats{PromptTokens: tokens[id], Queue: t.queue.Snapshot(), Compute: t.compute.Snapshot()}
	}
	return out
}

// add counts verdicts of one model.
func (s *stats) add(model string, all []Verdict) {
	t, known := s.timesOf(model)
	for _, v := range all {
		s.kinds.Add(VerdictKind{model, v.Severity, v.Action}, 1)
		if v.Cached {
			continue // the model did nothing
		}
		s.tokens.Add(model, uint64(max(v.Timings.PromptTokens, 0)))
		if known {
			t.queue.Observe(v.Timings.QueueMS / 1e3)
			t.compute.Observe(v.Timings.ModelMS / 1e3)
		}
	}
}

func (s *stats) timesOf(model string) (modelTimes, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.times[model]
	if !ok && len(s.times) < maxCounted {
		// From a small guard on a GPU to a text of many windows on a small CPU.
		bounds := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120}
		t, ok = modelTimes{tally.NewHistogram(bounds...), tally.NewHistogram(bounds...)}, true
		s.times[model] = t
	}
	return t, ok
}
