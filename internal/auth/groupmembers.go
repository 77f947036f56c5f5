package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// SetMember puts a user into a group (in) or takes him out, for a caller with user.manage whose own actions cover the user's
// role (Forbidden, threat Z4). Where a model rule makes that a grant, which is to join a group that an allow names or to leave
// one that a deny names, the caller also needs acl.manage: to belong to the group himself is not enough, as a deny may take from
// him what the group gives; a session that did not confirm is asked to (ConfirmationRequired). Report-only rules count like
// enforced ones: they are about to be. An unknown group or user is NotFound, one group too many Unprocessable. What is so
// already is no error. The change is in force when this returns.
func (s *Service) SetMember(ctx context.Context, p access.Principal, group, user string, in bool) (err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.UserManage, Resource: groupTarget(group)})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	m := membership{caller: p, in: in}
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		err := s.planMember(tx, &m, group, user)
		return m.details(), err
	}}
	return commit(ctx, pass, out, func(tx *db.Tx) error {
		if m.nothing {
			return nil
		}
		if err := setMember(tx, m.group.ID, m.user.ID, in); err != nil {
			return err
		}
		return s.guard.Changed(tx, m.group.ID+" has other members")
	})
}

// membership is a change of one person's groups on its way.
type membership struct {
	caller  access.Principal
	in      bool
	group   groupRow
	user    userRow
	nothing bool // it is so already
}

// details name whom and what, as far as they were found.
func (m membership) details() map[string]any {
	d := map[string]any{"change": "group_remove"}
	if m.in {
		d["change"] = "group_add"
	}
	if m.nothing {
		d["change"] = "none"
	}
	if m.group.ID != "" {
		d["name"] = m.group.Name
	}
	if m.user.ID != "" {
		d["member"] = userResource(m.user.ID)
	}
	return d
}

// planMember decides inside the transaction, on the rows as they are then.
func (s *Service) planMember(tx *db.Tx, m *membership, group, user string) (err error) {
	if err := s.guard.Administer(tx, m.caller, access.UserManage); err != nil {
		return err
	}
	if m.group, err = livingGroup(tx, group, nil); err != nil {
		return err
	}
	if m.user, err = livingUser(tx, user); err != nil {
		return err
	}
	if err := s.guard.Administer(tx, m.caller, access.UserManage, m.user.Role); err != nil {
		return aboutThem(err)
	}
	now, err := isMember(tx, m.group.ID, m.user.ID)
	if err != nil {
		return err
	}
	if m.nothing = now == m.in; m.nothing {
		return nil
	}
	if err := s.mayMove(tx, *m); err != nil || !m.in {
		return err
	}
	n, err := groupsOf(tx, m.user.ID)
	if err == nil && n >= maxGroupsOf {
		err = fault.Newf(fault.Unprocessable, "This account is in %d groups already: take it out of one first.", n).WithField("user")
	}
	return err
}

// mayMove refuses a move that gives more than the caller may give.
func (s *Service) mayMove(tx *db.Tx, m membership) error {
	named, err := rulesOnGroup(tx, m.group.ID)
	if err != nil {
		return err
	}
	if grants := (m.in && named.allow) || (!m.in && named.deny); !grants {
		return nil
	}
	err = s.guard.Administer(tx, m.caller, access.ACLManage)
	if err == nil {
		return m.caller.Confirmed()
	}
	if fault.CodeOf(err) != fault.Forbidden {
		return err
	}
	return fault.New(fault.Forbidden, "Model rules name this group, so this would open models: ask somebody with acl.manage.")
}
