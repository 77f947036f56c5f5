package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost is what one hash takes. Bounds on reading stop a stored string from asking for more than a machine has.
type Cost struct {
	Memory  uint32 // KiB
	Time    uint32
	Threads uint8
}

const (
	saltSize  = 16
	tagSize   = 32
	maxMemory = 1 << 20 // KiB: 1 GiB
	maxTime   = 64
	// leastPerLane KiB is what argon2 needs at the least.
	leastPerLane = 8
)

// StandardCost is 64 MiB, three passes, one lane (threats.md section 3).
func StandardCost() Cost { return Cost{Memory: 64 << 10, Time: 3, Threads: 1} }

var errHashFormat = errors.New("stored password hash has another format")

// Hash answers a PHC string for password under a new salt.
func (c Cost) Hash(password string) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	return c.encode(salt, c.tag(password, salt, tagSize)), nil
}

// Decoy answers a PHC string of this cost that nobody's password has: checking against it takes as long as against any other.
func (c Cost) Decoy() (string, error) {
	random := make([]byte, saltSize+tagSize)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	return c.encode(random[:saltSize], random[saltSize:]), nil
}

// Spend does the work of one hash and forgets it.
func (c Cost) Spend(password string) { c.tag(password, make([]byte, saltSize), tagSize) }

func (c Cost) tag(password string, salt []byte, size uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Threads, size)
}

func (c Cost) encode(salt, tag []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Threads,
		b64.EncodeToString(salt), b64.EncodeToString(tag))
}

// Verify reports whether password made the PHC string, and what checking it cost.
func Verify(phc, password string) (ok bool, paid Cost, err error) {
	stored, salt, tag, err := parsePHC(phc)
	if err != nil {
		return false, Cost{}, err
	}
	got := stored.tag(password, salt, tagSize)
	return subtle.ConstantTimeCompare(got, tag) == 1, stored, nil
}

// Below says whether a hash of this cost has to be raised to target.
func (c Cost) Below(target Cost) bool { return c.Memory < target.Memory || c.Time < target.Time }

// Work is how many KiB are passed over: what a hash takes on one machine is in proportion to it.
func (c Cost) Work() int64 { return int64(c.Memory) * int64(c.Time) }

// Minus answers a cost whose memory passes are those that c has over old.
func (c Cost) Minus(old Cost) (rest Cost, left bool) {
	due := c.Work() - old.Work()
	if due <= 0 {
		return Cost{}, false
	}
	passes := (due + int64(c.Memory) - 1) / int64(c.Memory)
	memory := max(due/passes, leastPerLane*int64(c.Threads))
	return Cost{Memory: uint32(memory), Time: uint32(passes), Threads: c.Threads}, true
}

func parsePHC(phc string) (c Cost, salt, tag []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Cost{}, nil, nil, errHashFormat
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Time, &c.Threads); err != nil {
		return Cost{}, nil, nil, errHashFormat
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, saltErr := b64.DecodeString(parts[4])
	tag, tagErr := b64.DecodeString(parts[5])
	tooMuch := c.Memory > maxMemory || c.Time > maxTime || c.Memory < leastPerLane*uint32(c.Threads)
	if saltErr != nil || tagErr != nil || len(salt) < 8 || len(tag) != tagSize || c.Time == 0 || c.Threads == 0 || tooMuch {
		return Cost{}, nil, nil, errHashFormat
	}
	// Writing it back must give the same text: one stored form, no trailing text, no sign or leading zero.
	if c.encode(salt, tag) != phc {
		return Cost{}, nil, nil, errHashFormat
	}
	return c, salt, tag, nil
}
