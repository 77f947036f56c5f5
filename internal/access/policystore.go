package access

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

func txLoader(tx *db.Tx) loader {
	return loader{func(query string) (*sql.Rows, error) { return tx.Query(query) }}
}

// referred refuses rules with a principal or an owner that has no row: nothing could ever come as it, and a later row with its
// id would inherit what the rule gives. before are the rules so far.
func referred(tx *db.Tx, rules []rule.Rule, before []stored) error {
	queries := map[string]string{
		rule.KindRole: `SELECT count(*) FROM roles WHERE name = ?`, rule.KindUser: `SELECT count(*) FROM users WHERE id = ?`,
		rule.KindKey: `SELECT count(*) FROM api_keys WHERE id = ?`,
		// One that was deleted keeps its row and has no members that the rule would bind: only who names it already may go on.
		rule.KindGroup: `SELECT count(*) FROM groups WHERE id = ? AND deleted_at IS NULL`,
	}
	seen := map[rule.Principal]bool{{Kind: rule.KindAny}: true}
	for i := range rules {
		who := rules[i].Principals
		field := "principals"
		if id, ok := strings.CutPrefix(rules[i].Owner, ownerPrefix); ok {
			who, field = append(slices.Clone(who), rule.Principal{Kind: rule.KindUser, Ref: id}), "principals or owner"
		}
		for _, p := range who {
			if seen[p] {
				continue
			}
			var n int
			if err := tx.QueryRow(queries[p.Kind], p.Ref).Scan(&n); err != nil {
				return db.Translate(err)
			}
			if n == 0 && p.Kind == rule.KindGroup && namesAlready(before, rules[i].ID, p) {
				continue
			}
			if n == 0 {
				return fault.Newf(fault.Unprocessable, "rule %q: among its %s is a %s that does not exist", rules[i].ID, field, p.Kind).WithField("principals")
			}
			seen[p] = true
		}
	}
	return nil
}

// namesAlready says that the rule of the id, among rules in the order of ids, names the principal.
func namesAlready(rules []stored, id string, p rule.Principal) bool {
	i, found := slices.BinarySearchFunc(rules, id, func(r stored, id string) int { return strings.Compare(r.ID, id) })
	return found && slices.Contains(rules[i].Principals, p)
}

// writable refuses rules that one file could not hold together: nobody could export them. What takes away is let through, as a set
// of before there was a bound may be past it.
func (p *policyPlan) writable(tx *db.Tx) error {
	if len(p.Added)+len(p.Changed) == 0 || rule.Fits(p.write.Rules, nil) {
		return nil
	}
	known, err := everyName(tx)
	if err != nil {
		return err
	}
	name := func(p rule.Principal) string { return known[p] }
	if rule.Fits(p.write.Rules, name) {
		return nil
	}
	bytes, values := rule.Size(p.write.Rules, name)
	most, mostValues := rule.Size(plain(p.before), name)
	if bytes <= most && values <= mostValues {
		return nil
	}
	if _, err := longest(p.write.Rules, name).YAML(); err == nil { // what is counted is more than what is written
		return nil
	}
	return fault.New(fault.Invalid,
		"rules: all of them together would be too long for one file: shorten notes and lists, or name groups in the place of people").WithField("rules")
}

// longest answers the rules that can be written with the longer of id and name for each person and group, so that the text is as
// long as the longer of what is exported and what the history keeps.
func longest(rules []rule.Rule, name func(rule.Principal) string) rule.File {
	one := func(p rule.Principal) rule.Principal {
		switch shown := name(p); {
		case p.Kind != rule.KindUser && p.Kind != rule.KindGroup:
		case shown == "":
			p.Ref = goneMark + p.Ref
		case len(shown) > len(p.Ref):
			p.Ref = shown
		}
		return p
	}
	var f rule.File
	for _, r := range rules {
		if storable(&r) != nil {
			continue // it was stored by another release, and is left out of every export
		}
		r.Principals = slices.Clone(r.Principals)
		for i, p := range r.Principals {
			r.Principals[i] = one(p)
		}
		if id, ok := strings.CutPrefix(r.Owner, ownerPrefix); ok {
			r.Owner = one(rule.Principal{Kind: rule.KindUser, Ref: id}).String()
		}
		f.Rules = append(f.Rules, r)
	}
	return f
}

// goneMark stands before the id of who has no name any more.
const goneMark = "deleted:"

// everyName answers the names of all people and groups there are, for a policy so large that they matter.
func everyName(tx *db.Tx) (map[rule.Principal]string, error) {
	out := map[rule.Principal]string{}
	l := txLoader(tx)
	err := l.each(`SELECT 'user', id, username FROM users WHERE status <> 'deleted'
		UNION ALL SELECT 'group', id, name FROM groups WHERE deleted_at IS NULL`, func(scan func(...any) error) error {
		var who rule.Principal
		var name string
		err := scan(&who.Kind, &who.Ref, &name)
		out[who] = name
		return err
	})
	return out, db.Translate(err)
}

