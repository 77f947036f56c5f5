package access

import (
	"database/sql"
	"errors"
	"slices"
	"time"

	"guardhouse/internal/rule"
)

// stored is a rule as the tables hold it, with ids for names.
type stored struct {
	rule.Rule
	created, updated time.Time
	unreadable       bool // Rule is what counts in its place
}

// plain are the rules alone.
func plain(list []stored) []rule.Rule {
	out := make([]rule.Rule, len(list))
	for i := range list {
		out[i] = list[i].Rule
	}
	return out
}

// row is a stored rule before its texts are understood.
type row struct {
	stored
	effect, mode, conditions string
}

// rules reads every rule, in the order of ids. One that cannot be read closes what it is about; it stops no other.
func (l loader) rules() ([]stored, error) {
	rows, index := []row{}, map[string]int{}
	err := l.each(`SELECT id, effect, mode, conditions, note, coalesce(owner_id, ''), origin, created_at, updated_at
		FROM acl_rules ORDER BY id`, func(scan func(...any) error) error {
		var r row
		var owner string
		var created, updated int64
		err := scan(&r.ID, &r.effect, &r.mode, &r.conditions, &r.Note, &owner, &r.Origin, &created, &updated)
		if owner != "" {
			r.Owner = ownerPrefix + owner
		}
		r.created, r.updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
		index[r.ID] = len(rows)
		rows = append(rows, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		l.parts(`SELECT rule_id, kind, ref FROM acl_rule_principals ORDER BY 1, 2, 3`, index, func(i int, a, b string) {
			rows[i].Principals = append(rows[i].Principals, rule.Principal{Kind: a, Ref: b})
		}),
		l.parts(`SELECT rule_id, model, '' FROM acl_rule_models ORDER BY 1, 2`, index, func(i int, a, _ string) {
			rows[i].Models = append(rows[i].Models, a)
		}),
		l.parts(`SELECT rule_id, operation, '' FROM acl_rule_operations
			ORDER BY 1, instr('view infer train download *', operation)`, index, func(i int, a, _ string) {
			rows[i].Operations = append(rows[i].Operations, rule.Operation(a))
		}),
	)
	if err != nil {
		return nil, err
	}
	out, parser := make([]stored, len(rows)), rule.NewParser()
	for i := range rows {
		out[i] = rows[i].read(parser)
	}
	return out, nil
}

// parts reads one of the tables below acl_rules.
func (l loader) parts(query string, index map[string]int, add func(i int, a, b string)) error {
	return l.each(query, func(scan func(...any) error) error {
		var id string
		var a, b sql.NullString
		err := scan(&id, &a, &b)
		if i, ok := index[id]; ok && err == nil {
			add(i, a.String, b.String)
		}
		return err
	})
}

// read understands the row's texts, or answers what counts in its place.
func (r *row) read(parser *rule.Parser) stored {
	c, err := parser.Conditions([]byte(r.conditions))
	r.Allow, r.ReportOnly, r.Conditions = r.effect == effectAllow, r.mode == modeReportOnly, c
	if err != nil || !r.Allow && r.effect != effectDeny || !r.ReportOnly && r.mode != modeEnforce {
		r.giveUp()
	}
	return r.stored
}

// giveUp puts in the rule's place what counts where it cannot be read.
func (r *stored) giveUp() { r.Rule, r.unreadable = r.Unreadable(), true }

// compiled is the set of the rules. A single one that no set takes is given up, so that it keeps no other from counting.
func compiled(list []stored, defaultAllow bool) (*rule.Set, error) {
	set, err := rule.Compile(plain(list), defaultAllow)
	if err == nil {
		return set, nil
	}
	for i := range list {
		if _, bad := rule.Compile([]rule.Rule{list[i].Rule}, defaultAllow); bad != nil {
			list[i].giveUp()
		}
	}
	return rule.Compile(plain(list), defaultAllow)
}

// Words of the tables.
const (
	effectAllow    = "allow"
	effectDeny     = "deny"
	modeEnforce    = "enforce"
	modeReportOnly = "report-only"
	defaultAllow   = "allow"
	defaultDeny    = "deny"
	ownerPrefix    = "user:"
	defaultKey     = "acl.default"    // in meta: the default of a file, where acl.file has one
	endedKey       = "acl.file_ended" // in meta: the file in force showed that it is whole
)

// clone is a copy that shares nothing that its holder could change.
func (r *stored) clone() rule.Rule {
	c := r.Rule
	c.Principals, c.Models, c.Operations = slices.Clone(c.Principals), slices.Clone(c.Models), slices.Clone(c.Operations)
	c.Conditions.IPRanges = slices.Clone(c.Conditions.IPRanges)
	return c
}
