package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth/keyring"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	defaultAccessTTL   = 15 * time.Minute
	defaultSessionIdle = 30 * time.Minute
	defaultSessionMax  = 12 * time.Hour
	// maxDefaultSlots: four hashes at once take 256 MiB; more only where somebody asks for it.
	maxDefaultSlots = 4
)

// Options of the service. Zero values mean the defaults of api.md; without Root the key in DataDir is opened, without Log
// nothing is logged.
type Options struct {
	DataDir, JWTSecret                 string
	JWTSecretPrevious                  string // verifies only
	AccessTTL, SessionIdle, SessionMax time.Duration
	HashSlots                          int
	ServerNames                        []string // make a password no better
	Now                                func() time.Time
	Root                               *Keys
	Log                                *slog.Logger
}

// Service answers who somebody is. All methods may be called from any goroutine.
type Service struct {
	guard *access.Guard
	store *store
	ring  *keyring.Ring
	slots *slots
	cost  password.Cost
	// throttle and known slow guessers down, and keep them apart from who has signed in before.
	throttle     *throttle
	known        knownAddresses
	revokedShown revokedShown
	spent        atomic.Int64 // work of sign-ins so far
	// decoy is a hash that nobody's password has: unknown names cost the same work as known ones.
	decoy string
	now   func() time.Time
	log   *slog.Logger

	times                        atomic.Pointer[Times]
	keyHash, nameHash, cursorKey []byte
	deviceKey                    []byte
	serverNames                  []string

	setupClosed atomic.Bool
	setup       setupToken
	touched     touches
	confirmed   confirmations
	refreshing  [64]sync.Mutex
}

// New answers a service over a migrated database. It refuses a weak JWTSecret, an access-token life over 24 hours, and
// key files in DataDir that others can read.
func New(d *db.DB, g *access.Guard, o Options) (*Service, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	ring, err := keyring.Open(keyring.Options{DataDir: o.DataDir, Secret: o.JWTSecret, Previous: o.JWTSecretPrevious, Now: o.Now, Log: o.Log})
	if err != nil {
		return nil, err
	}
	slowly, err := newThrottle(o.Now())
	if err != nil {
		return nil, err
	}
	s := &Service{
		throttle: slowly, guard: g, store: newStore(d), ring: ring, slots: newSlots(o.HashSlots), now: o.Now, log: o.Log,
		keyHash: o.Root.Sub(labelKeyHash), nameHash: o.Root.Sub(labelNameHash), cursorKey: o.Root.Sub(labelCursor),
		deviceKey: o.Root.Sub(labelDevice), serverNames: o.ServerNames,
	}
	s.times.Store(&Times{Access: o.AccessTTL, Idle: o.SessionIdle, Max: o.SessionMax})
	return s, s.useCost(password.StandardCost())
}

func (o *Options) fill() error {
	o.AccessTTL = orDuration(o.AccessTTL, defaultAccessTTL)
	o.SessionIdle = orDuration(o.SessionIdle, defaultSessionIdle)
	o.SessionMax = orDuration(o.SessionMax, defaultSessionMax)
	if o.AccessTTL < 0 || o.AccessTTL > keyring.MaxLife || o.SessionIdle < 0 || o.SessionMax < 0 {
		return fault.New(fault.Invalid, "a session or an access token can't live that long").WithField("auth")
	}
	if o.HashSlots <= 0 {
		o.HashSlots = min(runtime.NumCPU(), maxDefaultSlots)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Root == nil {
		root, err := OpenKeys(o.DataDir)
		if err != nil {
			return err
		}
		o.Root = root
	}
	return nil
}

// useCost sets what a new hash takes and makes a decoy of the same cost.
func (s *Service) useCost(c password.Cost) error {
	decoy, err := c.Decoy()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "no random bytes for a salt")
	}
	s.cost, s.decoy = c, decoy
	return nil
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// clock is the moment as the database holds it: UTC, cut to milliseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// refusal is an error with what the audit row says of it. Without a decision, err's code decides.
type refusal struct {
	err              error
	decision, reason string
}

// reject leaves the one row of an attempt that never entered, and answers the refusal's error; a row that can't be made
// durable goes first. The gate sums what one address is refused too often (threat U2).
func (s *Service) reject(ctx context.Context, p access.Principal, op access.Op, r refusal) error {
	r.judge()
	// The row is owed even when the caller has left or its time is up.
	if err := s.guard.Reject(context.WithoutCancel(ctx), p, op, r.decision, r.reason); err != nil {
		return err
	}
	return r.err
}

// settle is reject for a use that has entered. write, if any, is committed with the row.
func settle(ctx context.Context, pass *access.Pass, r refusal, write func(tx *db.Tx) error) (err error) {
	r.judge()
	defer pass.Close(&err)
	out := access.Outcome{Decision: r.decision, Reason: r.reason}
	if err := commit(context.WithoutCancel(ctx), pass, out, write); err != nil {
		return err
	}
	return r.err
}

func (r *refusal) judge() {
	if r.decision != "" {
		return
	}
	code := fault.CodeOf(r.err)
	r.decision, r.reason = audit.Error, string(code)
	if code == fault.Forbidden || code == fault.Unauthenticated || code == fault.ConfirmationRequired {
		r.decision = audit.Deny
	}
}

// commit is access.Pass.Commit for writes that don't look at the audit event.
func commit(ctx context.Context, pass *access.Pass, out access.Outcome, write func(tx *db.Tx) error) error {
	_, err := pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error {
		if write == nil {
			return nil
		}
		return write(tx)
	})
	return err
}

func newID(prefix string, now time.Time) (string, error) {
	id, err := ulid.New(ulid.Timestamp(now), ulid.DefaultEntropy())
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "making an id")
	}
	return prefix + id.String(), nil
}

// hashToken is what the database holds of a session or refresh token: 256 random bits need no salt.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// note writes "last used" at most once a minute. A disk that can't take it harms nobody's rights, so it is only logged.
func (s *Service) note(ctx context.Context, what, id string, write func(tx *db.Tx) error) {
	if err := s.store.db.Write(write); err != nil {
		s.log.WarnContext(ctx, "time of last use not written", "kind", what, "id", id, "err", err)
	}
}
