package auth

import (
	"context"
	"slices"
	"unicode"
	"unicode/utf8"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/names"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const maxDisplayName = 128

// CreateUser makes a user for a caller with user.manage. It refuses a role that holds more than the caller's own
// (Forbidden, threat Z4), an unknown role (Unprocessable), a name that is or was taken, also by a look-alike (Conflict),
// names and passwords that the rules forbid (Invalid), and an administrator's role from a browser's session that did not confirm
// (ConfirmationRequired). The first admin made this way closes the set-up.
func (s *Service) CreateUser(ctx context.Context, p access.Principal, u NewUser) (made User, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.UserManage})
	if err != nil {
		return User{}, err
	}
	if err := s.mayGrant(ctx, p, u.Role); err != nil {
		return User{}, refuse(ctx, pass, err, map[string]any{"change": "create"})
	}
	row, err := s.newUserRow(ctx, u)
	if err != nil {
		return User{}, refuse(ctx, pass, err, map[string]any{"change": "create"})
	}
	defer pass.Close(&err)
	closes := row.Role == adminRole && row.Kind == KindPerson
	out := access.Outcome{
		Resource: userResource(row.ID),
		Check: func(tx *db.Tx) (map[string]any, error) {
			details := map[string]any{"change": "create", "role": row.Role, "kind": row.Kind}
			if err := s.guard.Administer(tx, p, access.UserManage, row.Role); err != nil {
				return details, err
			}
			if err := freeName(tx, row.UsernameKey); err != nil {
				return details, err
			}
			if err := s.confirmedFor(tx, p, row.Role); err != nil {
				return details, err
			}
			details["username"] = row.Username // a name that nobody got may be anything, a password too
			return details, nil
		},
	}
	err = commit(ctx, pass, out, func(tx *db.Tx) error {
		if err := insertUser(tx, row); err != nil {
			return err
		}
		if closes {
			return closeSetup(tx, false)
		}
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}

// mayGrant refuses a role that does not exist or that holds an action the caller lacks.
func (s *Service) mayGrant(ctx context.Context, p access.Principal, role string) error {
	ok, err := s.store.roleExists(context.WithoutCancel(ctx), role)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Unprocessable, "There is no such role.").WithField("role")
	}
	own := s.guard.Actions(p)
	for _, a := range s.guard.Actions(access.Principal{Kind: access.KindUser, Role: role}) {
		if !slices.Contains(own, a) {
			return fault.New(fault.Forbidden, "This role may do more than you may: ask somebody who holds all of it.").WithField("role")
		}
	}
	return nil
}

// confirmedFor asks for the password where somebody would come to a role that administers.
func (s *Service) confirmedFor(tx *db.Tx, p access.Principal, role string) error {
	if !p.Unconfirmed {
		return nil
	}
	administers, err := s.guard.Administrates(tx, role)
	if err == nil && administers {
		err = p.Confirmed()
	}
	return err
}

// aboutThem gives a refusal words of its own where it is about the role that somebody has, not about one that was asked for.
func aboutThem(err error) error {
	if f := fault.From(err); err != nil && f.Code == fault.Forbidden && f.Field == "role" {
		return fault.New(fault.Forbidden, "This account may do more than you may: ask somebody who holds all of it.")
	}
	return err
}

// newUserRow checks the wish and answers the row to store, with the password hashed in a slot.
func (s *Service) newUserRow(ctx context.Context, u NewUser) (userRow, error) {
	if u.Kind == "" {
		u.Kind = KindPerson
	}
	name, err := u.check()
	if err == nil && u.Kind == KindPerson {
		err = s.checkNewPassword(name, u.DisplayName, u.Password)
	}
	if err != nil {
		return userRow{}, err
	}
	now := s.clock()
	id, err := newID("usr_", now)
	if err != nil {
		return userRow{}, err
	}
	row := userRow{
		ID: id, Kind: u.Kind, Username: name, UsernameKey: names.Skeleton(name), DisplayName: u.DisplayName, Language: u.Language,
		Role: u.Role, Status: statusActive, Epoch: 1, Version: 1, CreatedAt: millis(now), UpdatedAt: millis(now),
	}
	if u.Kind == KindPerson {
		row.PasswordHash, err = s.hashPassword(ctx, u.Password)
	}
	return row, err
}

// check answers the clean name, or what is wrong with the wish.
func (u NewUser) check() (name string, err error) {
	invalid := func(field, message string) (string, error) {
		return "", fault.New(fault.Invalid, message).WithField(field)
	}
	if name, err = names.Clean(u.Username); err != nil {
		return "", err
	}
	switch {
	case u.Kind != KindPerson && u.Kind != KindService:
		return invalid("kind", "kind is person or service.")
	case u.Kind == KindService && u.Password != "":
		return invalid("password", "A service account has keys, not a password.")
	case !slices.Contains([]string{"", "en", "zh-CN"}, u.Language):
		return invalid("language", "language is en or zh-CN.")
	case !isLine(u.DisplayName, maxDisplayName):
		return invalid("display_name", "display_name is one line of at most 128 characters.")
	}
	return name, nil
}

// isLine accepts valid text of at most limit characters without control or direction-changing ones (threat W3).
func isLine(s string, limit int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit {
		return false
	}
	for _, r := range s {
		if unicode.Is(unicode.C, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return false
		}
	}
	return true
}

// product is a name that everybody knows.
const product = "guardhouse"

// checkNewPassword is password.Check for a user of this server.
func (s *Service) checkNewPassword(username, displayName, fresh string) error {
	return password.Check(username, fresh, append([]string{displayName, product}, s.serverNames...)...)
}

func (s *Service) hashPassword(ctx context.Context, password string) (string, error) {
	var phc string
	var hashErr error
	if err := s.slots.do(ctx, func() { phc, hashErr = s.cost.Hash(password) }); err != nil {
		return "", err
	}
	if hashErr != nil {
		return "", fault.Wrap(hashErr, fault.Internal, "hashing a password")
	}
	return phc, nil
}

// insertUser refuses a name that looks like one that was ever given; deleted users keep theirs.
func insertUser(tx *db.Tx, u userRow) error {
	if err := freeName(tx, u.UsernameKey); err != nil {
		return err
	}
	return tx.Gorm().Create(&u).Error
}

func freeName(tx *db.Tx, key string) error {
	var taken int64
	if err := tx.Gorm().Model(&userRow{}).Where("username_key = ?", key).Count(&taken).Error; err != nil {
		return err
	}
	if taken > 0 {
		return fault.New(fault.Conflict, "This user name, or one that looks like it, is or was in use.").WithField("username")
	}
	return nil
}

// UserByName answers the user of that name, whatever its case and width; NotFound if there is none. It is for the
// command line and asks nobody's permission.
func (s *Service) UserByName(ctx context.Context, name string) (User, error) {
	row, err := s.userRowByName(ctx, name)
	return row.user(), err
}

func (s *Service) userRowByName(ctx context.Context, name string) (userRow, error) {
	none := fault.New(fault.NotFound, "There is no such user.")
	if len(name) > names.MaxBytes {
		return userRow{}, none
	}
	row, ok, err := s.store.userByKey(context.WithoutCancel(ctx), names.Skeleton(name))
	if err == nil && (!ok || names.Fold(row.Username) != names.Fold(name)) {
		return userRow{}, none
	}
	return row, err
}
