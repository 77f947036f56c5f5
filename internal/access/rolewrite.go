package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// PutRole makes or changes a role for a caller with user.manage, and answers it and whether it is new. What it holds now and
// what it shall hold must both be within the caller's own actions (Forbidden, threat Z4), asked again in the transaction.
// It refuses a name that is none (Invalid), an unknown action (Unprocessable), another version than the given one (Stale),
// a role that exists where Create is set and admin without its administration (Conflict). The change is in force when this
// returns; sessions go on, because rights are read at every request.
func (g *Guard) PutRole(ctx context.Context, p Principal, name string, c RoleChange) (r Role, created bool, err error) {
	pass, err := g.Enter(ctx, p, Op{Action: UserManage, Resource: roleResource(name)})
	if err != nil {
		return Role{}, false, err
	}
	defer pass.Close(&err)
	var w roleWrite
	out := Outcome{Check: func(tx *db.Tx) (details map[string]any, err error) {
		w, err = g.planRole(tx, p, name, c)
		return w.details(), err
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error {
		if w.nothing {
			return nil
		}
		if err := w.store(tx, ev); err != nil || (!w.fresh && len(w.granted)+len(w.revoked) == 0) {
			return err
		}
		return g.Changed(tx, "role "+name+" changed")
	})
	if err != nil {
		return Role{}, false, err
	}
	r, err = g.readRole(context.WithoutCancel(ctx), name)
	return r, w.fresh, err
}

// DeleteRole removes a role that nobody has and no model rule names; both are Conflict, as is a shipped one. It refuses as
// PutRole does, and NotFound for an unknown role.
func (g *Guard) DeleteRole(ctx context.Context, p Principal, name string, version *int64) (err error) {
	pass, err := g.Enter(ctx, p, Op{Action: UserManage, Resource: roleResource(name)})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	var w roleWrite
	out := Outcome{Check: func(tx *db.Tx) (details map[string]any, err error) {
		w, err = g.planRoleEnd(tx, p, name, version)
		return w.details(), err
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error {
		if err := w.remove(tx, ev); err != nil {
			return err
		}
		return g.Changed(tx, "role "+name+" deleted")
	})
	return err
}

// roleWrite is a change that was found good: what the audit row and the tables say of it.
type roleWrite struct {
	change           string
	name             string
	description      string
	fresh, nothing   bool // it is new; it is that already
	granted, revoked []Action
}

func (w roleWrite) details() map[string]any {
	d := map[string]any{"change": w.change}
	if len(w.granted) > 0 {
		d["granted"] = words(w.granted)
	}
	if len(w.revoked) > 0 {
		d["revoked"] = words(w.revoked)
	}
	return d
}

func words(actions []Action) []any {
	out := make([]any, 0, len(actions))
	for _, a := range actions {
		out = append(out, string(a))
	}
	return out
}

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
	if !st.Covers(held) || !st.Covers(w.granted) {
		return beyondOwn()
	}
	switch {
	case !w.fresh && c.Create:
		return fault.New(fault.Conflict, "There is a role of that name already.").WithField("role")
	case c.Version != nil && *c.Version != old.Version:
		return stale()
	case w.name == adminRole:
		return keepsFloor(w.revoked)
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
	if err := g.Administer(tx, p, UserManage, name); err != nil {
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

// store writes the role and who changed which cell.
func (w roleWrite) store(tx *db.Tx, ev audit.Event) error {
	now := tx.Now().UnixMilli()
	query := `UPDATE roles SET description = ?2, updated_at = ?3, version = version + 1 WHERE name = ?1`
	if w.fresh {
		query = `INSERT INTO roles (name, builtin, created_at, description, updated_at, version) VALUES (?1, 0, ?3, ?2, ?3, 1)`
	}
	if _, err := tx.Exec(query, w.name, w.description, now); err != nil {
		return db.Translate(err)
	}
	for _, a := range w.granted {
		if _, err := tx.Exec(`INSERT INTO casbin_rules (ptype, v0, v1) VALUES ('p', ?, ?)`, w.name, string(a)); err != nil {
			return db.Translate(err)
		}
	}
	for _, a := range w.revoked {
		if _, err := tx.Exec(`DELETE FROM casbin_rules WHERE ptype = 'p' AND v0 = ? AND v1 = ?`, w.name, string(a)); err != nil {
			return db.Translate(err)
		}
	}
	untouched := []Action{}
	if w.fresh { // whoever makes a role decides on every cell of it
		untouched = without(AllActions(), w.granted)
	}
	return errors.Join(w.note(tx, ev, w.granted, 1), w.note(tx, ev, w.revoked, 0), w.note(tx, ev, untouched, 0))
}

// note says of each cell who changed it and in which audit row that stands.
func (w roleWrite) note(tx *db.Tx, ev audit.Event, actions []Action, granted int) error {
	for _, a := range actions {
		_, err := tx.Exec(`INSERT INTO role_changes (role, action, granted, at, actor_id, actor_name, event_id) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			w.name, string(a), granted, ev.At.Truncate(time.Millisecond).UnixMilli(), ev.Actor.ID, ev.Actor.Name, ev.ID)
		if err != nil {
			return db.Translate(err)
		}
	}
	return nil
}

// remove deletes the role. Deleted users who had it hold a shipped one from then on: their rows stay for their names.
func (w roleWrite) remove(tx *db.Tx, ev audit.Event) error {
	if err := w.note(tx, ev, w.revoked, 0); err != nil {
		return err
	}
	for _, query := range []string{
		`DELETE FROM casbin_rules WHERE ptype = 'p' AND v0 = ?`,
		`UPDATE users SET role = 'guest' WHERE role = ? AND status = 'deleted'`,
		`DELETE FROM roles WHERE name = ?`,
	} {
		if _, err := tx.Exec(query, w.name); err != nil {
			return db.Translate(err)
		}
	}
	return nil
}
