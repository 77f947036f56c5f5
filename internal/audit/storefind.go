package audit

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Bounds of one request, whatever is asked for. A page that would have to look at more ends early and says so.
const (
	// walkMost is how many rows a page may look at that it does not show.
	walkMost = 50_000
	// probeMost is how far the filters are compared before one of them leads.
	probeMost = 4_000
)

// condition is one thing that a filter asks of a row, over constants of this package, and what finds such rows: an index, or
// the index of words.
type condition struct {
	sql   string
	args  []any
	index string
	match string // of the index of words
}

// stretch is a part of the log and the condition that leads through it; without one the rows are walked by number. Both ends
// are in it.
type stretch struct {
	lo, hi int64
	lead   *condition
	rest   []condition
}

// conditionsOf answers what a filter asks of a row but for its time, what leaves fewer rows first where they are not compared
// further. It refuses an unknown decision.
func conditionsOf(f Filter) ([]condition, error) {
	if f.Decision != "" && f.Decision != Allow && f.Decision != Deny && f.Decision != Error {
		return nil, fault.New(fault.Invalid, "decision must be allow, deny or error").WithField("decision")
	}
	var out []condition
	add := func(sql, index, value string) {
		if value != "" {
			out = append(out, condition{sql: sql, args: []any{value}, index: index})
		}
	}
	add("request_id = ?", "audit_events_request_id", f.RequestID)
	add("key_id = ? AND key_id <> ''", "audit_events_key_id", strings.TrimPrefix(f.Key, "key:"))
	if f.Actor != "" {
		out = append(out, actorCondition(f.Actor))
	}
	add("ip = ?", "audit_events_ip", f.IP)
	add("reason = ? AND reason <> ''", "audit_events_reason", f.Reason)
	add("purpose = ? AND purpose <> ''", "audit_events_purpose", f.Purpose)
	if f.Decision != Allow {
		add("decision = ?", "audit_events_decision", f.Decision)
	}
	add("rule_id = ? AND rule_id <> ''", "audit_events_rule", f.Rule)
	add("action = ?", "audit_events_action", f.Action)
	add("model = ?", "audit_events_model", f.Model)
	if f.Q != "" {
		out = append(out, wordsCondition(f.Q))
	}
	if f.Decision == Allow { // nearly every row: it leads where nothing else does
		add("decision = ?", "audit_events_decision", f.Decision)
	}
	return out, nil
}

// actorCondition reads `alice`, `user:alice`, `usr_…`, `key_…` and `key:key_…`.
func actorCondition(actor string) condition {
	kind, rest, qualified := strings.Cut(actor, ":")
	of := ""
	switch {
	case qualified && kind == "key":
		return condition{sql: "key_id = ? AND key_id <> ''", args: []any{rest}, index: "audit_events_key_id"}
	case qualified && kind == "user":
		actor, of = rest, " AND actor_type IN ('user', 'key')"
	}
	switch {
	case strings.HasPrefix(actor, "key_"):
		return condition{sql: "key_id = ? AND key_id <> ''" + of, args: []any{actor}, index: "audit_events_key_id"}
	case strings.HasPrefix(actor, "usr_"):
		return condition{sql: "actor_id = ?" + of, args: []any{actor}, index: "audit_events_actor_id"}
	}
	return condition{sql: "actor_name = ?" + of, args: []any{actor}, index: "audit_events_actor"}
}

// wordsCondition finds a part of the text, or the id of a person or key whole. An event's or a request's id is looked up.
func wordsCondition(text string) condition {
	text = clean(text, maxShort)
	switch {
	case strings.HasPrefix(text, "evt_"):
		return condition{sql: "id = ?", args: []any{text}, index: byID}
	case strings.HasPrefix(text, "req_"):
		return condition{sql: "request_id = ?", args: []any{text}, index: "audit_events_request_id"}
	}
	escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
	return condition{
		sql: "(" + textSQL + ` LIKE ? ESCAPE '\' OR actor_id = ? OR key_id = ?)`, args: []any{"%" + escaped + "%", text, text}, match: matchOf(text),
	}
}

// byID is the index that SQLite makes for a unique id: it has no name that a query may say.
const byID = "its id"

