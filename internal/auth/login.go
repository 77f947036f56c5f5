package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth/names"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	wrongMessage = "The user name or the password is wrong."
	endedMessage = "This session has ended. Sign in again."
)

// maxSignInName is more than a name may have, so that every name that can exist is looked up.
const maxSignInName = 1024

// Reasons in the audit rows of refused sign-ins. The caller is told none of them.
const (
	reasonUnknown  = "unknown_user"
	reasonPassword = "wrong_password"
	reasonStatus   = "not_active"
	reasonService  = "service_account"
	// reasonThrottled: inside a delay. Nothing was hashed.
	reasonThrottled = "throttled"
)

// attempt is a checked sign-in: reason is empty if it is good.
type attempt struct {
	user   userRow
	known  bool
	reason string
	raised string   // the password under today's cost, if the stored hash is weaker
	device deviceID // the known one, or a new one
}

// Login signs a person in and answers a cookie token, and for a program a bearer and a refresh token besides. A wrong name,
// a wrong password, a service account and a disabled user are one answer, Unauthenticated, after the same work; too many
// tries at one name or from one address are RateLimited, whether there is such a user or not; too many at once are Busy. It
// leaves one audit row.
func (s *Service) Login(ctx context.Context, o access.Origin, r LoginRequest) (in SignIn, err error) {
	caller, op := access.Anonymous(o), access.Op{Action: access.AuthLogin, Resource: "name:" + s.hashName(r.Username)}
	a, err := s.try(ctx, o, r)
	if a.known {
		op.Resource = userResource(a.user.ID)
	}
	if err == nil && a.reason != "" {
		err = fault.New(fault.Unauthenticated, wrongMessage)
	}
	if err != nil {
		return SignIn{}, s.reject(ctx, caller, op, a.refusal(err))
	}
	plan, err := s.plan(a.user, o, r.Browser)
	if err != nil {
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
	}
	pass, err := s.guard.Enter(ctx, caller, op)
	if err != nil {
		return SignIn{}, err
	}
	defer pass.Close(&err)
	if err := commit(ctx, pass, plan.outcome(), func(tx *db.Tx) error { return plan.open(tx, a) }); err != nil {
		return SignIn{}, err
	}
	return s.welcome(plan, o, a.device), nil
}

// welcome is the answer to a sign-in from a device that is known from now on.
func (s *Service) welcome(plan sessionPlan, o access.Origin, device deviceID) SignIn {
	s.noteSignIn(plan.user.ID, o)
	in := plan.answer()
	in.DeviceToken = s.deviceToken(plan.user.ID, device)
	return in
}

// refusal says in the audit row alone why a sign-in was refused.
func (a attempt) refusal(err error) refusal {
	if a.reason == "" {
		return refusal{err: err}
	}
	return refusal{err: err, decision: audit.Deny, reason: a.reason}
}

// try looks the name up and checks the password in a slot, unless too many tries were wrong. A look-alike of a name is
// nobody's, but it counts as that name. Whatever there is of the name, the same is looked up and the same is hashed.
func (s *Service) try(ctx context.Context, o access.Origin, r LoginRequest) (attempt, error) {
	if len(r.Password) > password.MaxBytes || len(r.Username) > maxSignInName {
		return s.tooLong(o)
	}
	var a attempt
	key := names.Skeleton(r.Username)
	row, ok, err := s.store.userByKey(ctx, key)
	if err != nil {
		return a, err
	}
	if ok && names.Fold(row.Username) == names.Fold(r.Username) {
		a.user, a.known = row, true
	}
	from, err := s.sourceOf(ctx, &a, key, o, r.DeviceToken)
	if err != nil {
		return a, err
	}
	return a, s.check(ctx, &a, from, r.Password)
}

// tooLong refuses what no rule allows, without a hash: its length tells nothing of any user.
func (s *Service) tooLong(o access.Origin) (attempt, error) {
	if wait := s.throttle.charge(s.strangerKey(o), s.now()); wait > 0 {
		return attempt{reason: reasonThrottled}, tooOften(wait)
	}
	return attempt{reason: reasonPassword}, nil
}

// check fills in a.reason. It is RateLimited, before anything is hashed, inside the delay of from.
func (s *Service) check(ctx context.Context, a *attempt, from source, password string) error {
	if wait := s.throttle.wait(from, s.now()); wait > 0 {
		a.reason = reasonThrottled
		return tooOften(wait)
	}
	var wait time.Duration
	var failed error
	err := s.slots.doFor(ctx, from.place, func() {
		if wait = s.throttle.begin(from, s.now()); wait > 0 {
			return
		}
		told := untold
		// What begins must end, also should the hash fail.
		defer func() { s.throttle.end(from, s.now(), told) }()
		if failed = s.compare(a, password); failed != nil {
			return
		}
		if told = right; a.reason != "" {
			told = wrong
		}
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return fault.Wrap(failed, fault.Internal, "checking a password")
	case wait > 0:
		a.reason = reasonThrottled
		return tooOften(wait)
	}
	return nil
}

// compare hashes what was typed against the user's hash, or the decoy where there is none. A weaker stored hash is topped up
// to today's work, so that old accounts can't be told by their speed.
func (s *Service) compare(a *attempt, typed string) error {
	stored := s.decoy
	if a.known && a.user.PasswordHash != "" {
		stored = a.user.PasswordHash
	}
	good, paid, err := password.Verify(stored, typed)
	if err != nil {
		return err
	}
	s.spent.Add(paid.Work())
	a.reason = a.judge(good)
	if a.reason == "" {
		if paid.Below(s.cost) {
			a.raised, err = s.cost.Hash(typed)
			s.spent.Add(s.cost.Work())
		}
		return err
	}
	if rest, left := s.cost.Minus(paid); left {
		rest.Spend(typed)
		s.spent.Add(rest.Work())
	}
	return nil
}

func (a attempt) judge(right bool) string {
	switch {
	case !a.known:
		return reasonUnknown
	case a.user.Kind != KindPerson:
		return reasonService
	case !right:
		return reasonPassword
	case a.user.Status != statusActive:
		return reasonStatus
	}
	return ""
}

// hashName stands in audit rows for a name that somebody typed: people type passwords there (threat U5). Equal names in
// any spelling have equal hashes, so that one target under attack can be seen.
func (s *Service) hashName(name string) string {
	if len(name) <= maxSignInName {
		name = names.Skeleton(name)
	}
	mac := hmac.New(sha256.New, s.nameHash)
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil))
}
