package audit

import (
	"context"
	"errors"
	"strings"
	"time"

	"guardhouse/internal/db"
)

// RuleUse is how often rows name a rule, as the one that decided or as one that is only reported, and when the last one did.
type RuleUse struct {
	Rows int64
	Last time.Time
}

// ruleUseSQL counts both ways of naming a rule. What a report-only rule would have done stands behind its id.
const ruleUseSQL = `SELECT rule_id, count(*), max(at) FROM audit_events WHERE seq >= ? AND rule_id <> '' GROUP BY 1
	UNION ALL SELECT named.value, count(*), max(at) FROM audit_events, json_each(details, '$.report_only') AS named
	WHERE seq >= ? AND instr(details, '"report_only"') > 0 GROUP BY 1`

// RuleUses counts by rule the rows since a moment, at most the newest most of the log. rows is how many of them are uses of
// models; cut says that the log holds more of that time, or that a row did not name all that it should.
func (l *Log) RuleUses(ctx context.Context, from time.Time, most int64) (by map[string]RuleUse, rows int64, cut bool, err error) {
	by = map[string]RuleUse{}
	first, err := l.Since(ctx, from)
	if err != nil || first == 0 {
		return by, 0, false, err
	}
	head, _, _, err := l.Head(ctx)
	if err != nil {
		return by, 0, false, err
	}
	if head-first >= most {
		first, cut = head-most+1, true
	}
	var partly int64
	query := `SELECT count(*), coalesce(sum(instr(details, '"report_only_more"') > 0), 0) FROM audit_events WHERE seq >= ? AND` + isUse
	if err := l.db.ReadSQL().QueryRowContext(ctx, query, first).Scan(&rows, &partly); err != nil {
		return by, 0, false, db.Translate(err)
	}
	return by, rows, cut || partly > 0, l.countRules(ctx, first, by)
}

func (l *Log) countRules(ctx context.Context, first int64, by map[string]RuleUse) (err error) {
	found, err := l.db.ReadSQL().QueryContext(ctx, ruleUseSQL, first, first)
	if err != nil {
		return db.Translate(err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var id string
		var n, at int64
		if err := found.Scan(&id, &n, &at); err != nil {
			return db.Translate(err)
		}
		id, _, _ = strings.Cut(id, ":")
		u := by[id]
		u.Rows += n
		if last := time.UnixMilli(at).UTC(); last.After(u.Last) {
			u.Last = last
		}
		by[id] = u
	}
	return db.Translate(found.Err())
}
