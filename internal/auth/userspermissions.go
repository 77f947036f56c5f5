package auth

import (
	"context"
	"time"

	"guardhouse/internal/access"
)

// Reasons of a permission line.
const (
	reasonRole      = "role"       // the role has the action
	reasonRoleLacks = "role_lacks" // it has not
	reasonNotActive = "not_active" // the role has it, but the user is disabled or not yet in
)

// PermissionLine says of one action whether a user may do it and why: by which role, and how the role came to that.
// ChangedBy is a name; it and EventID, the audit row's id, are empty where the product came like that.
type PermissionLine struct {
	Action             access.Action
	Allowed            bool
	Reason, Role       string
	Source             string
	ChangedAt          *time.Time
	ChangedBy, EventID string
}

// UserPermissions answers one line for each action, in the order of the roles table, to the user himself or to a caller with
// user.manage; others are Forbidden. NotFound for an unknown or deleted user.
func (s *Service) UserPermissions(ctx context.Context, p access.Principal, id string) ([]PermissionLine, error) {
	own := p.UserID != "" && p.UserID == id && (p.Kind == access.KindUser || p.Kind == access.KindKey)
	if !own && !s.guard.Can(p, access.UserManage) {
		return nil, s.forbidUser(ctx, p, id)
	}
	ctx = context.WithoutCancel(ctx)
	row, ok, err := s.store.userByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noSuchUser()
	}
	cells, err := s.guard.RoleCells(ctx, row.Role)
	if err != nil {
		return nil, err
	}
	lines := make([]PermissionLine, 0, len(cells))
	for _, c := range cells {
		lines = append(lines, permissionLine(row, c))
	}
	return lines, nil
}

func permissionLine(u userRow, c access.Cell) PermissionLine {
	l := PermissionLine{
		Action: c.Action, Allowed: c.Allowed && u.Status == statusActive, Reason: reasonRole, Role: u.Role,
		Source: c.Source, ChangedAt: c.ChangedAt, ChangedBy: c.ChangedBy, EventID: c.EventID,
	}
	switch {
	case !c.Allowed:
		l.Reason = reasonRoleLacks
	case !l.Allowed:
		l.Reason = reasonNotActive
	}
	return l
}
