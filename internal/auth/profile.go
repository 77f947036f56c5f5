package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// ChangeMe changes the caller's own shown name and language; a nil member stays as it is. Only a person with a session may,
// others are Forbidden: a key's holder is not the one whom others see under the name. What the rules of names refuse is
// Invalid. Nothing that decides about rights changes, and no session ends.
func (s *Service) ChangeMe(ctx context.Context, p access.Principal, displayName, language *string) (changed User, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.SessionOwn, Resource: userTarget(p.UserID)})
	if err != nil {
		return User{}, err
	}
	c := UserChange{DisplayName: displayName, Language: language}
	if p.Kind != access.KindUser || p.SessionID == "" {
		return User{}, refuse(ctx, pass, fault.New(fault.Forbidden, "A profile is changed by its owner, signed in."), c.asked())
	}
	if err := c.check(); err != nil {
		return User{}, refuse(ctx, pass, err, c.asked())
	}
	defer pass.Close(&err)
	var plan userPlan
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.guard.Administer(tx, p, access.SessionOwn); err != nil {
			return c.asked(), err
		}
		old, err := livingUser(tx, p.UserID)
		if err != nil {
			return c.asked(), err
		}
		plan = userPlan{}
		plan.fill(old, c, "")
		return plan.details, nil
	}}
	if err := commit(ctx, pass, out, func(tx *db.Tx) error { return s.storeChange(tx, &plan) }); err != nil {
		return User{}, err
	}
	return plan.next.user(), nil
}
