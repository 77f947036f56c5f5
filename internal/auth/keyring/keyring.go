// Package keyring holds the keys that sign bearers, replaces them in time, and turns claims into bearers and back. The
// session and the user that a bearer names are its caller's to look at: it knows no database.
package keyring

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oklog/ulid/v2"

	"guardhouse/internal/auth/secretfile"
	"guardhouse/internal/fault"
)

// MaxLife is the longest that a bearer may live.
const MaxLife = 24 * time.Hour

const (
	// rotateAfter and retireAfter: a key signs for 90 days; then it verifies for as long as any bearer of it may live, and
	// a minute more for a server that had not yet noticed its successor.
	rotateAfter = 90 * 24 * time.Hour
	retireAfter = MaxLife + time.Minute
)

// signingKey has one algorithm, whatever a token's header says (threat A3).
type signingKey struct {
	kid          string
	method       jwt.SigningMethod
	sign, verify any
	made         time.Time
	next         time.Time // when its successor was made; zero for the active one
}

// Ring holds either HS256 keys from the settings or the Ed25519 keys of the data folder, never both. All methods may be called
// from any goroutine.
type Ring struct {
	dir string // "" with HS256
	now func() time.Time
	log *slog.Logger

	mu   sync.RWMutex
	keys []signingKey // oldest first; the last one signs

	looking  sync.Mutex
	looked   atomic.Int64 // when the folder was last read, in milliseconds
	strange  time.Time    // when it was last read for a kid that nobody knows; under looking
	troubled []string     // what was said to be wrong with it; under looking
}

// Options say where the keys come from. Previous verifies only.
type Options struct {
	DataDir, Secret, Previous string
	Now                       func() time.Time
	Log                       *slog.Logger
}

// Rotation says how the keys before are treated. RetireNow makes every bearer that they signed void at once, for when one has
// leaked; otherwise they verify for as long as a bearer may live.
type Rotation struct{ RetireNow bool }

// Open answers a ring that uses the secret if there is one, after checking it; else DATA/secrets/jwt-*.key, making the first.
func Open(o Options) (*Ring, error) {
	r := &Ring{now: o.Now, log: o.Log}
	if o.Secret != "" || o.Previous != "" {
		if err := CheckSecrets(o.Secret, o.Previous); err != nil {
			return nil, err
		}
		if o.Previous != "" {
			r.keys = append(r.keys, hmacKey(o.Previous))
		}
		r.keys = append(r.keys, hmacKey(o.Secret))
		return r, nil
	}
	dir, err := secretfile.OpenFolder(o.DataDir)
	if err != nil {
		return nil, err
	}
	r.dir = dir
	return r, r.open()
}

func hmacKey(secret string) signingKey {
	sum := sha256.Sum256([]byte("guardhouse/kid/" + secret))
	key := []byte(secret)
	return signingKey{kid: "hs-" + hex.EncodeToString(sum[:8]), method: jwt.SigningMethodHS256, sign: key, verify: key}
}

func edKey(id ulid.ULID, seed []byte) signingKey {
	private := ed25519.NewKeyFromSeed(seed)
	return signingKey{
		kid: kidOf(id), method: jwt.SigningMethodEdDSA,
		sign: private, verify: private.Public(), made: ulid.Time(id.Time()),
	}
}

func (k signingKey) retired(now time.Time) bool {
	return !k.next.IsZero() && !now.Before(k.next.Add(retireAfter))
}

// active answers the key that signs, after making a new one if the last is due or was taken away. Where none can be written
// the one there is goes on: an old key is better than nobody signed in, and the log says so.
func (r *Ring) active() (signingKey, error) {
	r.notice()
	last, ok := r.last()
	if ok && !r.due(last) {
		return last, nil
	}
	r.looking.Lock()
	defer r.looking.Unlock()
	if last, ok = r.last(); ok && !r.due(last) {
		return last, nil
	}
	made, err := r.Prepare()
	if err == nil {
		err = r.keep(made, Rotation{})
	}
	switch {
	case err == nil:
		r.well(troubleDue)
		r.log.Info("a new bearer key signs", "kid", made.kid)
		return made.signingKey, nil
	case !ok:
		return signingKey{}, err
	}
	r.complain(troubleDue, err)
	return last, nil
}

func (r *Ring) last() (signingKey, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.keys) == 0 {
		return signingKey{}, false
	}
	return r.keys[len(r.keys)-1], true
}

func (r *Ring) due(k signingKey) bool {
	return k.method == jwt.SigningMethodEdDSA && r.now().Sub(k.made) >= rotateAfter
}

// Verifies says whether the key that kid names may still verify: a bearer that it signed has not become void with it.
func (r *Ring) Verifies(kid string) bool {
	_, err := r.find(kid)
	return err == nil
}

var errUnknownKid = errors.New("no key has this kid")

// find answers the key for kid if it may still verify. A kid that it doesn't know makes it look at the folder: another
// process may have made the key a moment ago.
func (r *Ring) find(kid string) (signingKey, error) {
	r.notice()
	key, ok := r.known(kid)
	if !ok && ourKid(kid) {
		r.noticeStranger()
		key, ok = r.known(kid)
	}
	if !ok {
		return signingKey{}, fmt.Errorf("looking for a bearer key: %w", errUnknownKid)
	}
	return key, nil
}

// known answers the key for kid, and whether it may still verify.
func (r *Ring) known(kid string) (signingKey, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if k.kid == kid {
			return k, !k.retired(r.now())
		}
	}
	return signingKey{}, false
}

func noRotation() error {
	return fault.New(fault.Conflict, "auth.jwt_secret is set, so the settings hold the keys: put the old value in auth.jwt_secret_previous, a new one in auth.jwt_secret, and restart.")
}
