package access

import (
	"context"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// PutRole makes or changes a role for a caller with user.manage, and answers it and whether it is new. What it holds now and
// what it shall hold must both be within the caller's own actions (Forbidden, threat Z4), asked again in the transaction.
// It refuses a name that is none (Invalid), an unknown action and one role too many (Unprocessable), another version than the given one (Stale),
// a role that exists where Create is set and admin without its administration (Conflict), and a browser's session that did not
// confirm (ConfirmationRequired). The change is in force when this
// returns; sessions go on, because rights are read at every request.
func (g *Guard) PutRole(ctx context.Context, p Principal, name string, c RoleChange) (r Role, created bool, err error) {
	pass, err := g.Enter(ctx, p, Op{Action: UserManage, Resource: RoleTarget(name)})
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
	pass, err := g.Enter(ctx, p, Op{Action: UserManage, Resource: RoleTarget(name)})
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
