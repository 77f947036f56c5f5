package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	wrongMessage = "The user name or the password is wrong."
	endedMessage = "This session has ended. Sign in again."
)

// Reasons in the audit rows of refused sign-ins. The caller is told none of them.
const (
	reasonUnknown  = "unknown_user"
	reasonPassword = "wrong_password"
	reasonStatus   = "not_active"
	reasonService  = "service_account"
)

// attempt is a checked sign-in: reason is empty if it is good.
type attempt struct {
	user   userRow
	known  bool
	reason string
	raised string // the password under today's cost, if the stored hash is weaker
}

// Login signs a person in and answers a cookie token for a browser, else a bearer and a refresh token. A wrong name, a
// wrong password, a service account and a disabled user are one answer, Unauthenticated, after the same work; too many at
// once is Busy. It leaves one audit row.
func (s *Service) Login(ctx context.Context, o access.Origin, r LoginRequest) (in SignIn, err error) {
	caller, op := access.Anonymous(o), access.Op{Action: access.AuthLogin, Resource: "name:" + s.hashName(r.Username)}
	a, err := s.try(ctx, r.Username, r.Password)
	if a.known {
		op.Resource = userResource(a.user.ID)
	}
	if err != nil {
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
	}
	if a.reason != "" {
		wrong := fault.New(fault.Unauthenticated, wrongMessage)
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: wrong, decision: audit.Deny, reason: a.reason})
	}
	plan, err := s.plan(a.user, o, r.Browser)
	if err != nil {
		return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
	}
	device, known := s.knownDevice(a.user.ID, r.DeviceToken)
	if !known {
		if device, err = newDeviceID(); err != nil {
			return SignIn{}, s.reject(ctx, caller, op, refusal{err: err})
		}
	}
	pass, err := s.guard.Enter(ctx, caller, op)
	if err != nil {
		return SignIn{}, err
	}
	defer pass.Close(&err)
	if err := commit(ctx, pass, plan.outcome(), func(tx *db.Tx) error { return plan.open(tx, a) }); err != nil {
		return SignIn{}, err
	}
	in = plan.answer()
	in.DeviceToken = s.deviceToken(a.user.ID, device)
	return in, nil
}

// try looks the name up and checks the password in a slot. Unknown names are checked against the decoy.
func (s *Service) try(ctx context.Context, username, password string) (attempt, error) {
	var a attempt
	if len(password) > maxPassword || len(username) > maxNameBytes {
		a.reason = reasonPassword
		return a, nil
	}
	key := skeleton(username)
	row, ok, err := s.store.userByKey(ctx, key)
	if err != nil {
		return a, err
	}
	// A look-alike name is no spelling of this user's name.
	if ok && foldName(row.Username) == foldName(username) {
		a.user, a.known = row, true
	}
	stored := s.decoy
	if a.known && a.user.PasswordHash != "" {
		stored = a.user.PasswordHash
	}
	var right, weak bool
	var verifyErr error
	err = s.slots.do(ctx, func() {
		right, weak, verifyErr = s.cost.verify(stored, password)
		if verifyErr == nil && right && weak {
			a.raised, verifyErr = s.cost.hash(password)
		}
	})
	if err != nil {
		return a, err
	}
	if verifyErr != nil {
		return a, fault.Wrap(verifyErr, fault.Internal, "checking a password")
	}
	a.reason = a.judge(right)
	return a, nil
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
	if len(name) <= maxNameBytes {
		name = skeleton(name)
	}
	mac := hmac.New(sha256.New, s.nameHash)
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil))
}
