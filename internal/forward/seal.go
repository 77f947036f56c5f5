package forward

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	"guardhouse/internal/fault"
)

func newSealer(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the key for forwarding secrets has a wrong length")
	}
	return cipher.NewGCM(block)
}

// seal closes a secret so that it opens only as that column of that target (threat S4).
func (s *Service) seal(id, column, secret string) []byte {
	if secret == "" {
		return nil
	}
	nonce := make([]byte, s.sealer.NonceSize())
	_, _ = rand.Read(nonce) // it never fails: the program ends instead
	return s.sealer.Seal(nonce, nonce, []byte(secret), place(id, column))
}

// open answers a secret again; "" for none. It refuses one that was moved or changed.
func (s *Service) open(id, column string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	n := s.sealer.NonceSize()
	if len(sealed) < n {
		return "", fault.New(fault.Internal, "a forwarding secret cannot be opened")
	}
	out, err := s.sealer.Open(nil, sealed[:n], sealed[n:], place(id, column))
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "a forwarding secret cannot be opened")
	}
	return string(out), nil
}

func place(id, column string) []byte { return []byte("forward_targets/" + id + "/" + column) }
