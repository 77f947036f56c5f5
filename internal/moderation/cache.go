package moderation

import (
	"slices"
	"sync"
	"time"
)

// CacheStats is how the verdict cache does since the start. Entries is how many verdicts it holds now.
type CacheStats struct {
	Hits, Misses uint64
	Entries      int
}

// cache remembers verdicts for a while, least recently used first out. It decides nothing: whoever asks has passed the
// gate, and every answer from it is recorded as a fresh one. It holds no text, no name and no pointer: about 270 bytes a
// verdict, its index included.
type cache struct {
	keys  *cacheKeys
	ttl   time.Duration
	limit int
	began time.Time // ages are counted from here, so that a clock that is set back makes nothing younger

	mu           sync.Mutex
	at           map[cacheKey]int32
	kept         []kept // kept[0] is the ring's head: behind it the newest, before it the oldest
	hits, misses uint64
}

// kept is one remembered verdict and its place in the ring.
type kept struct {
	key                       cacheKey
	until                     time.Duration
	scores                    Scores
	windows, decided          int32
	behind, before            int32
	categories                uint16 // one bit each, in card order
	severity, action, refusal uint8
}

// newCache answers nil, which remembers nothing, without a key. One without room remembers nothing until it is given some.
func newCache(now time.Time, t Tuning, secret []byte) *cache {
	if len(secret) == 0 {
		return nil
	}
	return &cache{
		keys: newCacheKeys(secret), ttl: t.CacheTTL, limit: max(t.CacheEntries, 0), began: now,
		at: map[cacheKey]int32{}, kept: make([]kept, 1),
	}
}

// find answers a remembered verdict that is not too old.
func (c *cache) find(key cacheKey, now time.Time) (outcome, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.at[key]
	if !ok || now.Sub(c.began) >= c.kept[i].until {
		c.misses++
		return outcome{}, false
	}
	c.hits++
	c.unlink(i)
	c.link(i)
	return c.kept[i].outcome(), true
}

// put remembers o until its time is over. A verdict of doubt is not remembered: the model is asked again.
func (c *cache) put(key cacheKey, o outcome, now time.Time) {
	k, ok := keep(o)
	if !ok {
		return
	}
	k.key = key
	c.mu.Lock()
	defer c.mu.Unlock()
	k.until = now.Sub(c.began) + c.ttl
	i, known := c.at[key]
	switch {
	case c.limit == 0: // it was closed meanwhile
		return
	case known:
		c.unlink(i)
	case len(c.at) < c.limit:
		i = int32(len(c.kept))
		c.kept = append(c.kept, kept{})
	default:
		i = c.kept[0].before
		c.unlink(i)
		delete(c.at, c.kept[i].key)
	}
	c.at[key], c.kept[i] = i, k
	c.link(i)
}

// unlink takes an entry out of the ring.
func (c *cache) unlink(i int32) {
	k := &c.kept[i]
	c.kept[k.behind].before, c.kept[k.before].behind = k.before, k.behind
}

// link puts an entry right behind the head.
func (c *cache) link(i int32) {
	next := c.kept[0].behind
	c.kept[i].before, c.kept[i].behind = 0, next
	c.kept[0].behind, c.kept[next].before = i, i
}

func (c *cache) stats() CacheStats {
	if c == nil {
		return CacheStats{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return CacheStats{Hits: c.hits, Misses: c.misses, Entries: len(c.at)}
}

// What kept.refusal says of a judged response.
const (
	noRefusal uint8 = iota // none was judged
	complied
	refused
)

// keep packs a verdict. It refuses one of doubt, and anything that it could not give back as it was.
func keep(o outcome) (kept, bool) {
	k := kept{
		scores: o.scores, windows: int32(min(o.windows, 1<<30)), decided: int32(min(o.decided, 1<<30)),
		severity: uint8(severityRank(o.severity)), action: uint8(actionRank(o.action)),
	}
	for i, name := range categories() {
		for _, named := range o.categories {
			if named == name {
				k.categories |= 1 << i
			}
		}
	}
	if o.refusal != nil {
		k.refusal = complied
		if *o.refusal {
			k.refusal = refused
		}
	}
	again := k.outcome()
	same := again.severity == o.severity && again.action == o.action && slices.Equal(again.categories, o.categories)
	return k, same && !o.doubt
}

// outcome answers the verdict with nothing of what it cost: this time it cost nothing.
func (k kept) outcome() outcome {
	o := outcome{action: [...]string{Allow, Review, Block}[k.action], windows: int(k.windows), decided: int(k.decided)}
	o.severity, o.scores, o.categories = severities()[k.severity], k.scores, []string{}
	if k.categories != 0 {
		for i, name := range categories() {
			if k.categories&(1<<i) != 0 {
				o.categories = append(o.categories, name)
			}
		}
	}
	if k.refusal != noRefusal {
		is := k.refusal == refused
		o.refusal = &is
	}
	return o
}
