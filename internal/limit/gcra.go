package limit

import (
	"math"
	"math/bits"
	"time"
)

// bucket is GCRA's state: the own time at which it is full again, in whole nanoseconds and rest/N of one more. The rate is
// not in it: it is part of the bucket's name.
type bucket struct {
	full int64
	rest uint32
}

// debt is how far a bucket is from full: ns + rest/N nanoseconds. All sums below are exact.
type debt struct {
	ns   int64
	rest uint32
}

// of answers the bucket's debt at the own time at.
func (b bucket) of(at int64) debt {
	if b.full < at || (b.full == at && b.rest == 0) {
		return debt{}
	}
	return debt{b.full - at, b.rest}
}

// cost answers what n take: n × Per / N. n is at most N.
func (r Rate) cost(n int64) debt {
	hi, lo := bits.Mul64(uint64(n), uint64(r.Per))
	ns, rest := bits.Div64(hi, lo, uint64(r.N)) // n ≤ N, so the result is at most Per
	return debt{int64(ns), uint32(rest)}
}

// plus answers the sum of two debts of the rate.
func (r Rate) plus(a, b debt) debt {
	ns, rest := a.ns+b.ns, uint64(a.rest)+uint64(b.rest)
	if rest >= uint64(r.N) {
		ns, rest = ns+1, rest-uint64(r.N)
	}
	return debt{ns, uint32(rest)}
}

// up answers d in nanoseconds, rounded up.
func (d debt) up() time.Duration {
	if d.rest > 0 {
		return time.Duration(d.ns + 1)
	}
	return time.Duration(d.ns)
}

// wait answers how long until n more fit, 0 if they fit now, never if they are more than N. It is not below what is needed
// and less than 1 ns above.
func (r Rate) wait(d debt, n int64) time.Duration {
	if n > r.N {
		return never
	}
	return max(0, r.plus(d, r.cost(n)).up()-r.Per)
}

// remaining answers how many fit now: the whole part of (Per − debt) × N / Per.
func (r Rate) remaining(d debt) int64 {
	if d.up() >= r.Per {
		return 0
	}
	hi, lo := bits.Mul64(uint64(int64(r.Per)-d.ns), uint64(r.N))
	lo, borrow := bits.Sub64(lo, uint64(d.rest), 0)
	n, _ := bits.Div64(hi-borrow, lo, uint64(r.Per)) // the room is at most Per, so the result is at most N
	return int64(n)
}

// never is the wait for what will not fit however long one waits.
const never = time.Duration(math.MaxInt64)
