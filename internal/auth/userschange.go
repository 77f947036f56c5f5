package auth

import (
	"context"
	"slices"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// UserChange is what a user shall be; a nil member stays as it is. Status is active or disabled. Version, if given, is the
// one that the caller saw.
type UserChange struct {
	Role, Status, DisplayName, Language, Password *string
	Version                                       *int64
}

// ChangeUser changes a user for a caller with user.manage and answers it as it is then. The user's role and the new one must
// be within the caller's own actions (Forbidden, threat Z4), asked again in the transaction. A new role, status or password
// ends every session and bearer of the user at once; keys rest while the user is disabled. It refuses an unknown user
// (NotFound), another version (Stale), an unknown role (Unprocessable), what the rules of names and passwords forbid
// (Invalid), one's own password, which is changed with the old one (Forbidden), and taking the last active admin (Conflict). A
// password, and a rise to a role that administers, need a confirmed session of a browser (ConfirmationRequired).
func (s *Service) ChangeUser(ctx context.Context, p access.Principal, id string, c UserChange) (changed User, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.UserManage, Resource: userTarget(id)})
	if err != nil {
		return User{}, err
	}
	hash, err := s.prepareChange(ctx, p, id, c)
	if err != nil {
		return User{}, refuse(ctx, pass, err, c.asked())
	}
	defer pass.Close(&err)
	var plan userPlan
	out := access.Outcome{Check: func(tx *db.Tx) (details map[string]any, err error) {
		plan, err = s.planChange(tx, p, id, c, hash)
		return plan.details, err
	}}
	if err := commit(ctx, pass, out, func(tx *db.Tx) error { return s.storeChange(tx, &plan) }); err != nil {
		return User{}, err
	}
	if plan.admits {
		s.setupClosed.Store(true)
	}
	return plan.next.user(), nil
}

// refuse is settle with details of what was asked for.
func refuse(ctx context.Context, pass *access.Pass, refused error, details map[string]any) (err error) {
	r := refusal{err: refused}
	r.judge()
	defer pass.Close(&err)
	out := access.Outcome{Decision: r.decision, Reason: r.reason, Details: details}
	if err := commit(context.WithoutCancel(ctx), pass, out, nil); err != nil {
		return err
	}
	return refused
}

// check refuses values that no user can have.
func (c UserChange) check() error {
	invalid := func(field, message string) error { return fault.New(fault.Invalid, message).WithField(field) }
	switch {
	case c.Status != nil && *c.Status != statusActive && *c.Status != statusDisabled:
		return invalid("status", "status is active or disabled.")
	case c.Language != nil && !slices.Contains([]string{"", "en", "zh-CN"}, *c.Language):
		return invalid("language", "language is en or zh-CN.")
	case c.DisplayName != nil && !isLine(*c.DisplayName, maxDisplayName):
		return invalid("display_name", "display_name is one line of at most 128 characters.")
	}
	return nil
}

// asked names the members that the caller wants changed, for the row of a refusal.
func (c UserChange) asked() map[string]any {
	return describe(c.Role != nil, c.Status != nil, c.Password != nil, c.DisplayName != nil || c.Language != nil)
}

func describe(role, status, password, profile bool) map[string]any {
	var parts []string
	for _, part := range []struct {
		name string
		is   bool
	}{{"role", role}, {"status", status}, {"password", password}, {"profile", profile}} {
		if part.is {
			parts = append(parts, part.name)
		}
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	return map[string]any{"change": strings.Join(parts, "+")}
}

// prepareChange checks the wish and hashes the new password, if any: that takes too long for a transaction, and is not done
// for a caller who may not set it.
func (s *Service) prepareChange(ctx context.Context, p access.Principal, id string, c UserChange) (hash string, err error) {
	if err := c.check(); err != nil {
		return "", err
	}
	if c.Password == nil {
		return "", nil
	}
	row, ok, err := s.store.userByID(context.WithoutCancel(ctx), id)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", noSuchUser()
	case p.Kind != access.KindSystem && p.UserID == id:
		// Whoever finds an open session must not be able to keep the account.
		return "", fault.New(fault.Forbidden, "Change your own password with the one you have.").WithField("password")
	}
	if err := s.mayGrant(ctx, p, row.Role); err != nil {
		return "", aboutThem(err)
	}
	if err := p.Confirmed(); err != nil {
		return "", err
	}
	if row.Kind == KindService {
		return "", fault.New(fault.Invalid, "A service account has keys, not a password.").WithField("password")
	}
	for _, shown := range []string{row.DisplayName, orOld(c.DisplayName, row.DisplayName)} {
		if err := s.checkNewPassword(row.Username, shown, *c.Password); err != nil {
			return "", err
		}
	}
	return s.hashPassword(ctx, *c.Password)
}

