package moderation

import "time"

// Tuning is what may change while the service judges. A request works with the one that was in force when it began.
type Tuning struct {
	Mode           string // strict or loose: the reading of a request that names none
	MaxInputTokens int
	Deadline       time.Duration // from a request's start to its answer; 0 = none
	CacheEntries   int           // verdicts that are remembered; 0 = none
	CacheTTL       time.Duration
	// CacheShareServices makes all service accounts one owner of remembered verdicts.
	CacheShareServices bool
}

// Tune has t in force for every request that begins from now on. What is remembered keeps its place as far as the new
// bounds have room for it: a verdict never outlives the shorter of the times that were in force since it was given.
func (s *Service) Tune(t Tuning) {
	t.fill()
	s.tuning.Store(&t)
	s.cache.bound(t.CacheEntries, t.CacheTTL, s.o.Now())
}

// tuning answers the part of the options that Tune changes.
func (o Options) tuning() Tuning {
	t := Tuning{
		Mode: o.Mode, MaxInputTokens: o.MaxInputTokens, Deadline: o.Deadline,
		CacheEntries: o.CacheEntries, CacheTTL: o.CacheTTL, CacheShareServices: o.CacheShareServices,
	}
	t.fill()
	return t
}

func (t *Tuning) fill() {
	if t.Mode == "" {
		t.Mode = Strict
	}
	if t.MaxInputTokens <= 0 {
		t.MaxInputTokens = defaultMaxInput
	}
	if t.CacheTTL <= 0 {
		t.CacheTTL = defaultCacheTTL
	}
}

// bound gives the cache other bounds. What is forgotten is what was not used for longest; its memory is given back.
func (c *cache) bound(limit int, ttl time.Duration, now time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	limit = max(limit, 0)
	if ttl == c.ttl && limit >= len(c.at) {
		c.limit = limit
		return
	}
	shorter := min(0, ttl-c.ttl)
	c.limit, c.ttl = limit, ttl
	age := now.Sub(c.began)
	old := c.kept
	c.at, c.kept = map[cacheKey]int32{}, make([]kept, 1)
	for i := old[0].behind; i != 0 && len(c.at) < limit; i = old[i].behind { // from the newest on
		k := old[i]
		if k.until += shorter; k.until <= age {
			continue
		}
		n := int32(len(c.kept))
		c.kept, c.at[k.key] = append(c.kept, k), n
		c.linkLast(n)
	}
}

// linkLast puts an entry right before the head: the first to be forgotten.
func (c *cache) linkLast(i int32) {
	last := c.kept[0].before
	c.kept[i].behind, c.kept[i].before = 0, last
	c.kept[0].before, c.kept[last].behind = i, i
}

// open says whether there is room for anything.
func (c *cache) open() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit > 0
}
