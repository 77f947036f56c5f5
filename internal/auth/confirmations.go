package auth

import (
	"sync"
	"time"
)

const (
	// formerFor is how long the cookie before a confirmation still shows its session: other tabs have requests under way.
	// Such a request is never a confirmed one.
	formerFor = 10 * time.Second
	// maxConfirmations bounds the memory; past it the ones that end first go, and are asked again.
	maxConfirmations = 1 << 12
)

// confirmations remembers which sessions were confirmed, in memory alone: after a restart the password is typed once more.
// They are bound to the session's id, so whatever ends the session ends them.
type confirmations struct {
	mu sync.Mutex
	of map[string]confirmation // by session id
	// before names the sessions of the cookies that were replaced, by the cookie's hash.
	before map[string]formerCookie
}

type confirmation struct{ at time.Time }

type formerCookie struct {
	session string
	at      time.Time
}

// lasts says that now is in the span after at. A clock that was set back lends no time.
func lasts(at, now time.Time, span time.Duration) bool {
	return !now.Before(at) && now.Before(at.Add(span))
}

// add notes a confirmation and answers its end.
func (c *confirmations) add(session, formerHash string, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of, c.before = map[string]confirmation{}, map[string]formerCookie{}
	}
	c.sweep(now)
	c.of[session] = confirmation{now}
	c.before[formerHash] = formerCookie{session, now}
	return now.Add(confirmFor)
}

// sweep drops what is over, and all if that is not enough.
func (c *confirmations) sweep(now time.Time) {
	if len(c.of) < maxConfirmations && len(c.before) < maxConfirmations {
		return
	}
	for id, v := range c.of {
		if !lasts(v.at, now, confirmFor) {
			delete(c.of, id)
		}
	}
	for hash, v := range c.before {
		if !lasts(v.at, now, formerFor) {
			delete(c.before, hash)
		}
	}
	if len(c.of) >= maxConfirmations || len(c.before) >= maxConfirmations {
		clear(c.of)
		clear(c.before)
	}
}

func (c *confirmations) holds(session string, now time.Time) bool {
	return !c.until(session, now).IsZero()
}

func (c *confirmations) until(session string, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.of[session]
	if !ok || !lasts(v.at, now, confirmFor) {
		return time.Time{}
	}
	return v.at.Add(confirmFor)
}

// former answers the session that the cookie with this hash showed until a moment ago, "" for none.
func (c *confirmations) former(hash string, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.before[hash]
	if !ok || !lasts(v.at, now, formerFor) {
		return ""
	}
	return v.session
}

// forget ends a confirmation.
func (c *confirmations) forget(session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, session)
}
