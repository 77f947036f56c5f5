package limit

import (
	"context"
	"time"

	"guardhouse/internal/fault"
)

// State is what has to outlive the process. It holds hashes in place of names where a rate is concerned.
type State struct {
	At       time.Time
	Buckets  []SavedBucket
	Counters []SavedCounter
}

// SavedBucket is a rate's bucket. Key is its stable name, Debt how long it was from full at State.At.
type SavedBucket struct {
	Scope Scope
	Key   [16]byte
	Debt  time.Duration
}

// SavedCounter is a quota's count; all fields but the last two are its key. Start is the period's first moment.
type SavedCounter struct {
	Scope Scope
	Of    string
	Unit  Unit
	Span  Span
	Start time.Time
	Used  int64
	Held  int64
}

// Saver writes what Save hands it: State's buckets in place of all that are stored, of its counters each in place of
// the stored one of the same key, but for Used, of which the larger stays: a table that was full may have forgotten a count and
// begun it anew. A Limiter waits for nothing but its own lock while one runs.
type Saver func(context.Context, State) error

// Save hands to save the buckets that are more than longer from full and the counters that changed since the last Save
// that succeeded; after a failure they are handed over again. A restart of a moment forgets no rate that longer leaves out
// but by that much. What changed after the last Save is lost in a crash. One Save runs at a time, and only in the process that
// serves: two would store older counts over newer ones. Each scope is taken as it stands at one moment, one after the other, so
// that nobody waits for all of them.
func (l *Limiter) Save(ctx context.Context, now time.Time, longer time.Duration, save Saver) error {
	state, names := l.snapshot(now, longer)
	err := save(ctx, state)
	if err != nil {
		l.unsave(names)
	}
	return err
}

// snapshot answers the state, and marks its counters as saved.
func (l *Limiter) snapshot(now time.Time, longer time.Duration) (State, []countName) {
	s := State{At: now}
	var names []countName
	at := l.ownTime(now)
	for i := range scopes {
		names = append(names, l.snapshotScope(&s, Scope(i), at, max(0, longer))...)
	}
	return s, names
}

// ownTime takes the own clock to now and answers it.
func (l *Limiter) ownTime(now time.Time) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.advance(now).at
}

// snapshotScope adds one scope, as of the own time at, and answers the counters that it marked as saved. What was charged
// after at may be further from full than any rate can be, which no Load would take.
func (l *Limiter) snapshotScope(s *State, by Scope, at int64, longer time.Duration) []countName {
	l.mu.Lock()
	defer l.mu.Unlock()
	at = min(at, l.clock.at) // the clock may have started over
	for j := range l.rates[by].entries {
		e := &l.rates[by].entries[j]
		if d := e.val.of(at).up(); d > longer {
			s.Buckets = append(s.Buckets, SavedBucket{by, e.key, min(d, MaxPer)})
		}
	}
	var names []countName
	for j := range l.counts[by].entries {
		e := &l.counts[by].entries[j]
		if !e.val.unsaved {
			continue
		}
		e.val.unsaved = false
		names = append(names, e.key)
		s.Counters = append(s.Counters, SavedCounter{e.key.scope, e.key.of, e.key.unit, e.key.span, e.key.start(), e.val.used, e.val.held})
	}
	return names
}

// unsave marks counters as changed.
func (l *Limiter) unsave(names []countName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range names {
		if c := l.counts[n.scope].get(n); c != nil {
			c.unsaved = true
		}
	}
}

// Load takes a stored state over, before the first charge. Time that passed since counts for the buckets, by the wall clock,
// and none where it stands before State.At. What was held counts as used: nobody is left to settle it. Loading twice is
// loading once. It is Invalid, and nothing is loaded, where a row is none that Save hands over.
func (l *Limiter) Load(now time.Time, s State) error {
	if err := s.check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.advance(now).at
	passed := max(0, now.Round(0).Sub(s.At.Round(0))) // Round(0) takes off the monotonic reading
	for _, b := range s.Buckets {
		if left := b.Debt - passed; left > 0 {
			v := l.rates[b.Scope].put(b.Key, at)
			if full := at + int64(left); full > v.full {
				v.full, v.rest = full, 0
			}
		}
	}
	for _, c := range s.Counters {
		l.load(at, now, c)
	}
	return nil
}

// load takes over one counter, unless its period is over.
func (l *Limiter) load(at int64, now time.Time, c SavedCounter) {
	_, ends := c.Span.period(c.Start)
	if ends.Add(time.Duration(grace)).Before(now) {
		return
	}
	over := at + int64(min(ends.Sub(now), maxStep)) + grace
	v := l.counts[c.Scope].put(countName{c.Of, int32(c.Start.Unix() / secondsPerDay), c.Unit, c.Span, c.Scope}, at)
	v.unit = c.Unit
	v.used = max(v.used, add(c.Used, c.Held))
	v.over = max(v.over, over)
	v.unsaved = v.unsaved || c.Held > 0
}

// check is Invalid for a row that Save did not hand over.
func (s State) check() error {
	for _, b := range s.Buckets {
		if !b.Sound() {
			return fault.New(fault.Invalid, "A stored rate is not one that was saved.")
		}
	}
	for _, c := range s.Counters {
		if !c.Sound() {
			return fault.New(fault.Invalid, "A stored count is not one that was saved.")
		}
	}
	return nil
}

// Sound says whether Save could have handed the bucket over.
func (b SavedBucket) Sound() bool { return int(b.Scope) < scopes && b.Debt > 0 && b.Debt <= MaxPer }

// Sound says whether Save could have handed the counter over: its Start is its period's first moment.
func (c SavedCounter) Sound() bool {
	if int(c.Scope) >= scopes || int(c.Unit) >= units || int(c.Span) >= spans || c.Used < 0 || c.Held < 0 {
		return false
	}
	begins, _ := c.Span.period(c.Start)
	return begins.Equal(c.Start)
}
