package limit

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// Options bound what a Limiter keeps, per scope. 0 means 1,048,576: where all are live, about 80 MB of buckets and 190 MB of
// counters (BenchmarkMillionPersons).
type Options struct {
	Buckets  int
	Counters int
}

// many is the default bound of a table.
const many = 1 << 20

// Limiter counts. All methods may be called from any goroutine. One lock guards everything, because a charge touches several
// limits at once; a charge holds it for well under a microsecond per claim, and Save
// while it copies one scope.
type Limiter struct {
	mu     sync.Mutex
	clock  clock
	rates  [scopes]*table[bucketName, bucket]
	counts [scopes]*table[countName, counter]
}

// New answers a Limiter that has counted nothing. now is the caller's clock, as in every later call.
func New(now time.Time, o Options) *Limiter {
	if o.Buckets <= 0 {
		o.Buckets = many
	}
	if o.Counters <= 0 {
		o.Counters = many
	}
	l := &Limiter{clock: clock{last: now}}
	for i := range scopes {
		l.rates[i] = newTable[bucketName](o.Buckets, func(b *bucket, at int64) int64 { return int64(b.of(at).up()) })
		l.counts[i] = newTable[countName](o.Counters, (*counter).weight)
	}
	return l
}

// bucketName is a hash, so that what a stranger sends takes no more room than this, and no address or name lies in a store of
// buckets. It stays the same over restarts.
type bucketName [16]byte

// bucket answers the name of the claim's bucket.
func (c *Claim) bucket() (name bucketName) {
	const usual = 160
	b := make([]byte, 0, usual)
	b = append(b, byte(c.Scope))
	b = binary.AppendUvarint(b, uint64(len(c.Policy)))
	b = append(b, c.Policy...)
	b = binary.AppendUvarint(b, uint64(len(c.Of)))
	b = append(b, c.Of...)
	b = binary.AppendVarint(b, c.Rate.N)
	b = binary.AppendVarint(b, int64(c.Rate.Per))
	sum := sha256.Sum256(b)
	copy(name[:], sum[:])
	return name
}

// advance takes the own clock to now and answers the moment. The lock is held.
func (l *Limiter) advance(now time.Time) moment {
	l.clock.advance(now)
	if l.clock.at > far {
		l.startOver()
	}
	return l.clock.moment(now)
}

// startOver sets the own clock to 0 and moves everything with it. It takes decades, or a clock set a hundred times.
func (l *Limiter) startOver() {
	back := l.clock.at
	l.clock.at = 0
	for i := range scopes {
		for j := range l.rates[i].entries {
			l.rates[i].entries[j].val.full -= back
		}
		for j := range l.counts[i].entries {
			l.counts[i].entries[j].val.over -= back
		}
	}
}

// Stats says how full the tables are, for metrics.
type Stats struct {
	Buckets, Counters int    // kept now, over all scopes
	Forgotten         uint64 // live ones that had to go because a table was full
}

// Stats answers how full the tables are.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	var s Stats
	for i := range scopes {
		s.Buckets += len(l.rates[i].entries)
		s.Counters += len(l.counts[i].entries)
		s.Forgotten += l.rates[i].evicted + l.counts[i].evicted
	}
	return s
}
