package auth

import (
	"context"
	"errors"
	"slices"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

const maxQuery = 128

// UserFilter narrows a list of users; an empty member narrows nothing. Query is a part of the user name or the name shown,
// whatever its case; Group is the id of one. Deleted users are listed only with Status "deleted".
type UserFilter struct{ Role, Status, Kind, Query, Group string }

// check refuses values that no user can have (Invalid).
func (f UserFilter) check() error {
	switch {
	case !slices.Contains([]string{"", statusActive, statusDisabled, statusInvited, statusDeleted}, f.Status):
		return fault.New(fault.Invalid, "status is active, disabled, invited or deleted.").WithField("status")
	case !slices.Contains([]string{"", KindPerson, KindService}, f.Kind):
		return fault.New(fault.Invalid, "kind is person or service.").WithField("kind")
	case f.Role != "" && !access.ValidRoleName(f.Role):
		return fault.New(fault.Invalid, "role is the name of a role.").WithField("role")
	case f.Group != "" && groupTarget(f.Group) == "":
		return fault.New(fault.Invalid, "group is the id of a group.").WithField("group")
	case !isLine(f.Query, maxQuery):
		return fault.New(fault.Invalid, "q is one line of at most 128 characters.").WithField("q")
	}
	return nil
}

// list names the list that a cursor belongs to: with another filter it is another list.
func (f UserFilter) list() string {
	return strings.Join([]string{listUsers, f.Role, f.Status, f.Kind, f.Query, f.Group}, "\x00")
}

const (
	listUsers = "users"
	listKeys  = "keys"
)

// ListUsers answers a page of users, oldest first, to a caller with user.manage. A limit of 0 means 50. A cursor is good for
// the same filter only.
func (s *Service) ListUsers(ctx context.Context, p access.Principal, f UserFilter, limit int, cursor string) (UserPage, error) {
	if !s.guard.Can(p, access.UserManage) {
		return UserPage{}, s.forbidList(ctx, p, access.UserManage)
	}
	limit, err := pageLimit(limit)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return UserPage{}, err
	}
	after, err := s.unseal(f.list(), p.UserID, cursor)
	if err != nil {
		return UserPage{}, err
	}
	rows, err := s.store.users(context.WithoutCancel(ctx), f, after, limit+1)
	if err != nil {
		return UserPage{}, err
	}
	page := UserPage{Items: []User{}}
	if len(rows) > limit {
		rows = rows[:limit]
		page.NextCursor = s.seal(f.list(), p.UserID, rows[limit-1].ID)
	}
	for _, r := range rows {
		page.Items = append(page.Items, r.user())
	}
	return page, errors.Join(s.addUse(ctx, page.Items), s.addGroups(ctx, page.Items))
}

// addUse fills in what the users were seen doing.
func (s *Service) addUse(ctx context.Context, users []User) error {
	ids := make([]string, 0, len(users))
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	uses, err := s.store.uses(context.WithoutCancel(ctx), ids, s.clock(), s.times.Load().Idle)
	if err != nil {
		return err
	}
	for i := range users {
		of := uses[users[i].ID]
		seen := fromMillisPtr(of.Seen)
		if in := users[i].LastLoginAt; seen == nil || (in != nil && in.After(*seen)) {
			seen = in
		}
		users[i].Use = &Use{LastSeenAt: seen, Sessions: of.Sessions, Keys: of.Keys}
	}
	return nil
}

// GetUser answers one user to a caller with user.manage; NotFound for an unknown or deleted one.
func (s *Service) GetUser(ctx context.Context, p access.Principal, id string) (User, error) {
	if !s.guard.Can(p, access.UserManage) {
		return User{}, s.forbidUser(ctx, p, id)
	}
	row, ok, err := s.store.userByID(context.WithoutCancel(ctx), id)
	if err == nil && !ok {
		err = noSuchUser()
	}
	if err != nil {
		return User{}, err
	}
	users := []User{row.user()}
	err = errors.Join(s.addUse(ctx, users), s.addGroups(ctx, users))
	return users[0], err
}

// forbidList leaves the refusal's row: plain lists have none, refused ones do.
func (s *Service) forbidList(ctx context.Context, p access.Principal, a access.Action) error {
	return s.reject(ctx, p, access.Op{Action: a}, refusal{err: fault.New(fault.Forbidden, "You may not do this.")})
}

// forbidUser is forbidList for what belongs to one user.
func (s *Service) forbidUser(ctx context.Context, p access.Principal, id string) error {
	return s.reject(ctx, p, access.Op{Action: access.UserManage, Resource: userTarget(id)},
		refusal{err: fault.New(fault.Forbidden, "You may not do this.")})
}
