package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"guardhouse/internal/db"
)

// Reload reads roles and rules in one transaction, builds a new snapshot and swaps it in. A failure leaves the old one.
func (g *Guard) Reload(ctx context.Context) (err error) {
	g.reloadMu.Lock()
	defer g.reloadMu.Unlock()
	tx, err := g.db.ReadSQL().BeginTx(ctx, nil)
	if err != nil {
		return db.Translate(err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }() // a read has nothing to commit
	l := loader{ctx: ctx, tx: tx}
	s, err := l.snapshot()
	if err != nil {
		return db.Translate(err)
	}
	for _, r := range s.list {
		if r.unusable() {
			g.log.Warn("access rule has conditions that this release cannot evaluate", "rule_id", r.ID, "effect", r.Effect)
		}
	}
	g.current.Store(s)
	return nil
}

// watchEvery is how often the database is asked whether anything was committed: twice within the second that is promised.
const watchEvery = 400 * time.Millisecond

// Watch reloads what other processes change, until ctx ends. It asks for SQLite's data version, which costs no disk read,
// and looks at the policy version only when that moved. It also writes the rows that sum refusals; when ctx ends it writes
// those that are left, so wait for it before closing the database.
func (g *Guard) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := int64(-1)
	for {
		select {
		case <-ctx.Done():
			g.refusals.flush(g, everything)
			return
		case <-tick.C:
			seen = g.poll(ctx, seen)
		}
	}
}

// poll answers the data version up to which the snapshot is current; on an error, the one it was given, to try again.
func (g *Guard) poll(ctx context.Context, seen int64) int64 {
	g.watchDisk()
	if !g.lowDisk.Load() {
		g.refusals.flush(g, pastMinutes)
	}
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

type loader struct {
	ctx context.Context //nolint:containedctx // lives as long as one Reload
	tx  *sql.Tx
}

func (l loader) snapshot() (*snapshot, error) {
	var version int64
	if err := l.tx.QueryRowContext(l.ctx, versionSQL).Scan(&version); err != nil {
		return nil, err
	}
	perms := lines{}
	err := l.each(`SELECT v0, v1 FROM casbin_rules WHERE ptype = 'p' ORDER BY id`, func(scan func(...any) error) error {
		var p permission
		err := scan(&p.role, &p.action)
		perms = append(perms, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := l.rules()
	if err != nil {
		return nil, err
	}
	compiled := make([]*rule, 0, len(list))
	for i := range list {
		compiled = append(compiled, list[i].compile())
	}
	s, err := newSnapshot(version, perms, compiled)
	if err != nil {
		return nil, err
	}
	s.list = list
	return s, nil
}

func (l loader) rules() ([]Rule, error) {
	var list []Rule
	index := map[string]int{}
	err := l.each(`SELECT id, effect, mode, conditions, note, origin FROM acl_rules ORDER BY id`, func(scan func(...any) error) error {
		var r Rule
		err := scan(&r.ID, &r.Effect, &r.Mode, &r.Conditions, &r.Note, &r.Origin)
		index[r.ID] = len(list)
		list = append(list, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	add := func(query string, field func(*Rule) *[]string) {
		err = errors.Join(err, l.each(query, func(scan func(...any) error) error {
			var id, value string
			err := scan(&id, &value)
			if i, ok := index[id]; ok {
				*field(&list[i]) = append(*field(&list[i]), value)
			}
			return err
		}))
	}
	add(`SELECT rule_id, CASE kind WHEN 'any' THEN '*' ELSE kind || ':' || ref END FROM acl_rule_principals ORDER BY 1, 2`,
		func(r *Rule) *[]string { return &r.Principals })
	add(`SELECT rule_id, model FROM acl_rule_models ORDER BY 1, 2`, func(r *Rule) *[]string { return &r.Models })
	add(`SELECT rule_id, operation FROM acl_rule_operations ORDER BY 1, 2`, func(r *Rule) *[]string { return &r.Operations })
	return list, err
}

func (l loader) each(query string, row func(scan func(...any) error) error) (err error) {
	rows, err := l.tx.QueryContext(l.ctx, query)
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

// unusable says that the rule has conditions: this release evaluates none.
func (r Rule) unusable() bool {
	var c map[string]json.RawMessage
	return json.Unmarshal([]byte(r.Conditions), &c) != nil || c == nil || len(c) > 0
}

func (r Rule) compile() *rule {
	c := &rule{
		id: r.ID, deny: r.Effect != effectAllow, report: r.Mode == modeReportOnly, unusable: r.unusable(),
		models: r.Models, operations: r.Operations,
	}
	for _, p := range r.Principals {
		c.subjects = append(c.subjects, parseSubject(p))
	}
	return c
}
