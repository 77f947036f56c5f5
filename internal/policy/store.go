package policy

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// most is how many values one question carries.
const most = 500

// versionsOf answers the version that last changed each of the rules.
func (s *Service) versionsOf(ctx context.Context, ids map[string]bool) (map[string]int64, error) {
	out := make(map[string]int64, len(ids))
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	for part := range slices.Chunk(list, most) {
		rows := []struct {
			RuleID  string
			Version int64
		}{}
		err := s.d.DB.Read(ctx).Raw(`SELECT rule_id, max(version) AS version FROM policy_changed_rules WHERE rule_id IN ? GROUP BY rule_id`, part).
			Scan(&rows).Error
		if err != nil {
			return nil, db.Translate(err)
		}
		for _, r := range rows {
			out[r.RuleID] = r.Version
		}
	}
	return out, nil
}

// lastChange answers when rules were last changed, the zero time where none ever was.
func (s *Service) lastChange(ctx context.Context) (time.Time, error) {
	var at int64
	err := s.d.DB.ReadSQL().QueryRowContext(ctx, `SELECT max(coalesce((SELECT max(at) FROM policy_changes), 0),
		coalesce((SELECT max(updated_at) FROM acl_rules), 0))`).Scan(&at)
	if err != nil || at == 0 {
		return time.Time{}, db.Translate(err)
	}
	return time.UnixMilli(at).UTC(), nil
}

// fileDefault answers the default that a file asked for, "" without one.
func (s *Service) fileDefault(ctx context.Context) (def string, err error) {
	err = s.d.DB.ReadSQL().QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'acl.default'`).Scan(&def)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return def, db.Translate(err)
}

// versionRow is one version of roles and rules, with its row of policy_changes, if any, counted.
type versionRow struct {
	Version, At             int64
	ActorName, EventID      string
	Note, Before, After     string
	Reason                  string
	Ruled                   bool // it has a row of policy_changes
	Added, Changed, Removed int
}

const (
	countedVersions = `SELECT v.version, coalesce(c.at, v.changed_at) AS at, coalesce(c.actor_name, '') AS actor_name,
	coalesce(c.event_id, '') AS event_id, coalesce(c.note, '') AS note, v.reason, c.version IS NOT NULL AS ruled,
	(SELECT count(*) FROM policy_changed_rules r WHERE r.version = v.version AND r.change = 'added') AS added,
	(SELECT count(*) FROM policy_changed_rules r WHERE r.version = v.version AND r.change = 'changed') AS changed,
	(SELECT count(*) FROM policy_changed_rules r WHERE r.version = v.version AND r.change = 'removed') AS removed`
	fromVersions = ` FROM policy_versions v LEFT JOIN policy_changes c ON c.version = v.version WHERE `
)

// versionRows answers up to limit versions before the given one, newest first; before 0 is the end. models, if any, are the
// texts of lists of models of which a change must have one.
func (s *Service) versionRows(ctx context.Context, f VersionFilter, before int64, models []string) ([]versionRow, error) {
	where, args := []string{"1"}, []any{}
	if before > 0 {
		where, args = append(where, "v.version < ?"), append(args, before)
	}
	if f.Rule != "" {
		where, args = append(where, "v.version IN (SELECT version FROM policy_changed_rules WHERE rule_id = ?)"), append(args, f.Rule)
	}
	if f.Model != "" {
		list, err := json.Marshal(models)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the history cannot be asked")
		}
		where = append(where, "v.version IN (SELECT version FROM policy_changed_rules WHERE models IN (SELECT value FROM json_each(?)))")
		args = append(args, string(list))
	}
	var rows []versionRow
	query := countedVersions + fromVersions + strings.Join(where, " AND ") + ` ORDER BY v.version DESC LIMIT ?`
	err := s.d.DB.Read(ctx).Raw(query, append(args, f.Limit+1)...).Scan(&rows).Error
	return rows, db.Translate(err)
}

// modelLists answers those of the lists of models in the history of which one fits model.
func (s *Service) modelLists(ctx context.Context, model string) ([]string, error) {
	var texts []string
	if err := s.d.DB.Read(ctx).Raw(`SELECT DISTINCT models FROM policy_changed_rules`).Scan(&texts).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := []string{}
	for _, t := range texts {
		var list []string
		if err := json.Unmarshal([]byte(t), &list); err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the history of rules cannot be read")
		}
		if slices.ContainsFunc(list, func(m string) bool { return rule.Match(m, model) }) {
			out = append(out, t)
		}
	}
	return out, nil
}

// version answers one change with its texts. NotFound where rules did not change in that version.
func (s *Service) version(ctx context.Context, v int64) (versionRow, error) {
	var rows []versionRow
	err := s.d.DB.Read(ctx).Raw(countedVersions+`, c.before, c.after`+fromVersions+`c.version = ?`, v).Scan(&rows).Error
	switch {
	case err != nil:
		return versionRow{}, db.Translate(err)
	case len(rows) == 0:
		return versionRow{}, fault.New(fault.NotFound, "No rule was changed in that version.")
	}
	return rows[0], nil
}

// changedIn answers what became of each rule in a version.
func (s *Service) changedIn(ctx context.Context, v int64) ([]changed, error) {
	var rows []changed
	err := s.d.DB.Read(ctx).Raw(`SELECT rule_id, change FROM policy_changed_rules WHERE version = ? ORDER BY rule_id`, v).Scan(&rows).Error
	return rows, db.Translate(err)
}

type changed struct{ RuleID, Change string }

// readRow asks the read pool for one row.
func (s *Service) readRow(ctx context.Context) func(query string, args ...any) *sql.Row {
	return func(query string, args ...any) *sql.Row { return s.d.DB.ReadSQL().QueryRowContext(ctx, query, args...) }
}

// stillThere refuses roles and groups of which the one that there was at a version is gone: Unprocessable where there is none,
// Conflict where there is a later role of that name: one
// made at that moment or after it, or of whose name one was deleted since, whatever the clock said.
func stillThere(row func(query string, args ...any) *sql.Row, roles, groups []string, then versionRow) error {
	names, err := json.Marshal(roles)
	ids, errGroups := json.Marshal(groups)
	if err = errors.Join(err, errGroups); err != nil {
		return fault.Wrap(err, fault.Internal, "the roles and groups cannot be asked for")
	}
	var kind, name string
	var later bool
	err = row(`SELECT 'role', named.value, roles.name IS NOT NULL FROM json_each(?) AS named LEFT JOIN roles ON roles.name = named.value
			WHERE roles.name IS NULL OR roles.created_at >= ?
				OR EXISTS (SELECT 1 FROM policy_versions AS later WHERE later.version > ? AND later.reason = 'role ' || named.value || ' deleted')
		UNION ALL SELECT 'group', coalesce(groups.name, named.value), 0 FROM json_each(?) AS named LEFT JOIN groups ON groups.id = named.value
			WHERE groups.id IS NULL OR groups.deleted_at IS NOT NULL
		ORDER BY 1 DESC, 2 LIMIT 1`, string(names), then.At, then.Version, string(ids)).Scan(&kind, &name, &later)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return db.Translate(err)
	case later:
		return fault.Newf(fault.Conflict, "The role %q was made after that version: write the rule anew if it is meant.", name).WithField("version")
	}
	return fault.Newf(fault.Unprocessable, "The %s %q is gone.", kind, name).WithField("version")
}
