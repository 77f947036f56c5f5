package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	setupLife = 30 * time.Minute
	// metaSetup is written once, with the first admin, and never removed: an emptied users table opens nothing (threat A1).
	metaSetup = "setup.closed_at"
)

// setupToken lives in memory alone: a restart makes another, and no file or backup holds it.
type setupToken struct {
	mu      sync.Mutex
	hash    [sha256.Size]byte
	expires time.Time
}

// SetupToken makes a new one-time token (256 bits, 30 minutes) for the first admin and voids the one before. needed is
// false, without a token, once the set-up is closed.
func (s *Service) SetupToken(ctx context.Context) (token string, needed bool, err error) {
	closed, err := s.isSetupClosed(ctx)
	if err != nil || closed {
		return "", false, err
	}
	random := make([]byte, tokenBytes)
	if _, err := rand.Read(random); err != nil {
		return "", false, fault.Wrap(err, fault.Internal, "no random bytes for a token")
	}
	token = hex.EncodeToString(random)
	s.setup.mu.Lock()
	defer s.setup.mu.Unlock()
	s.setup.hash, s.setup.expires = sha256.Sum256([]byte(token)), s.now().Add(setupLife)
	return token, true, nil
}

// SetupRequired says whether the first admin is still to be made. When the database can't say, it is true: then nothing
// is answered but health and the set-up page.
func (s *Service) SetupRequired(ctx context.Context) bool {
	closed, err := s.isSetupClosed(ctx)
	return err != nil || !closed
}

func (s *Service) isSetupClosed(ctx context.Context) (bool, error) {
	if s.setupClosed.Load() {
		return true, nil
	}
	_, closed, err := s.store.metaValue(context.WithoutCancel(ctx), metaSetup)
	if closed {
		s.setupClosed.Store(true) // it never opens again
	}
	return closed, err
}

// Setup asks for the first admin. Browser says which kind of session is wanted.
type Setup struct {
	Token, Username, Password string
	Browser                   bool
}

// FinishSetup makes the first admin and signs it in. It answers NotFound for ever once an admin was made here or on the
// command line, Unauthenticated for a wrong or expired token, and Invalid, leaving the token good, for a name or a
// password that the rules refuse. Of several at once one wins.
func (s *Service) FinishSetup(ctx context.Context, o access.Origin, f Setup) (in SignIn, err error) {
	closed, err := s.isSetupClosed(ctx)
	if err != nil {
		return SignIn{}, err
	}
	if closed {
		return SignIn{}, setupIsOver()
	}
	caller, op := access.Anonymous(o), access.Op{Action: access.AuthSetup}
	if err := s.checkSetupToken(o, f.Token); err != nil {
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
	}
	u, err := s.newUserRow(ctx, NewUser{Kind: KindPerson, Username: f.Username, Password: f.Password, Role: adminRole})
	if err != nil {
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
	}
	plan, err := s.plan(u, o, f.Browser)
	if err != nil {
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
	}
	u.LastLoginAt = &plan.row.CreatedAt
	device, err := newDeviceID()
	if err != nil {
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
	}
	pass, err := s.guard.Enter(ctx, caller, op)
	if err != nil {
		return SignIn{}, err
	}
	defer pass.Close(&err)
	err = commit(ctx, pass, plan.outcome(), func(tx *db.Tx) error {
		if err := closeSetup(tx, true); err != nil {
			return err
		}
		if err := insertUser(tx, u); err != nil {
			return err
		}
		return plan.insert(tx)
	})
	if err != nil {
		return SignIn{}, err
	}
	s.setupClosed.Store(true)
	s.setup.void()
	return s.welcome(plan, o, device), nil
}

// checkSetupToken bounds the wrong tokens of one address; the right one is never made to wait.
func (s *Service) checkSetupToken(o access.Origin, token string) error {
	if s.setup.matches(token, s.now()) {
		return nil
	}
	if wait := s.throttle.charge(s.throttle.keyOf(kindSetup, networkOf(o.IP)), s.now()); wait > 0 {
		return tooOften(wait)
	}
	return fault.New(fault.Unauthenticated, "The set-up token is wrong or older than 30 minutes: a restart of the server prints a new one.")
}

func setupIsOver() error { return fault.New(fault.NotFound, "The set-up is done. Sign in instead.") }

// matches compares hashes, so that neither the length nor a common prefix shows in the time it takes.
func (t *setupToken) matches(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], t.hash[:]) == 1 && now.Before(t.expires)
}

func (t *setupToken) void() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hash, t.expires = [sha256.Size]byte{}, time.Time{}
}

// CloseSetup closes the set-up for ever, where it is not: a restored database lets nobody become the first admin again
// (threat A1), the command line makes one if there is none.
func CloseSetup(tx *db.Tx) error { return db.Translate(closeSetup(tx, false)) }

// closeSetup leaves the marker. first asks for NotFound if somebody else left it before.
func closeSetup(tx *db.Tx, first bool) error {
	res, err := tx.Exec("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", metaSetup, strconv.FormatInt(millis(tx.Now()), 10))
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if first && n == 0 {
		return setupIsOver()
	}
	return nil
}
