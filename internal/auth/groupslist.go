package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/names"
	"guardhouse/internal/fault"
)

const listGroups = "groups"

// ListGroups answers a page of groups, oldest first, to a caller with user.manage; query is a part of the name or note. A
// limit of 0 means 50.
func (s *Service) ListGroups(ctx context.Context, p access.Principal, query string, limit int, cursor string) (GroupPage, error) {
	if !s.guard.Can(p, access.UserManage) {
		return GroupPage{}, s.forbidList(ctx, p, access.UserManage)
	}
	limit, err := pageLimit(limit)
	if err == nil && !isLine(query, maxQuery) {
		err = fault.New(fault.Invalid, "q is one line of at most 128 characters.").WithField("q")
	}
	if err != nil {
		return GroupPage{}, err
	}
	list := listGroups + "\x00" + query
	after, err := s.unseal(list, p.UserID, cursor)
	if err != nil {
		return GroupPage{}, err
	}
	rows, err := s.store.groups(context.WithoutCancel(ctx), query, after, limit+1)
	if err != nil {
		return GroupPage{}, err
	}
	page := GroupPage{Items: []Group{}}
	if len(rows) > limit {
		rows = rows[:limit]
		page.NextCursor = s.seal(list, p.UserID, rows[limit-1].ID)
	}
	for _, r := range rows {
		page.Items = append(page.Items, r.group())
	}
	return page, nil
}

// GetGroup answers one group to a caller with user.manage; NotFound for an unknown or deleted one.
func (s *Service) GetGroup(ctx context.Context, p access.Principal, id string) (Group, error) {
	if !s.guard.Can(p, access.UserManage) {
		return Group{}, s.reject(ctx, p, access.Op{Action: access.UserManage, Resource: groupTarget(id)},
			refusal{err: fault.New(fault.Forbidden, "You may not do this.")})
	}
	return s.groupByID(ctx, id)
}

// GroupByName answers the group of that name, whatever its case and width; NotFound if there is none. It is for the command
// line and asks nobody's permission.
func (s *Service) GroupByName(ctx context.Context, name string) (Group, error) {
	if len(name) > names.MaxBytes {
		return Group{}, noSuchGroup()
	}
	row, ok, err := s.store.group(context.WithoutCancel(ctx), "name_key = ?", names.Skeleton(name))
	if err == nil && (!ok || names.Fold(row.Name) != names.Fold(name)) {
		err = noSuchGroup()
	}
	if err != nil {
		return Group{}, err
	}
	return row.group(), nil
}

func (s *Service) groupByID(ctx context.Context, id string) (Group, error) {
	row, ok, err := s.store.group(context.WithoutCancel(ctx), "id = ?", id)
	if err == nil && !ok {
		err = noSuchGroup()
	}
	if err != nil {
		return Group{}, err
	}
	return row.group(), nil
}

// addGroups fills in which groups the users are in.
func (s *Service) addGroups(ctx context.Context, users []User) error {
	ids := make([]string, 0, len(users))
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	of, err := s.store.groupsOfUsers(context.WithoutCancel(ctx), ids)
	if err != nil {
		return err
	}
	for i := range users {
		if users[i].Groups = of[users[i].ID]; users[i].Groups == nil {
			users[i].Groups = []GroupRef{}
		}
	}
	return nil
}
