package moderation

import (
	"time"

	"guardhouse/internal/catalog"
)

// recalled is what the cache said of one input.
type recalled struct {
	key   cacheKey
	asked bool
	hit   bool
}

// recall fills the items that the cache knows and answers whether it knew all. It runs behind the gate, and for a model
// that may judge now: who gets no fresh verdict gets no old one.
func (j *job) recall(m catalog.Model, l *loaded, inputs []Input) (all bool) {
	j.items, j.totals, j.known = make([]outcome, len(inputs)), make([]time.Duration, len(inputs)), make([]recalled, len(inputs))
	c := j.s.cache
	if !c.open() || j.reference || j.fresh { // what is compared must be computed
		return false
	}
	in := keyScope{
		owner: cacheOwner(j.pass.Principal(), j.tuning.CacheShareServices), model: m.SHA256, template: m.TemplateSHA256,
		policyVersion: j.pass.PolicyVersion(), mode: j.mode, runtime: j.runtime,
	}
	all = true
	for i := range inputs {
		now, k := j.s.o.Now(), &j.known[i]
		k.key, k.asked = c.keys.of(in, inputs[i].Messages, l.guard.Prompt.Normalize), true
		if j.items[i], k.hit = c.find(k.key, now); k.hit {
			j.totals[i] = now.Sub(j.start)
		}
		all = all && k.hit
	}
	return all
}

// remember keeps the verdicts that the model gave. It runs when their rows are durable: what nobody was answered is not kept.
func (j *job) remember() {
	c := j.s.cache
	if c == nil || j.reference || j.fresh {
		return
	}
	now := j.s.o.Now()
	for i, k := range j.known {
		if k.asked && !k.hit {
			c.put(k.key, j.items[i], now)
		}
	}
}

// CacheStats answers how the verdict cache does.
func (s *Service) CacheStats() CacheStats { return s.cache.stats() }