// orOld answers what a member will be.
func orOld(wanted *string, old string) string {
	if wanted == nil {
		return old
	}
	return *wanted
}

// userPlan is a change that was found good: the row as it will be, and what has to happen beside.
type userPlan struct {
	next    userRow
	details map[string]any
	nothing bool // it is that already
	voids   bool // sessions end
	admits  bool // there is an admin from now on, so the set-up is over

	newRole, newPassword bool
}

// planChange decides inside the transaction, on the rows as they are then. Whatever it answers beside an error is what was
// asked for.
func (s *Service) planChange(tx *db.Tx, p access.Principal, id string, c UserChange, hash string) (userPlan, error) {
	plan := userPlan{details: c.asked()}
	if err := s.guard.Administer(tx, p, access.UserManage); err != nil {
		return plan, err
	}
	old, err := livingUser(tx, id)
	if err != nil {
		return plan, err
	}
	plan.fill(old, c, hash)
	if err := s.guard.Administer(tx, p, access.UserManage, old.Role); err != nil {
		return plan, aboutThem(err)
	}
	if err := s.guard.Administer(tx, p, access.UserManage, plan.next.Role); err != nil {
		return plan, err
	}
	if err := s.confirmedRise(tx, p, old, plan.next); err != nil {
		return plan, err
	}
	if c.Version != nil && *c.Version != old.Version {
		return plan, staleUser()
	}
	return plan, keepAdmin(tx, old, plan.next)
}

// confirmedRise asks for the password where the user gets a password from others, a role that administers, or gets in again
// with one.
func (s *Service) confirmedRise(tx *db.Tx, p access.Principal, old, next userRow) error {
	if next.PasswordHash != old.PasswordHash {
		return p.Confirmed()
	}
	if next.Status != statusActive || (next.Role == old.Role && old.Status == statusActive) {
		return nil
	}
	return s.confirmedFor(tx, p, next.Role)
}

func staleUser() error {
	return fault.New(fault.Stale, "Somebody changed this user meanwhile. Read it again, then decide.")
}

// fill works out the new row and what the audit row says.
func (plan *userPlan) fill(old userRow, c UserChange, hash string) {
	next := old
	for _, m := range []struct {
		to   *string
		from *string
	}{{&next.Role, c.Role}, {&next.Status, c.Status}, {&next.DisplayName, c.DisplayName}, {&next.Language, c.Language}} {
		if m.from != nil {
			*m.to = *m.from
		}
	}
	if hash != "" {
		next.PasswordHash = hash
	}
	status := next.Status != old.Status
	plan.newRole, plan.newPassword = next.Role != old.Role, hash != ""
	plan.details = describe(plan.newRole, status, plan.newPassword, next.DisplayName != old.DisplayName || next.Language != old.Language)
	if plan.newRole {
		role := map[string]any{"from": old.Role}
		if access.ValidRoleName(next.Role) { // what can't be one may be anything, a password too
			role["to"] = next.Role
		}
		plan.details["role"] = role
	}
	if status {
		plan.details["status"] = map[string]any{"from": old.Status, "to": next.Status}
	}
	plan.voids = plan.newRole || status || plan.newPassword
	if plan.voids {
		next.Epoch++
	}
	plan.admits = isAdmin(next) && !isAdmin(old)
	plan.nothing = !plan.voids && next == old
	plan.next = next
}

func isAdmin(u userRow) bool {
	return u.Role == adminRole && u.Status == statusActive && u.Kind == KindPerson
}

// keepAdmin refuses to take the last active person who has the role admin. It reads inside the transaction: of two admins
// who take each other's role at once, one is left.
func keepAdmin(tx *db.Tx, old, next userRow) error {
	if !isAdmin(old) || isAdmin(next) {
		return nil
	}
	other, err := otherAdmin(tx, old.ID)
	if err == nil && !other {
		err = fault.New(fault.Conflict, "This is the last active admin: make somebody else an admin first.")
	}
	return err
}

// storeChange writes the plan.
func (s *Service) storeChange(tx *db.Tx, plan *userPlan) error {
	if plan.nothing {
		return nil
	}
	now := s.clock()
	if err := storeUser(tx, plan.next, now); err != nil {
		return err
	}
	if plan.voids {
		if err := endUserSessions(tx, plan.next.ID, now); err != nil {
			return err
		}
	}
	if plan.newPassword {
		if err := exec(tx, `UPDATE users SET password_changed_at = ? WHERE id = ?`, millis(now), plan.next.ID); err != nil {
			return err
		}
	}
	if plan.admits {
		if err := closeSetup(tx, false); err != nil {
			return err
		}
	}
	stored, err := livingUser(tx, plan.next.ID)
	if err != nil {
		return err
	}
	plan.next = stored
	if plan.newRole {
		return s.guard.Changed(tx, "role of "+userResource(stored.ID)+" changed")
	}
	return nil
}
