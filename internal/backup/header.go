package backup

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/argon2"

	"guardhouse/internal/fault"
)

// The header, 104 bytes, stands in front of the chunks in the clear and is part of what each chunk authenticates:
//
//	 0  magic, 8 bytes                 20  salt, 32
//	 8  version, 1                     52  id of the key file, 8; zero with a passphrase
//	 9  kind of key, 1                 60  first 7 bytes of every nonce
//	10  argon2id: lanes, 1             67  zero, 5
//	11  zero, 1                        72  HMAC-SHA-256 of the 72 bytes before, 32
//	12  argon2id: KiB, 4
//	16  argon2id: passes, 4
const (
	magic       = "GHBACKUP"
	version     = 1
	headerSize  = 104
	signedSize  = 72
	saltAt      = 20
	keyIDAt     = 52
	prefixAt    = 60
	prefixEnd   = 67
	saltSize    = 32
	keySize     = 32
	prefixSize  = prefixEnd - prefixAt
	keyIDSize   = prefixAt - keyIDAt
	kindKeyFile = 1
	kindPhrase  = 2
)

// cost is what one guess of a passphrase takes.
type cost struct {
	memory, time uint32 // KiB, passes
	lanes        uint8
}

// standardCost: 256 MiB and three passes, about a second. An archive lies about for years where its thief has all the time.
func standardCost() cost { return cost{memory: 256 << 10, time: 3, lanes: 1} }

// bounded refuses what a header must not make us do before we know who wrote it: 1 GiB, 16 passes.
func (c cost) bounded() bool {
	return c.lanes >= 1 && c.lanes <= 16 && c.time >= 1 && c.time <= 16 && c.memory >= 8*uint32(c.lanes) && c.memory <= 1<<20
}

type header [headerSize]byte

// newHeader answers a header with fresh random values, and the key of its chunks.
func newHeader(k Key) (h header, chunkKey []byte, err error) {
	copy(h[:], magic)
	h[8] = version
	random := make([]byte, saltSize+prefixSize)
	if _, err := rand.Read(random); err != nil {
		return h, nil, fault.Wrap(err, fault.Internal, "no random bytes for an archive")
	}
	copy(h[saltAt:keyIDAt], random)
	copy(h[prefixAt:prefixEnd], random[saltSize:])
	if k.file != nil {
		h[9] = kindKeyFile
		copy(h[keyIDAt:prefixAt], keyID(k.file))
	} else {
		h[9], h[10] = kindPhrase, k.cost.lanes
		binary.BigEndian.PutUint32(h[12:], k.cost.memory)
		binary.BigEndian.PutUint32(h[16:], k.cost.time)
	}
	chunkKey, mac, err := h.derive(k)
	if err != nil {
		return h, nil, err
	}
	copy(h[signedSize:], mac)
	return h, chunkKey, nil
}

// open checks the header against the key and answers the key of the chunks. It refuses what is no archive of a version we
// know, another key than the one that made it, and costs that nobody should have to pay.
func (h *header) open(k Key) (chunkKey []byte, err error) {
	if string(h[:len(magic)]) != magic {
		return nil, fault.New(fault.Invalid, "the file isn't a guardhouse backup")
	}
	if h[8] != version {
		return nil, fault.Newf(fault.Invalid, "the archive has format %d and this binary knows %d: use the newer binary", h[8], version)
	}
	switch kind := h[9]; {
	case kind != kindKeyFile && kind != kindPhrase:
		return nil, errDamaged(nil)
	case kind == kindKeyFile && k.file == nil:
		return nil, fault.New(fault.Invalid, "the archive was made with a key file: give it with --key-file")
	case kind == kindPhrase && k.file != nil:
		return nil, fault.New(fault.Invalid, "the archive was made with a passphrase: give it with --passphrase-stdin")
	case kind == kindKeyFile && subtle.ConstantTimeCompare(h[keyIDAt:prefixAt], keyID(k.file)) != 1:
		return nil, fault.New(fault.Invalid, "the archive was made with another key file")
	case kind == kindPhrase:
		k.cost = cost{lanes: h[10], memory: binary.BigEndian.Uint32(h[12:]), time: binary.BigEndian.Uint32(h[16:])}
		if !k.cost.bounded() {
			return nil, errDamaged(nil)
		}
	}
	chunkKey, mac, err := h.derive(k)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, h[signedSize:]) {
		if k.file == nil {
			return nil, fault.New(fault.Invalid, "the passphrase is wrong, or the archive was changed")
		}
		return nil, errDamaged(nil)
	}
	return chunkKey, nil
}

// derive answers the key of the chunks and the header's code. The salt makes both this archive's own, so that one key file may
// serve many archives and no nonce is ever used twice under one key.
func (h *header) derive(k Key) (chunkKey, mac []byte, err error) {
	secret, salt := k.file, h[saltAt:keyIDAt]
	if secret == nil {
		secret = argon2.IDKey(k.phrase, salt, k.cost.time, k.cost.memory, k.cost.lanes, keySize)
	}
	const info = "guardhouse/backup/1"
	both, err := hkdf.Key(sha256.New, secret, salt, info, 2*keySize)
	if err != nil {
		return nil, nil, fmt.Errorf("deriving the archive's key: %w", err)
	}
	sum := hmac.New(sha256.New, both[keySize:])
	sum.Write(h[:signedSize])
	return both[:keySize], sum.Sum(nil), nil
}

// id is the name of the archive in audit rows.
func (h *header) id() string { return hex.EncodeToString(h[saltAt : saltAt+8]) }

// keyID names a key without giving any of it away.
func keyID(key []byte) []byte {
	sum := sha256.Sum256(append([]byte("guardhouse/backup/key-id\x00"), key...))
	return sum[:keyIDSize]
}
