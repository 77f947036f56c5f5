package auth

import (
	"container/list"
	"time"
)

const (
	// maxCounters bounds the memory of all counters of one kind: 2^16 of about 200 bytes are 13 MiB.
	maxCounters = 1 << 16
	// maxDelayed of them are held for those that have used up their free tries. Counters that have nothing to lose make room
	// for each other and never for these.
	maxDelayed = maxCounters / 2
)

type counterKey [16]byte

// counter is what is known of one name, device or address. Times are durations since the throttle's start.
type counter struct {
	key      counterKey
	failures int
	running  int
	began    time.Duration // of the first failure
	next     time.Duration // no try before
	last     time.Duration // failure, or first try
}

// delay answers how long the next try waits for the failures so far.
func (c *counter) delay(now time.Duration) time.Duration {
	if c == nil || c.failures < freeTries {
		return 0
	}
	return max(c.next-now, 0)
}

// busyDelay is delay with the tries under way taken for failures.
func (c *counter) busyDelay(now time.Duration) time.Duration {
	switch {
	case c == nil || c.failures+c.running < freeTries:
		return 0
	case c.running > 0:
		return delayAfter(c.failures + c.running)
	}
	return c.delay(now)
}

// full answers how long an address waits that got too much wrong in its span.
func (c *counter) full(now time.Duration) time.Duration {
	if c == nil || c.failures+c.running < addressTries {
		return 0
	}
	return max(c.began+addressSpan-now, firstDelay)
}

// counters is a bounded set in which the oldest failure goes first, apart for counters with free tries left and without.
type counters struct {
	of            map[counterKey]*list.Element
	free, delayed *list.List
	forgotten     func(c *counter, now time.Duration) bool
}

func newCounters(forgotten func(c *counter, now time.Duration) bool) *counters {
	return &counters{of: map[counterKey]*list.Element{}, free: list.New(), delayed: list.New(), forgotten: forgotten}
}

// quiet says that a name or a device had no failure for long enough.
func quiet(c *counter, now time.Duration) bool { return now-c.last >= forgetAfter }

// spanOver says that an address may get things wrong again.
func spanOver(c *counter, now time.Duration) bool { return now-c.began >= addressSpan }

// look answers the counter, nil if there is none or its failures are forgotten.
func (s *counters) look(k counterKey, now time.Duration) *counter {
	e := s.of[k]
	if e == nil {
		return nil
	}
	c, _ := e.Value.(*counter) // nothing else is ever put in
	if s.forgotten(c, now) {
		c.failures = 0
	}
	if c.failures == 0 && c.running == 0 {
		s.clear(k)
		return nil
	}
	return c
}

// enter notes a try under way.
func (s *counters) enter(k counterKey, now time.Duration) {
	c := s.look(k, now)
	if c == nil {
		c = s.add(k, now)
	}
	c.running++
}

// leave ends a try; failed counts it.
func (s *counters) leave(k counterKey, now time.Duration, failed bool) {
	c := s.look(k, now)
	switch {
	case c == nil && !failed:
		return
	case c == nil: // it made room for others meanwhile
		c = s.add(k, now)
	default:
		c.running = max(c.running-1, 0)
	}
	if failed {
		c.fail(now)
		s.place(c)
	}
	if c.failures == 0 && c.running == 0 {
		s.clear(k)
	}
}

func (c *counter) fail(now time.Duration) {
	if c.failures == 0 {
		c.began = now
	}
	c.failures++
	c.last, c.next = now, now+delayAfter(c.failures)
}

func (s *counters) add(k counterKey, now time.Duration) *counter {
	c := &counter{key: k, last: now, began: now}
	s.of[k] = s.free.PushBack(c)
	s.bound(s.free, maxCounters-maxDelayed)
	return c
}

// place moves c to the young end of the list it belongs to.
func (s *counters) place(c *counter) {
	e := s.of[c.key]
	if c.failures < freeTries {
		s.free.MoveToBack(e)
		return
	}
	s.free.Remove(e) // does nothing to an element of the other list
	s.delayed.Remove(e)
	s.of[c.key] = s.delayed.PushBack(c)
	s.bound(s.delayed, maxDelayed)
}

func (s *counters) bound(l *list.List, most int) {
	for l.Len() > most {
		c, _ := l.Front().Value.(*counter) // nothing else is ever put in
		s.clear(c.key)
	}
}

func (s *counters) clear(k counterKey) {
	if e := s.of[k]; e != nil {
		s.free.Remove(e)
		s.delayed.Remove(e)
		delete(s.of, k)
	}
}
