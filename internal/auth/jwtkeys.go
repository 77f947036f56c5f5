package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oklog/ulid/v2"

	"guardhouse/internal/fault"
)

const (
	// rotateAfter and retireAfter: a key signs for 90 days; then it verifies for as long as any bearer of it may live.
	rotateAfter = 90 * 24 * time.Hour
	retireAfter = 24 * time.Hour
	jwtPrefix   = "jwt-"
	jwtSuffix   = ".key"
)

// signingKey has one algorithm, whatever a token's header says (threat A3).
type signingKey struct {
	kid          string
	method       jwt.SigningMethod
	sign, verify any
	made         time.Time
	next         time.Time // when its successor was made; zero for the active one
}

// keyring holds either one HS256 key or the Ed25519 keys of the data folder, never both.
type keyring struct {
	dir string
	now func() time.Time

	mu   sync.RWMutex
	keys []signingKey // oldest first; the last one signs
}

// openKeyring uses secret if there is one, after checking it; else DATA/secrets/jwt-*.key, making the first.
func openKeyring(dataDir, secret string, now func() time.Time) (*keyring, error) {
	r := &keyring{now: now}
	if secret != "" {
		if err := CheckJWTSecret(secret); err != nil {
			return nil, err
		}
		r.keys = []signingKey{hmacKey(secret)}
		return r, nil
	}
	dir, err := openSecretsDir(dataDir)
	if err != nil {
		return nil, err
	}
	r.dir = dir
	if err := r.load(); err != nil {
		return nil, err
	}
	if len(r.keys) == 0 {
		return r, r.add()
	}
	return r, nil
}

func hmacKey(secret string) signingKey {
	sum := sha256.Sum256([]byte("guardhouse/kid/" + secret))
	key := []byte(secret)
	return signingKey{kid: "hs-" + hex.EncodeToString(sum[:8]), method: jwt.SigningMethodHS256, sign: key, verify: key}
}

func edKey(id ulid.ULID, seed []byte) signingKey {
	private := ed25519.NewKeyFromSeed(seed)
	return signingKey{
		kid: "ed-" + strings.ToLower(id.String()), method: jwt.SigningMethodEdDSA,
		sign: private, verify: private.Public(), made: ulid.Time(id.Time()),
	}
}

// load reads every key file; file names sort by the time that is in them.
func (r *keyring) load() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the folder for keys in the data folder can't be read")
	}
	for _, e := range entries {
		name, ours := strings.CutPrefix(e.Name(), jwtPrefix)
		name, isKey := strings.CutSuffix(name, jwtSuffix)
		if !ours || !isKey {
			continue
		}
		id, err := ulid.ParseStrict(strings.ToUpper(name))
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "the folder for keys in the data folder holds a bearer key with a name that isn't ours: move it away")
		}
		seed, err := readSecret(filepath.Join(r.dir, e.Name()), ed25519.SeedSize)
		if err != nil {
			return err
		}
		r.append(edKey(id, seed))
	}
	return nil
}

func (r *keyring) append(k signingKey) {
	if n := len(r.keys); n > 0 {
		r.keys[n-1].next = k.made
	}
	r.keys = append(r.keys, k)
}

// add makes the next key and drops those that no living bearer was signed with.
func (r *keyring) add() error {
	id, err := ulid.New(ulid.Timestamp(r.now()), ulid.DefaultEntropy())
	if err != nil {
		return fault.Wrap(err, fault.Internal, "no id for a bearer key")
	}
	seed, err := readOrMakeSecret(r.path(strings.ToLower(id.String())), ed25519.SeedSize)
	if err != nil {
		return err
	}
	r.append(edKey(id, seed))
	kept := r.keys[:0]
	var errs []error
	for _, k := range r.keys {
		if k.retired(r.now()) {
			errs = append(errs, ignoreMissing(os.Remove(r.path(strings.TrimPrefix(k.kid, "ed-")))))
			continue
		}
		kept = append(kept, k)
	}
	r.keys = kept
	if err := errors.Join(errs...); err != nil {
		return fault.Wrap(err, fault.Internal, "a retired bearer key can't be removed from the data folder")
	}
	return nil
}

func (r *keyring) path(id string) string { return filepath.Join(r.dir, jwtPrefix+id+jwtSuffix) }

func (k signingKey) retired(now time.Time) bool {
	return !k.next.IsZero() && !now.Before(k.next.Add(retireAfter))
}

// active answers the key that signs, after making a new one if the last is due.
func (r *keyring) active() (signingKey, error) {
	r.mu.RLock()
	last := r.keys[len(r.keys)-1]
	r.mu.RUnlock()
	if !r.due(last) {
		return last, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.due(r.keys[len(r.keys)-1]) {
		if err := r.add(); err != nil {
			return signingKey{}, err
		}
	}
	return r.keys[len(r.keys)-1], nil
}

func (r *keyring) due(k signingKey) bool {
	return k.method == jwt.SigningMethodEdDSA && r.now().Sub(k.made) >= rotateAfter
}

var errUnknownKid = errors.New("no key has this kid")

// find answers the key for kid if it may still verify.
func (r *keyring) find(kid string) (signingKey, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if k.kid == kid && !k.retired(r.now()) {
			return k, nil
		}
	}
	return signingKey{}, fmt.Errorf("looking for a bearer key: %w", errUnknownKid)
}
