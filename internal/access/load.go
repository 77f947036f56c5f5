package access

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"guardhouse/internal/db"
)

// Reload reads roles, groups and rules in one transaction, builds a new snapshot and swaps it in. A failure leaves the old one.
func (g *Guard) Reload(ctx context.Context) (err error) {
	g.reloadMu.Lock()
	defer g.reloadMu.Unlock()
	tx, err := g.db.ReadSQL().BeginTx(ctx, nil)
	if err != nil {
		return db.Translate(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // a read has nothing to commit
	l := loader{func(query string) (*sql.Rows, error) { return tx.QueryContext(ctx, query) }}
	s, err := l.snapshot(g.allowByDef)
	if err != nil {
		return db.Translate(err)
	}
	for i := range s.list {
		if s.list[i].unreadable {
			g.log.Warn("access rule cannot be read whole: it allows nothing, or denies always", "rule_id", s.list[i].ID)
		}
	}
	g.current.Store(s)
	return nil
}

// watchEvery is how often the database is asked whether anything was committed: twice within the second that is promised.
const watchEvery = 400 * time.Millisecond

// Watch reloads what other processes change, until ctx ends. It asks for SQLite's data version, which costs no disk read,
// and looks at the policy version only when that moved. Beside that it has the rows written that sum refusals; when ctx ends
// those that are left are written too, so wait for it before closing the database.
func (g *Guard) Watch(ctx context.Context) {
	var sums sync.WaitGroup
	sums.Go(func() { g.writeSums(ctx) })
	defer sums.Wait()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			seen = g.poll(ctx, seen)
		}
	}
}

// poll answers the data version up to which the snapshot is current; on an error, the one it was given, to try again.
func (g *Guard) poll(ctx context.Context, seen int64) int64 {
	now, err := g.db.DataVersion(ctx)
	if err == nil && now == seen {
		return seen
	}
	var version int64
	if err == nil {
		err = g.db.ReadSQL().QueryRowContext(ctx, versionSQL).Scan(&version)
	}
	if err == nil && version != g.PolicyVersion() {
		err = g.Reload(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			g.log.Error("reading the access policy", "err", err)
		}
		return seen
	}
	return now
}

const versionSQL = `SELECT coalesce(max(version), 0) FROM policy_versions`

// loader reads a policy through whatever transaction asks for it.
type loader struct {
	query func(query string) (*sql.Rows, error)
}

// snapshot reads the whole policy; allowByDef is acl.default, which a stored default overrides.
func (l loader) snapshot(allowByDef bool) (*snapshot, error) {
	c := content{groups: map[string][]string{}}
	err := l.each(versionSQL, func(scan func(...any) error) error { return scan(&c.version) })
	if err != nil {
		return nil, err
	}
	err = l.each(`SELECT v0, v1 FROM casbin_rules WHERE ptype = 'p' ORDER BY id`, func(scan func(...any) error) error {
		var p permission
		err := scan(&p.role, &p.action)
		c.permissions = append(c.permissions, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = l.each(`SELECT m.user_id, m.group_id FROM group_members m JOIN groups g ON g.id = m.group_id
		WHERE g.deleted_at IS NULL ORDER BY 1, 2`, func(scan func(...any) error) error {
		var person, group string
		err := scan(&person, &group)
		c.groups[person] = append(c.groups[person], group)
		return err
	})
	if err != nil {
		return nil, err
	}
	def, err := l.byDefault()
	if err != nil {
		return nil, err
	}
	c.defaultAllow = def == defaultAllow || def == "" && allowByDef
	if c.rules, err = l.rules(); err != nil {
		return nil, err
	}
	return newSnapshot(c)
}

// byDefault answers the stored default, "" where acl.default counts.
func (l loader) byDefault() (def string, err error) {
	err = l.each(`SELECT value FROM meta WHERE key = '`+defaultKey+`'`, func(scan func(...any) error) error { return scan(&def) })
	return def, err
}

func (l loader) each(query string, row func(scan func(...any) error) error) (err error) {
	rows, err := l.query(query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
