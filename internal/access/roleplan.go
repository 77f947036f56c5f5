package access

import (
	"errors"
	"slices"
	"strings"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// planRole decides inside the transaction. Whatever it answers beside an error is what was asked for.
func (g *Guard) planRole(tx *db.Tx, p Principal, name string, c RoleChange) (roleWrite, error) {
	w := roleWrite{change: "role", name: name}
	c, err := c.check(name)
	if err != nil {
		return w, err
	}
	old, exists, err := lockedRole(tx, name)
	if err != nil {
		return w, err
	}
	held := []Action{}
	if exists {
		if held, _, err = roleActions(tx, name); err != nil {
			return w, err
		}
	}
	w.fresh, w.description = !exists, old.Description
	if w.fresh {
		w.change = "create"
	}
	if c.Description != nil {
		w.description = *c.Description
	}
	if c.Actions != nil {
		w.granted = without(c.Actions, held)
		w.revoked = without(held, c.Actions)
	}
	if w.nothing = exists && w.description == old.Description && len(w.granted)+len(w.revoked) == 0; w.nothing {
		w.change = "none"
	}
	return w, g.judgeRole(tx, p, w, c, old, held)
}

// judgeRole refuses what may not be: first by right, then by what the caller saw, then by what must stay.
func (g *Guard) judgeRole(tx *db.Tx, p Principal, w roleWrite, c RoleChange, old Role, held []Action) error {
	st, err := g.standing(tx, p)
	if err != nil {
		return err
	}
	if !st.May(UserManage) {
		return fault.New(fault.Forbidden, notAllowed)
	}
	if !st.Covers(held) {
		return beyondOwn()
	}
	if !st.Covers(w.granted) {
		return fault.New(fault.Forbidden, "Among these actions are some that you do not hold: ask somebody who holds all of them.").WithField("actions")
	}
	if err := p.Confirmed(); err != nil {
		return err
	}
	switch {
	case !w.fresh && c.Create:
		return fault.New(fault.Conflict, "There is a role of that name already.").WithField("role")
	case c.Version != nil && (w.fresh || *c.Version != old.Version):
		return stale()
	case w.fresh:
		return roomForRole(tx)
	case w.name == adminRole:
		return keepsFloor(w.revoked)
	}
	return nil
}

// roomForRole refuses a role beyond maxRoles.
func roomForRole(tx *db.Tx) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM roles`).Scan(&n); err != nil {
		return db.Translate(err)
	}
	if n >= maxRoles {
		return fault.Newf(fault.Unprocessable, "There are %d roles already: delete one that nobody has.", n).WithField("role")
	}
	return nil
}

// keepsFloor refuses to take administration from the role admin: nobody could give it back.
func keepsFloor(revoked []Action) error {
	var lost []string
	for _, a := range adminFloor() {
		if slices.Contains(revoked, a) {
			lost = append(lost, string(a))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return fault.Newf(fault.Conflict, "The role admin always keeps %s.", strings.Join(lost, ", ")).WithField("actions")
}

func stale() error {
	return fault.New(fault.Stale, "Somebody changed this meanwhile. Read it again, then decide.")
}

// without answers those of list that are not in other.
func without(list, other []Action) []Action {
	return slices.DeleteFunc(slices.Clone(list), func(a Action) bool { return slices.Contains(other, a) })
}

// lockedRole reads the role inside the transaction that depends on it; version 0 if there is none.
func lockedRole(tx *db.Tx, name string) (Role, bool, error) {
	roles, err := loadRoles(writeTx{tx}, name)
	if err != nil || len(roles) == 0 {
		return Role{}, false, err
	}
	return roles[0], true, nil
}

// planRoleEnd decides inside the transaction whether the role may go.
func (g *Guard) planRoleEnd(tx *db.Tx, p Principal, name string, version *int64) (roleWrite, error) {
	w := roleWrite{change: "delete", name: name}
	if err := g.Administer(tx, p, UserManage); err != nil {
		return w, err
	}
	if !ValidRoleName(name) {
		return w, noSuchRole()
	}
	old, exists, err := lockedRole(tx, name)
	if err != nil {
		return w, err
	}
	if !exists {
		return w, noSuchRole()
	}
	if w.revoked, _, err = roleActions(tx, name); err != nil {
		return w, err
	}
	if err := errors.Join(g.Administer(tx, p, UserManage, name), p.Confirmed()); err != nil {
		return w, err
	}
	var rules int
	if err := tx.QueryRow(`SELECT count(*) FROM acl_rule_principals WHERE kind = 'role' AND ref = ?`, name).Scan(&rules); err != nil {
		return w, db.Translate(err)
	}
	switch {
	case version != nil && *version != old.Version:
		return w, stale()
	case old.Builtin:
		return w, fault.New(fault.Conflict, "A role that came with the product can't be deleted: take its actions instead.")
	case old.Users > 0:
		return w, fault.New(fault.Conflict, "Somebody has this role: give them another first.")
	case rules > 0:
		// A later role of that name would inherit the rule (threat Z7).
		return w, fault.New(fault.Conflict, "A model rule names this role: change the rule first.")
	}
	return w, nil
}