// timeConditions keep the exact time; the numbers between which such rows lie are found before.
func timeConditions(f Filter) (out []condition) {
	if !f.From.IsZero() {
		out = append(out, condition{sql: "+at >= ?", args: []any{ceilMilli(f.From)}})
	}
	if !f.To.IsZero() {
		out = append(out, condition{sql: "+at < ?", args: []any{ceilMilli(f.To)}})
	}
	return out
}

// checkTimes refuses a time that ends before it begins, and one of more than a century.
func checkTimes(f Filter) error {
	if f.From.IsZero() || f.To.IsZero() {
		return nil
	}
	if !f.To.After(f.From) {
		return fault.New(fault.Invalid, "to must be after from").WithField("to")
	}
	if f.To.Sub(f.From) > maxSpan { // Sub answers the longest there is where it is longer
		return fault.New(fault.Invalid, "from and to must be within a century").WithField("from")
	}
	return nil
}

// query answers the SQL for columns of the rows of a stretch, in the order of their numbers. extra stands behind the rest.
func (s stretch) query(columns string, oldestFirst bool, extra string) (string, []any) {
	from, seq := "audit_events NOT INDEXED", "seq"
	var conditions []condition
	switch lead := s.lead; {
	case lead == nil:
	case lead.match != "":
		// CROSS JOIN keeps the index of words in front.
		from, seq = "audit_search CROSS JOIN audit_events ON audit_events.seq = audit_search.rowid", "audit_search.rowid"
		conditions = []condition{{sql: "audit_search MATCH ?", args: []any{lead.match}}, {sql: lead.sql, args: lead.args}}
	case lead.index == byID:
		from, conditions = "audit_events", []condition{*lead}
	default:
		from, conditions = "audit_events INDEXED BY "+lead.index, []condition{*lead}
	}
	conditions = append(append(conditions, condition{sql: seq + " BETWEEN ? AND ?", args: []any{s.lo, s.hi}}), s.rest...)
	var where []string
	var args []any
	for _, c := range conditions {
		where, args = append(where, c.sql), append(args, c.args...)
	}
	order := " ORDER BY " + seq + " DESC"
	if oldestFirst {
		order = " ORDER BY " + seq
	}
	return "SELECT " + columns + " FROM " + from + " WHERE " + strings.Join(where, " AND ") + order + extra, args
}

// leadOnly is the stretch without what its lead does not find by itself: how many rows there are to look at.
func (s stretch) leadOnly() stretch {
	s.rest = nil
	if s.lead != nil && s.lead.match != "" {
		words := condition{sql: "true", match: s.lead.match}
		s.lead = &words
	}
	return s
}

// entries answers a query for the numbers that lead through the stretch, and the column that holds them.
func (s stretch) entries(oldestFirst bool, extra string) (string, []any) {
	if s.lead != nil && s.lead.match != "" {
		order := " DESC"
		if oldestFirst {
			order = ""
		}
		return "SELECT rowid FROM audit_search WHERE audit_search MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid" + order + extra, []any{s.lead.match, s.lo, s.hi}
	}
	return s.leadOnly().query("seq", oldestFirst, extra)
}

// stretches answers the parts of the log that hold what the conditions find, in the order asked for: rows that the index of
// words does not know yet are walked.
func (l *Log) stretches(ctx context.Context, conditions, exact []condition, lo, hi int64, oldestFirst bool) ([]stretch, error) {
	if lo > hi {
		return nil, nil
	}
	lead, err := l.leading(ctx, conditions, lo, hi)
	if err != nil {
		return nil, err
	}
	whole := stretch{lo: lo, hi: hi, rest: exact}
	for i := range conditions {
		if i == lead {
			whole.lead = &conditions[i]
		} else {
			whole.rest = append(whole.rest, conditions[i])
		}
	}
	if whole.lead == nil || whole.lead.match == "" {
		return []stretch{whole}, nil
	}
	known, err := l.indexedTo(ctx)
	if err != nil {
		return nil, err
	}
	old, fresh := whole, whole
	old.hi, fresh.lo = min(hi, known), max(lo, known+1)
	fresh.lead, fresh.rest = nil, append(append([]condition(nil), exact...), conditions...)
	if oldestFirst {
		return []stretch{old, fresh}, nil
	}
	return []stretch{fresh, old}, nil
}

