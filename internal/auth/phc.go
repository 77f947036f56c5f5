package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is what one hash takes. Bounds on reading stop a stored string from asking for more than a machine has.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

const (
	saltSize  = 16
	tagSize   = 32
	maxMemory = 1 << 20 // KiB: 1 GiB
	maxTime   = 64
	// leastPerLane KiB is what argon2 needs at the least.
	leastPerLane = 8
)

// standardCost: 64 MiB, three passes, one lane (threats.md section 3).
func standardCost() cost { return cost{memory: 64 << 10, time: 3, threads: 1} }

var errHashFormat = errors.New("stored password hash has another format")

// hash answers a PHC string for password under a new salt.
func (c cost) hash(password string) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	return c.encode(salt, c.tag(password, salt, tagSize)), nil
}

func (c cost) tag(password string, salt []byte, size uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.threads, size)
}

func (c cost) encode(salt, tag []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.threads,
		b64.EncodeToString(salt), b64.EncodeToString(tag))
}

// verify reports whether password made the PHC string, and what checking it cost.
func verify(phc, password string) (ok bool, paid cost, err error) {
	stored, salt, tag, err := parsePHC(phc)
	if err != nil {
		return false, cost{}, err
	}
	got := stored.tag(password, salt, tagSize)
	return subtle.ConstantTimeCompare(got, tag) == 1, stored, nil
}

// below says whether a hash of this cost has to be raised to target.
func (c cost) below(target cost) bool { return c.memory < target.memory || c.time < target.time }

// work is how many KiB are passed over: what a hash takes on one machine is in proportion to it.
func (c cost) work() int64 { return int64(c.memory) * int64(c.time) }

// minus answers a cost whose memory passes are those that c has over old.
func (c cost) minus(old cost) (rest cost, left bool) {
	due := c.work() - old.work()
	if due <= 0 {
		return cost{}, false
	}
	passes := (due + int64(c.memory) - 1) / int64(c.memory)
	memory := max(due/passes, leastPerLane*int64(c.threads))
	return cost{memory: uint32(memory), time: uint32(passes), threads: c.threads}, true
}

func parsePHC(phc string) (c cost, salt, tag []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost{}, nil, nil, errHashFormat
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); err != nil {
		return cost{}, nil, nil, errHashFormat
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, saltErr := b64.DecodeString(parts[4])
	tag, tagErr := b64.DecodeString(parts[5])
	tooMuch := c.memory > maxMemory || c.time > maxTime || c.memory < leastPerLane*uint32(c.threads)
	if saltErr != nil || tagErr != nil || len(salt) < 8 || len(tag) != tagSize || c.time == 0 || c.threads == 0 || tooMuch {
		return cost{}, nil, nil, errHashFormat
	}
	// Writing it back must give the same text: one stored form, no trailing text, no sign or leading zero.
	if c.encode(salt, tag) != phc {
		return cost{}, nil, nil, errHashFormat
	}
	return c, salt, tag, nil
}
