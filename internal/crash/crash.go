// Package crash finds out whose payload ended the process. The worker writes what it hands to native code into memory that it
// shares with its parent, the parent reads what stood there when the worker died, and tells the next worker who has to run alone
// and who may not run at all (ADR 0050). Neither side keeps content: payloads and principals are digests under a key of one start.
package crash

import (
	"crypto/hmac"
	"crypto/sha256"
	"time"
)

const (
	// Window is how long a crash is held against those who were there, and how long a principal is stopped.
	Window = 10 * time.Minute
	// mostAlone is how often a payload may end the worker while it runs alone before it is refused.
	mostAlone = 2
	// mostOfOne is how many crashes in Window stop a principal.
	mostOfOne = 3
)

// Digest stands for a payload or a principal. It means nothing outside one start of the parent.
type Digest [sha256.Size]byte

// Pair is a payload and whose it was.
type Pair struct{ Payload, Principal Digest }

// Suspect is a pair that ran when the worker died.
type Suspect struct {
	Pair
	Until time.Time
}

// Stop is a principal whose payloads run no more for a time.
type Stop struct {
	Principal Digest
	Until     time.Time
}

// Verdicts are what a worker has to know of those before it.
type Verdicts struct {
	Key      []byte    // of the digests
	Suspects []Suspect // run alone
	Refused  []Digest  // payloads that never run again
	Stopped  []Stop
}

func (v *Verdicts) payload(p [32]byte) Digest       { return v.digest("payload", p[:]) }
func (v *Verdicts) principal(account string) Digest { return v.digest("principal", []byte(account)) }

func (v *Verdicts) digest(kind string, data []byte) (d Digest) {
	h := hmac.New(sha256.New, v.Key)
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write(data)
	copy(d[:], h.Sum(nil))
	return d
}
