package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
)

// An API key is gh_ + id (10) + secret (43) + check (6): 62 characters, one word for a double click, and a form that
// scanners for leaked secrets can recognise by its checksum.
const (
	keyPrefix    = "gh_"
	keyRowPrefix = "key_"
	keyIDLen     = 10
	keySecret    = 32 // random bytes
	secretLen    = 43 // 62^43 > 2^256
	checkLen     = 6  // 62^6 > 2^32
	keyLen       = len(keyPrefix) + keyIDLen + secretLen + checkLen

	base62   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idLetter = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// newAPIKey answers the id of a key's row and the key itself.
func newAPIKey() (rowID, key string, err error) {
	id := make([]byte, keyIDLen)
	for i := range id {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(idLetter))))
		if err != nil {
			return "", "", fmt.Errorf("making a key's id: %w", err)
		}
		id[i] = idLetter[n.Int64()]
	}
	secret := make([]byte, keySecret)
	if _, err := rand.Read(secret); err != nil {
		return "", "", fmt.Errorf("making a key's secret: %w", err)
	}
	body := keyPrefix + string(id) + encode62(secret, secretLen)
	return keyRowPrefix + string(id), body + checksum(body), nil
}

// parseAPIKey answers the row id in key. It refuses another length, other characters and a wrong checksum, so that a
// mistyped key costs no look-up.
func parseAPIKey(key string) (rowID string, ok bool) {
	if len(key) != keyLen || !strings.HasPrefix(key, keyPrefix) {
		return "", false
	}
	id := key[len(keyPrefix) : len(keyPrefix)+keyIDLen]
	body := key[:keyLen-checkLen]
	for i := range len(id) {
		if strings.IndexByte(idLetter, id[i]) < 0 {
			return "", false
		}
	}
	for _, c := range []byte(key[len(keyPrefix)+keyIDLen:]) {
		if strings.IndexByte(base62, c) < 0 {
			return "", false
		}
	}
	if checksum(body) != key[keyLen-checkLen:] {
		return "", false
	}
	return keyRowPrefix + id, true
}

// hashAPIKey is what the database holds of a key.
func hashAPIKey(subKey []byte, key string) string {
	mac := hmac.New(sha256.New, subKey)
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil))
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return encode62([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, checkLen)
}

// encode62 writes b as a base-62 number of exactly size digits.
func encode62(b []byte, size int) string {
	n, radix, digit := new(big.Int).SetBytes(b), big.NewInt(int64(len(base62))), new(big.Int)
	out := make([]byte, size)
	for i := size - 1; i >= 0; i-- {
		n.DivMod(n, radix, digit)
		out[i] = base62[digit.Int64()]
	}
	return string(out)
}

// KeyID answers the id of a key by its text alone, and whether it is a key at all: a mistyped or cut one has a wrong checksum.
func KeyID(key string) (id string, ok bool) { return parseAPIKey(key) }
