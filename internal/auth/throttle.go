package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"guardhouse/internal/fault"
)

const (
	// freeTries: what a person mistypes on a bad day. From the fifth failure on each further try waits twice as long as the
	// one before, from a second to a quarter of an hour: four tries an hour, 35,000 a year, against a password that is on no
	// list of common ones.
	freeTries  = 5
	firstDelay = time.Second
	maxDelay   = 15 * time.Minute
	// forgetAfter a quiet day a counter starts anew.
	forgetAfter = 24 * time.Hour
	// addressTries in an addressSpan is what one address may get wrong over all names that don't know it.
	addressTries = 100
	addressSpan  = time.Hour
)

// source says which counters a try is held against.
type source struct {
	tries    counterKey // the name's, or that of a device the user is known on
	address  counterKey // not looked at for a known device
	stranger bool
	place    place
}

// outcome of a try that was let through.
type outcome int

const (
	untold outcome = iota // nothing was checked: nothing is counted
	wrong
	right
)

// throttle makes whoever guesses passwords wait. It holds no name and no address, only keyed hashes under a key that dies
// with the process. Nobody is locked out: a delay ends, and a device that the user has signed in from before has counters
// of its own (docs/adr/0019).
type throttle struct {
	key   []byte
	start time.Time

	mu        sync.Mutex
	tries     *counters
	addresses *counters
}

func newThrottle(now time.Time) (*throttle, error) {
	key := make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "no random bytes for the sign-in throttle")
	}
	return &throttle{key: key, start: now, tries: newCounters(quiet), addresses: newCounters(spanOver)}, nil
}

// keyOf names a counter: kind keeps uses apart, the length keeps parts apart, which are names and ids.
func (t *throttle) keyOf(kind byte, parts ...string) (k counterKey) {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte{kind})
	for _, p := range parts {
		mac.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		mac.Write([]byte(p))
	}
	copy(k[:], mac.Sum(nil))
	return k
}

// since is the process's own clock: setting the machine's changes no delay.
func (t *throttle) since(now time.Time) time.Duration { return now.Sub(t.start) }

// wait answers how long src has to wait before its next try, 0 if it may try now. Tries under way are not looked at, so
// that several good ones may queue at once; begin does that.
func (t *throttle) wait(src source, at time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.since(at)
	wait := t.tries.look(src.tries, now).delay(now)
	if src.stranger {
		wait = max(wait, t.addresses.look(src.address, now).full(now))
	}
	return wait
}

// begin lets a try through, or answers how long it has to wait. A try under way counts as a failure until it ends: a
// thousand at once are no more guesses than a thousand one after the other. Every try let through is ended once.
func (t *throttle) begin(src source, at time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.since(at)
	wait := t.tries.look(src.tries, now).busyDelay(now)
	if src.stranger {
		wait = max(wait, t.addresses.look(src.address, now).full(now))
	}
	if wait > 0 {
		return wait
	}
	t.tries.enter(src.tries, now)
	if src.stranger {
		t.addresses.enter(src.address, now)
	}
	return 0
}

// end settles a try. A good one clears the counter of the known device it came from; strangers' counters stay, for a
// guesser with an account of his own must not be able to wash an address or a name.
func (t *throttle) end(src source, at time.Time, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.since(at)
	t.tries.leave(src.tries, now, o == wrong)
	switch {
	case src.stranger:
		t.addresses.leave(src.address, now, o == wrong)
	case o == right:
		t.tries.clear(src.tries)
	}
}

// charge counts a failure of an address that cost no hash, or answers how long the address has to wait.
func (t *throttle) charge(address counterKey, at time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.since(at)
	if wait := t.addresses.look(address, now).full(now); wait > 0 {
		return wait
	}
	t.addresses.enter(address, now)
	t.addresses.leave(address, now, true)
	return 0
}

// tooOften is the one answer inside a delay, whoever is asked for.
func tooOften(wait time.Duration) error {
	return fault.New(fault.RateLimited, "Too many attempts. Wait a moment, then try again.").WithRetry(wait)
}

// delayAfter answers how long the try after so many failures waits.
func delayAfter(failures int) time.Duration {
	if failures < freeTries {
		return 0
	}
	const doublings = 10 // 2^10 seconds are more than maxDelay
	return min(firstDelay<<min(failures-freeTries, doublings), maxDelay)
}