// leading answers which condition leaves the fewest rows to look at, as far as they are compared; -1 for none, where walking
// the numbers leaves fewer.
func (l *Log) leading(ctx context.Context, conditions []condition, lo, hi int64) (int, error) {
	best, fewest := -1, int64(math.MaxInt64)
	if hi < math.MaxInt64 && hi-lo < probeMost {
		fewest = hi - lo + 1
	}
	led := 0
	for _, c := range conditions {
		if c.index != "" || c.match != "" {
			led++
		}
	}
	for i := range conditions {
		c := &conditions[i]
		if c.index == "" && c.match == "" {
			continue
		}
		if c.index == byID || (led == 1 && fewest == math.MaxInt64) {
			return i, nil
		}
		n, err := l.probe(ctx, stretch{lo: lo, hi: hi, lead: c})
		if err != nil {
			return -1, err
		}
		if n < fewest {
			best, fewest = i, n
		}
	}
	return best, nil
}

// probe counts the rows that lead through a stretch, up to probeMost.
func (l *Log) probe(ctx context.Context, s stretch) (n int64, err error) {
	query, args := s.entries(false, " LIMIT ?")
	err = l.db.ReadSQL().QueryRowContext(ctx, "SELECT count(*) FROM ("+query+")", append(args, probeMost)...).Scan(&n)
	return n, db.Translate(err)
}

// reach answers how far into a stretch one request may look: the number at which most rows have been looked at, and whether
// there are more behind it.
func (l *Log) reach(ctx context.Context, s stretch, oldestFirst bool, most int64) (seq int64, cut bool, err error) {
	if s.lead == nil {
		head, _, _, err := l.Head(ctx)
		if err != nil {
			return 0, false, err
		}
		if oldestFirst {
			return s.lo + most - 1, s.lo+most-1 < min(s.hi, head), nil
		}
		end := min(s.hi, head) - most + 1
		return end, end > s.lo, nil
	}
	query, args := s.entries(oldestFirst, " LIMIT 1 OFFSET ?")
	err = l.db.ReadSQL().QueryRowContext(ctx, query, append(args, most-1)...).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return seq, err == nil, db.Translate(err)
}

// narrowTo cuts a stretch at the row that reach answered.
func (s stretch) narrowTo(seq int64, oldestFirst bool) stretch {
	if oldestFirst {
		s.hi = min(s.hi, seq)
	} else {
		s.lo = max(s.lo, seq)
	}
	return s
}

// find answers up to limit rows in the order asked for, and the number at which it stopped looking before its end; 0 where it
// came to an end, or found them all.
func (l *Log) find(ctx context.Context, parts []stretch, oldestFirst bool, limit int) (rows []row, stopped int64, err error) {
	left := int64(walkMost)
	for _, s := range parts {
		if s.lo > s.hi {
			continue
		}
		cut := false
		if s.looksOn() {
			var end int64
			if end, cut, err = l.reach(ctx, s, oldestFirst, left); err != nil {
				return nil, 0, err
			}
			if cut {
				s, stopped = s.narrowTo(end, oldestFirst), end
			}
		}
		var found []row
		query, args := s.query("audit_events.*", oldestFirst, " LIMIT ?")
		if err := l.db.Read(ctx).Raw(query, append(args, limit-len(rows))...).Scan(&found).Error; err != nil {
			return nil, 0, db.Translate(err)
		}
		rows = append(rows, found...)
		if len(rows) >= limit {
			return rows, 0, nil
		}
		if cut {
			return rows, stopped, nil
		}
	}
	return rows, 0, nil
}

// looksOn says whether rows may be looked at that are not shown.
func (s stretch) looksOn() bool { return len(s.rest) > 0 || (s.lead != nil && s.lead.match != "") }

// timeOf answers when a row was written, or the nearest one that is there.
func (l *Log) timeOf(ctx context.Context, seq int64) (time.Time, error) {
	ev, err := l.nearest(ctx, "seq >= ?", "seq", seq)
	if err != nil || ev == nil {
		return time.Time{}, err
	}
	return ev.At, nil
}
