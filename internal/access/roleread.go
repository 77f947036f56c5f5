package access

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// querier is a transaction that reads: the pool's or the writer's.
type querier interface {
	query(query string, args ...any) (*sql.Rows, error)
}

type readTx struct {
	ctx context.Context //nolint:containedctx // lives as long as one read
	tx  *sql.Tx
}

func (r readTx) query(query string, args ...any) (*sql.Rows, error) {
	return r.tx.QueryContext(r.ctx, query, args...)
}

type writeTx struct{ tx *db.Tx }

func (w writeTx) query(query string, args ...any) (*sql.Rows, error) {
	return w.tx.Query(query, args...)
}

// Roles answers every role by name, with the cells of the matrix, to a caller with user.manage. It refuses others
// (Forbidden, with its row).
func (g *Guard) Roles(ctx context.Context, p Principal) ([]Role, error) {
	if !g.Can(p, UserManage) {
		return nil, g.forbidRead(ctx, p, "")
	}
	return g.readRoles(ctx, "")
}

// Role is Roles for one; NotFound if there is none of that name.
func (g *Guard) Role(ctx context.Context, p Principal, name string) (Role, error) {
	if !g.Can(p, UserManage) {
		return Role{}, g.forbidRead(ctx, p, RoleTarget(name))
	}
	return g.readRole(ctx, name)
}

// RoleCells answers the cells of one role to whoever shows a person's rights; it asks nobody's permission. NotFound if there
// is no such role.
func (g *Guard) RoleCells(ctx context.Context, name string) ([]Cell, error) {
	r, err := g.readRole(ctx, name)
	return r.Cells, err
}

func (g *Guard) readRole(ctx context.Context, name string) (Role, error) {
	if !ValidRoleName(name) {
		return Role{}, noSuchRole()
	}
	roles, err := g.readRoles(ctx, name)
	if err != nil {
		return Role{}, err
	}
	if len(roles) == 0 {
		return Role{}, noSuchRole()
	}
	return roles[0], nil
}

// forbidRead leaves the refusal's row: plain reads have none, refused ones do.
func (g *Guard) forbidRead(ctx context.Context, p Principal, resource string) error {
	if err := g.Reject(ctx, p, Op{Action: UserManage, Resource: resource}, audit.Deny, reasonRole); err != nil {
		return err
	}
	return fault.New(fault.Forbidden, notAllowed)
}

// readRoles reads the named role, or all for "", from one state of the database.
func (g *Guard) readRoles(ctx context.Context, name string) (roles []Role, err error) {
	tx, err := g.db.ReadSQL().BeginTx(ctx, nil)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // a read has nothing to commit
	return loadRoles(readTx{ctx, tx}, name)
}

const (
	rolesSQL = `SELECT name, description, builtin, version, created_at, updated_at,
		(SELECT count(*) FROM users WHERE users.role = roles.name AND users.status <> 'deleted')
		FROM roles WHERE ?1 = '' OR name = ?1 ORDER BY name`
	permissionsSQL = `SELECT v0, v1 FROM casbin_rules WHERE ptype = 'p' AND (?1 = '' OR v0 = ?1)`
	// The last change of each cell: SQLite takes the other columns from the row that has the maximum.
	changesSQL = `SELECT role, action, at, actor_name, event_id, max(id) FROM role_changes WHERE ?1 = '' OR role = ?1 GROUP BY role, action`
)

// loadRoles answers the named role, or all for "", by name.
func loadRoles(q querier, name string) ([]Role, error) {
	var roles []Role
	index := map[string]int{}
	err := eachRow(q, rolesSQL, name, func(scan func(...any) error) error {
		var r Role
		var created, updated int64
		err := scan(&r.Name, &r.Description, &r.Builtin, &r.Version, &created, &updated, &r.Users)
		r.CreatedAt, r.UpdatedAt = at(created), at(max(created, updated))
		r.Actions = []Action{}
		index[r.Name] = len(roles)
		roles = append(roles, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	cells := map[permission]Cell{}
	err = eachRow(q, changesSQL, name, func(scan func(...any) error) error {
		var of permission
		var changed, id int64
		c := Cell{Source: SourceChanged}
		err := scan(&of.role, &of.action, &changed, &c.ChangedBy, &c.EventID, &id)
		when := at(changed)
		c.ChangedAt = &when
		cells[of] = c
		return err
	})
	if err != nil {
		return nil, err
	}
	held := map[permission]bool{}
	err = eachRow(q, permissionsSQL, name, func(scan func(...any) error) error {
		var of permission
		err := scan(&of.role, &of.action)
		held[of] = true
		return err
	})
	for i := range roles {
		roles[i].fill(held, cells)
	}
	return roles, err
}

// fill lists the role's actions and cells in the order of the table.
func (r *Role) fill(held map[permission]bool, changes map[permission]Cell) {
	for _, a := range AllActions() {
		of := permission{r.Name, string(a)}
		c, ok := changes[of]
		if !ok {
			c = Cell{Source: SourceShipped}
		}
		c.Action, c.Allowed = a, held[of]
		c.Keeps = r.Name == adminRole && slices.Contains(adminFloor(), a)
		r.Cells = append(r.Cells, c)
		if c.Allowed {
			r.Actions = append(r.Actions, a)
		}
	}
}

// Holds says whether the role has the action.
func (r Role) Holds(a Action) bool { return slices.Contains(r.Actions, a) }

func eachRow(q querier, query, arg string, row func(scan func(...any) error) error) (err error) {
	rows, err := q.query(query, arg)
	if err != nil {
		return db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return db.Translate(err)
		}
	}
	return db.Translate(rows.Err())
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
