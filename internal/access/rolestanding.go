package access

import (
	"errors"
	"slices"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Standing is what a principal may do as the tables say inside one transaction, whatever was true when it entered.
type Standing struct {
	everything bool
	actions    []Action
}

// May says whether the action is among the principal's.
func (s Standing) May(a Action) bool { return s.everything || slices.Contains(s.actions, a) }

// Covers says whether the principal holds every one of actions: only then may it give, take or administer them (threat Z4).
func (s Standing) Covers(actions []Action) bool {
	return !slices.ContainsFunc(actions, func(a Action) bool { return !s.May(a) })
}

// Administer is the check of every administrative act, made in its own transaction: the account, session or key that p came
// with is still good, the role it has by now holds action, and each of roles holds nothing more than p does. It answers
// Unauthenticated, Forbidden, or Unprocessable for a role that does not exist; the roles are asked for in order.
func (g *Guard) Administer(tx *db.Tx, p Principal, action Action, roles ...string) error {
	st, err := g.standing(tx, p)
	if err != nil {
		return err
	}
	if !st.May(action) {
		return fault.New(fault.Forbidden, notAllowed)
	}
	for _, role := range roles {
		actions, exists, err := roleActions(tx, role)
		switch {
		case err != nil:
			return err
		case !exists:
			return fault.New(fault.Unprocessable, "There is no such role.").WithField("role")
		case !st.Covers(actions):
			return beyondOwn()
		}
	}
	return nil
}

func beyondOwn() error {
	return fault.New(fault.Forbidden, "This role may do more than you may: ask somebody who holds all of it.").WithField("role")
}

// standing reads p anew. A principal that has no living row is Unauthenticated.
func (g *Guard) standing(tx *db.Tx, p Principal) (Standing, error) {
	var role string
	var err error
	at := tx.Now().UnixMilli()
	switch {
	case p.Kind == KindSystem:
		return Standing{everything: true}, nil
	case p.Kind == KindUser && p.SessionID == "":
		err = tx.QueryRow(`SELECT role FROM users WHERE id = ? AND status = 'active'`, p.UserID).Scan(&role)
	case p.Kind == KindUser:
		err = tx.QueryRow(`SELECT u.role FROM sessions s JOIN users u ON u.id = s.user_id
			WHERE s.id = ? AND u.id = ? AND u.status = 'active' AND s.epoch = u.epoch AND s.revoked_at IS NULL AND s.expires_at > ?`,
			p.SessionID, p.UserID, at).Scan(&role)
	case p.Kind == KindKey:
		err = tx.QueryRow(`SELECT u.role FROM api_keys k JOIN users u ON u.id = k.user_id
			WHERE k.id = ? AND u.id = ? AND u.status = 'active' AND k.revoked_at IS NULL AND k.suspended_at IS NULL
			AND (k.valid_until IS NULL OR k.valid_until > ?)`, p.KeyID, p.UserID, at).Scan(&role)
	default:
		return Standing{}, fault.New(fault.Forbidden, notAllowed)
	}
	if err != nil {
		if err = db.Translate(err); fault.CodeOf(err) == fault.NotFound {
			return Standing{}, fault.New(fault.Unauthenticated, "Your session or key has ended meanwhile. Sign in again.")
		}
		return Standing{}, err
	}
	actions, _, err := roleActions(tx, role)
	if p.Kind == KindKey && scoped(p) {
		actions = slices.DeleteFunc(actions, func(a Action) bool { return !openToScoped(a) })
	}
	return Standing{actions: actions}, err
}

// roleActions answers what the role holds in tx, whatever this release knows of it, and whether there is such a role.
func roleActions(tx *db.Tx, role string) (actions []Action, exists bool, err error) {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM roles WHERE name = ?`, role).Scan(&n); err != nil {
		return nil, false, db.Translate(err)
	}
	rows, err := tx.Query(`SELECT v1 FROM casbin_rules WHERE ptype = 'p' AND v0 = ? ORDER BY id`, role)
	if err != nil {
		return nil, false, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a Action
		if err := rows.Scan(&a); err != nil {
			return nil, false, db.Translate(err)
		}
		actions = append(actions, a)
	}
	return actions, n > 0, db.Translate(rows.Err())
}
