package auth

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/names"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	maxGroupNote = 256
	// maxGroups bounds the list that every change of the policy reads.
	maxGroups = 1_000
	// maxGroupsOf bounds the faces that one person shows to the rules.
	maxGroupsOf = 100
)

// Group is people under one name, which model rules may speak of. Members counts the accounts in it, Rules the model rules
// that name it. Version counts its changes, those of its members too.
type Group struct {
	ID, Name, Note string
	Members, Rules int
	CreatedAt      time.Time
	Version        int64
}

// GroupRef is what is shown of a group beside a person.
type GroupRef struct{ ID, Name string }

// GroupPage is one page of groups; NextCursor is empty on the last.
type GroupPage struct {
	Items      []Group
	NextCursor string
}

// NewGroup asks for a group.
type NewGroup struct{ Name, Note string }

// GroupChange is what a group shall be; a nil Note stays as it is. Version, if given, is the one that the caller saw.
type GroupChange struct {
	Note    *string
	Version *int64
}

// CreateGroup makes a group for a caller with user.manage. Its name follows the rules of user names and is never given again,
// neither is one that looks like it (Conflict, threat Z7): whoever reads an old rule must not mean other people. It refuses a
// name or note that is none (Invalid) and one group too many (Unprocessable).
func (s *Service) CreateGroup(ctx context.Context, p access.Principal, g NewGroup) (made Group, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.UserManage})
	if err != nil {
		return Group{}, err
	}
	asked := map[string]any{"change": "group_create"}
	row, err := s.newGroupRow(g)
	if err != nil {
		return Group{}, refuse(ctx, pass, err, asked)
	}
	defer pass.Close(&err)
	out := access.Outcome{Resource: groupResource(row.ID), Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.guard.Administer(tx, p, access.UserManage); err != nil {
			return asked, err
		}
		if err := roomForGroup(tx, row.NameKey); err != nil {
			return asked, err
		}
		return map[string]any{"change": "group_create", "name": row.Name}, nil
	}}
	err = commit(ctx, pass, out, func(tx *db.Tx) error {
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return err
		}
		return s.guard.Changed(tx, row.ID+" made")
	})
	if err != nil {
		return Group{}, err
	}
	return row.group(), nil
}

func (s *Service) newGroupRow(g NewGroup) (groupRow, error) {
	name, err := cleanGroupName(g.Name)
	if err == nil {
		err = checkNote(g.Note)
	}
	if err != nil {
		return groupRow{}, err
	}
	now := s.clock()
	id, err := newID(groupPrefix, now)
	return groupRow{ID: id, Name: name, NameKey: names.Skeleton(name), Note: g.Note, CreatedAt: millis(now), Version: 1}, err
}

// cleanGroupName is names.Clean with words of its own.
func cleanGroupName(raw string) (string, error) {
	name, err := names.Clean(raw)
	if fault.CodeOf(err) == fault.Invalid {
		err = fault.New(fault.Invalid, "A group's name has 2 to 64 letters, digits, dots, underscores, hyphens and @ signs, in one script.").WithField("name")
	}
	return name, err
}

func checkNote(note string) error {
	if !isLine(note, maxGroupNote) {
		return fault.Newf(fault.Invalid, "note is one line of at most %d characters.", maxGroupNote).WithField("note")
	}
	return nil
}

// ChangeGroup changes a group's note for a caller with user.manage and answers the group. A name can't be changed: files and
// people speak of groups by name. It refuses an unknown group (NotFound), another version (Stale) and a note that is none
// (Invalid).
func (s *Service) ChangeGroup(ctx context.Context, p access.Principal, id string, c GroupChange) (g Group, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.UserManage, Resource: groupTarget(id)})
	if err != nil {
		return Group{}, err
	}
	asked := map[string]any{"change": "group_note"}
	if c.Note != nil {
		if err := checkNote(*c.Note); err != nil {
			return Group{}, refuse(ctx, pass, err, asked)
		}
	}
	defer pass.Close(&err)
	var row groupRow
	nothing := false
	out := access.Outcome{Check: func(tx *db.Tx) (_ map[string]any, err error) {
		if err := s.guard.Administer(tx, p, access.UserManage); err != nil {
			return asked, err
		}
		if row, err = livingGroup(tx, id, c.Version); err != nil {
			return asked, err
		}
		if nothing = c.Note == nil || *c.Note == row.Note; nothing {
			return map[string]any{"change": "none"}, nil
		}
		return asked, nil
	}}
	err = commit(ctx, pass, out, func(tx *db.Tx) error {
		if nothing {
			return nil
		}
		return exec(tx, `UPDATE groups SET note = ?, version = version + 1 WHERE id = ?`, *c.Note, row.ID)
	})
	if err != nil {
		return Group{}, err
	}
	return s.groupByID(ctx, row.ID)
}

// DeleteGroup ends a group for a caller with user.manage: its members leave it, its name stays taken. A group that a model
// rule names is Conflict, for a deny that names nobody lets its people in; so is an unknown one NotFound and another version
// Stale.
func (s *Service) DeleteGroup(ctx context.Context, p access.Principal, id string, version *int64) (err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.UserManage, Resource: groupTarget(id)})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	var row groupRow
	out := access.Outcome{Check: func(tx *db.Tx) (details map[string]any, err error) {
		row, details, err = s.planGroupEnd(tx, p, id, version)
		return details, err
	}}
	return commit(ctx, pass, out, func(tx *db.Tx) error {
		if err := endGroup(tx, row.ID, s.clock()); err != nil {
			return err
		}
		return s.guard.Changed(tx, row.ID+" deleted")
	})
}

func (s *Service) planGroupEnd(tx *db.Tx, p access.Principal, id string, version *int64) (row groupRow, details map[string]any, err error) {
	details = map[string]any{"change": "group_delete"}
	if err := s.guard.Administer(tx, p, access.UserManage); err != nil {
		return row, details, err
	}
	if row, err = livingGroup(tx, id, version); err != nil {
		return row, details, err
	}
	details["name"] = row.Name
	named, err := rulesOnGroup(tx, row.ID)
	if err != nil {
		return row, details, err
	}
	if named.allow || named.deny {
		return row, details, fault.New(fault.Conflict, "A model rule names this group: change the rule first.")
	}
	members, err := membersOf(tx, row.ID)
	details["members"] = members
	return row, details, err
}

func groupResource(id string) string { return "group:" + id }