// storePolicy writes what the plan says: rules that differ, a version, the history.
func (g *Guard) storePolicy(tx *db.Tx, ev audit.Event, p *policyPlan) error {
	if p.write.DryRun {
		return nil
	}
	if err := p.storeSource(tx); err != nil {
		return err
	}
	if p.Nothing() && len(p.moved) == 0 && p.write.Default == p.def && !p.switches() {
		return p.also(tx, ev, 0)
	}
	before, after, err := p.texts()
	if err != nil {
		return err
	}
	for _, id := range p.Removed {
		if err := run(tx, `DELETE FROM acl_rules WHERE id = ?`, id); err != nil {
			return err
		}
	}
	for _, r := range p.differing() {
		if err := storeRule(tx, r, p.added(r.ID)); err != nil {
			return err
		}
	}
	for _, r := range p.moved {
		if err := run(tx, `UPDATE acl_rules SET origin = ? WHERE id = ?`, r.Origin, r.ID); err != nil {
			return err
		}
	}
	if err := storeMeta(tx, defaultKey, p.write.Default); err != nil {
		return err
	}
	if p.Version, err = g.newVersion(tx, p.reason()); err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO policy_changes (version, at, actor_id, actor_name, event_id, note, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		p.Version, tx.Now().UnixMilli(), ev.Actor.ID, ev.Actor.Name, ev.ID, p.write.Note, before, after)
	if err != nil {
		return db.Translate(err)
	}
	if err := p.storeChanged(tx); err != nil {
		return err
	}
	return p.also(tx, ev, p.Version)
}

// Reasons of versions that the history tells apart.
const (
	ReasonFromFile     = "rules come from a file"
	ReasonFromDatabase = "rules no longer come from a file"
)

func (p *policyPlan) also(tx *db.Tx, ev audit.Event, version int64) error {
	if p.write.Also == nil {
		return nil
	}
	return p.write.Also(tx, ev, version)
}

// reason is what the version was made for, in words that the history of rules reads.
func (p *policyPlan) reason() string {
	switch {
	case p.switches() && p.write.Source.Path != "":
		return ReasonFromFile
	case p.switches():
		return ReasonFromDatabase
	}
	return fmt.Sprintf("rules: %d added, %d changed, %d removed", len(p.Added), len(p.Changed), len(p.Removed))
}

// texts are the rules that differ, as they were and as they are, with ids for names. A rule that could not be read is a comment, and
// so are all that were there where one file cannot hold them: what replaces them must not depend on it.
func (p *policyPlan) texts() (before, after string, err error) {
	old := rule.File{Default: p.def}
	var lost strings.Builder
	for i := range p.before {
		r := &p.before[i]
		_, changed := slices.BinarySearch(p.Changed, r.ID)
		_, removed := slices.BinarySearch(p.Removed, r.ID)
		switch {
		case !changed && !removed:
		case storable(&r.Rule) == nil:
			old.Rules = append(old.Rules, r.Rule)
		default:
			fmt.Fprintf(&lost, "# %q could not be read\n", r.ID)
		}
	}
	x, err := old.YAML()
	if err != nil {
		fmt.Fprintf(&lost, "# %d rules were too long for one file\n", len(old.Rules))
		old.Rules = nil
		x, err = old.YAML()
	}
	if err != nil {
		return "", "", err
	}
	y, err := rule.File{Default: p.write.Default, Rules: p.differing()}.YAML()
	return lost.String() + string(x), string(y), err
}

// run executes a statement that is parsed once: a policy has very many rows.
func run(tx *db.Tx, query string, args ...any) error {
	s, err := tx.Prepare(query) //nolint:sqlclosecheck // the writer's own, closed with it
	if err == nil {
		_, err = s.ExecContext(context.Background(), args...)
	}
	return db.Translate(err)
}

func storeRule(tx *db.Tx, r rule.Rule, fresh bool) error {
	conditions, err := r.Conditions.JSON()
	if err != nil {
		return err
	}
	effect, mode, owner, at := effectDeny, modeEnforce, sql.NullString{}, tx.Now().UnixMilli()
	if r.Allow {
		effect = effectAllow
	}
	if r.ReportOnly {
		mode = modeReportOnly
	}
	owner.String, owner.Valid = strings.CutPrefix(r.Owner, ownerPrefix)
	err = run(tx, `INSERT INTO acl_rules (id, effect, mode, conditions, note, owner_id, origin, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET effect = excluded.effect, mode = excluded.mode,
		conditions = excluded.conditions, note = excluded.note, owner_id = excluded.owner_id, origin = excluded.origin,
		updated_at = excluded.updated_at`, r.ID, effect, mode, string(conditions), r.Note, owner, r.Origin, at, at)
	if err != nil {
		return err
	}
	if fresh {
		return storeParts(tx, r)
	}
	for _, table := range []string{"acl_rule_principals", "acl_rule_models", "acl_rule_operations"} {
		if err := run(tx, `DELETE FROM `+table+` WHERE rule_id = ?`, r.ID); err != nil {
			return err
		}
	}
	return storeParts(tx, r)
}

func storeParts(tx *db.Tx, r rule.Rule) error {
	for _, p := range r.Principals {
		if err := run(tx, `INSERT OR IGNORE INTO acl_rule_principals (rule_id, kind, ref) VALUES (?, ?, ?)`, r.ID, p.Kind, p.Ref); err != nil {
			return err
		}
	}
	for _, m := range r.Models {
		if err := run(tx, `INSERT OR IGNORE INTO acl_rule_models (rule_id, model) VALUES (?, ?)`, r.ID, m); err != nil {
			return err
		}
	}
	for _, o := range r.Operations {
		if err := run(tx, `INSERT OR IGNORE INTO acl_rule_operations (rule_id, operation) VALUES (?, ?)`, r.ID, string(o)); err != nil {
			return err
		}
	}
	return nil
}

// storeMeta keeps a word, or with "" nothing.
func storeMeta(tx *db.Tx, key, word string) error {
	query, args := `DELETE FROM meta WHERE key = ?`, []any{key}
	if word != "" {
		query, args = `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, append(args, word)
	}
	_, err := tx.Exec(query, args...)
	return db.Translate(err)
}
