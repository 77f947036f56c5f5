package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"path/filepath"

	"guardhouse/internal/auth/secretfile"
)

// Labels of the sub-keys; each has one use.
const (
	labelKeyHash  = "key-hash"
	labelNameHash = "name-hash"
	labelCursor   = "cursor"
)

const (
	rootFile = "root.key"
	rootSize = 32
)

// Keys derives one key per use from the root key of a data folder.
type Keys struct{ prk []byte }

// OpenKeys reads DATA/secrets/root.key, or makes it (32 random bytes, 0600) when there is none. It refuses a file that
// is no plain file, has another length, or that anybody but its owner may read.
func OpenKeys(dataDir string) (*Keys, error) {
	dir, err := secretfile.OpenFolder(dataDir)
	if err != nil {
		return nil, err
	}
	root, err := secretfile.ReadOrMake(filepath.Join(dir, rootFile), rootSize)
	if err != nil {
		return nil, err
	}
	return newKeys(root), nil
}

// newKeys is the extract step of HKDF-SHA-256 (RFC 5869) without a salt.
func newKeys(root []byte) *Keys {
	mac := hmac.New(sha256.New, make([]byte, sha256.Size))
	mac.Write(root)
	return &Keys{prk: mac.Sum(nil)}
}

// Sub answers the 32-byte sub-key for label. One output block of HKDF's expand step is 32 bytes, so the first is all of
// it; written out, it has no error to pass on.
func (k *Keys) Sub(label string) []byte {
	mac := hmac.New(sha256.New, k.prk)
	mac.Write([]byte("guardhouse/" + label))
	mac.Write([]byte{1})
	return mac.Sum(nil)
}
