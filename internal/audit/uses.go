package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Use is one recorded use of a model, with what rules decide by.
type Use struct {
	Seq                                   int64
	ID                                    string
	At                                    time.Time // when the gate was asked, as far as the row tells
	Actor                                 Actor
	KeyID                                 string
	Roles, Groups                         []string
	Purpose, IP, Action, Operation, Model string
	Decision, Reason, RuleID              string
	Items                                 int64 // inputs that it stands for, 1 or more
	Attempts                              int64 // how many it sums, 1 for a row of its own
	reportOnly                            []string
	reportOnlyMore                        bool
}

// Uses are rows of a span that were walked.
type Uses struct {
	From, To time.Time // of the span; From is later than asked where there were too many rows, and where the newest came first and not all were walked
	Rows     int
	Cut      bool // there were more rows than may be looked at
}

// usePage is how many rows one query takes: none holds the read pool for long.
const usePage = 2000

// useBlock is how many rows of any kind one query looks through for those of a rule: after each it is known how far a look came.
const useBlock = 5000

const useColumns = `SELECT seq, id, at, actor_type, actor_id, actor_name, key_id, roles, groups, purpose, operation, ip, action, model,
	decision, reason, rule_id, duration_us, details FROM audit_events`

const isUse = ` operation <> '' AND model <> ''`

// EachUse hands every recorded use of a model between two moments to each, oldest first, the newest most of them where there
// are more. It ends with ctx, and with the first error of each.
func (l *Log) EachUse(ctx context.Context, from, to time.Time, most int, each func(Use) error) (Uses, error) {
	return l.walkUses(ctx, from, to, narrowed{most: most, where: ` AND` + isUse}, each)
}

// EachUseOf is EachUse for the uses that a rule decided, or would have decided where it only reports, newest first, among the
// newest most rows of that time, whatever they are of: a rule that decides nothing would have all of them walked. Beside an error
// it answers what was walked until then.
func (l *Log) EachUseOf(ctx context.Context, ruleID string, from, to time.Time, most int, each func(u Use, wouldHave string) error) (Uses, bool, error) {
	more := false
	// The text is looked for as it stands in the row; which list it stands in is seen when the row is read.
	n := narrowed{rows: int64(most), args: []any{ruleID, `"` + ruleID + `:allow"`, `"` + ruleID + `:deny"`}}
	n.where = ` AND` + isUse + ` AND (rule_id = ? OR instr(details, '"report_only_more"') > 0 OR instr(details, ?) > 0 OR instr(details, ?) > 0)`
	u, err := l.walkBack(ctx, from, to, n, func(u Use) error {
		more = more || u.reportOnlyMore
		for _, effect := range []string{Allow, Deny} {
			for _, r := range u.reportOnly {
				if r == ruleID+":"+effect {
					return each(u, effect)
				}
			}
		}
		if u.RuleID == ruleID {
			return each(u, "")
		}
		return nil
	})
	return u, more, err
}

// narrowed says which uses are walked: at most the newest so many of them, or those among the newest so many rows of any kind.
type narrowed struct {
	most  int   // 0 for any number
	rows  int64 // 0 for any number
	where string
	args  []any
}

func (l *Log) walkUses(ctx context.Context, from, to time.Time, n narrowed, each func(Use) error) (Uses, error) {
	out := Uses{From: from, To: to}
	first, last, err := l.useSpan(ctx, &out, n)
	for first > 0 && first <= last && err == nil {
		var page []Use
		if page, err = l.usePage(ctx, first, last, usePage, n); err != nil || len(page) == 0 {
			break
		}
		for _, u := range page {
			out.Rows++
			if err = each(u); err != nil {
				return out, err
			}
		}
		first = page[len(page)-1].Seq + 1
	}
	return out, err
}

// walkBack is walkUses with the newest first, a block of rows of any kind after the other.
func (l *Log) walkBack(ctx context.Context, from, to time.Time, n narrowed, each func(Use) error) (Uses, error) {
	out := Uses{From: from, To: to}
	first, last, err := l.useSpan(ctx, &out, n)
	whole := out.From
	out.From = to // nothing is walked yet
	for first > 0 && first <= last && err == nil {
		begin := max(first, last-useBlock+1)
		var reached time.Time
		if reached, err = l.blockFrom(ctx, begin); err != nil {
			return out, err
		}
		var page []Use
		if page, err = l.usePage(ctx, begin, last, useBlock, n); err != nil {
			return out, err
		}
		for i := len(page) - 1; i >= 0; i-- {
			if err = each(page[i]); err != nil {
				return out, err
			}
			out.Rows++
			out.From = earlier(out.From, page[i].At)
		}
		out.From, last = earlier(out.From, reached), begin-1
	}
	if err == nil {
		out.From = whole
	}
	return out, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// blockFrom answers when the first row from seq on was written.
func (l *Log) blockFrom(ctx context.Context, seq int64) (time.Time, error) {
	var at int64
	err := l.db.ReadSQL().QueryRowContext(ctx, `SELECT at FROM audit_events WHERE seq >= ? ORDER BY seq LIMIT 1`, seq).Scan(&at)
	return time.UnixMilli(at).UTC(), db.Translate(err)
}

// useSpan answers the first and the last row that may be looked at, 0 for none.
func (l *Log) useSpan(ctx context.Context, out *Uses, n narrowed) (first, last int64, err error) {
	if first, err = l.Since(ctx, out.From); err != nil || first == 0 {
		return 0, 0, err
	}
	query := `SELECT coalesce(max(seq), 0) FROM audit_events WHERE at < ?`
	if err = l.db.ReadSQL().QueryRowContext(ctx, query, ceilMilli(out.To)).Scan(&last); err != nil {
		return 0, 0, db.Translate(err)
	}
	if n.rows > 0 {
		if last-first < n.rows {
			return first, last, nil
		}
		first = last - n.rows + 1
		begin, err := l.blockFrom(ctx, first)
		if err != nil {
			return 0, 0, err
		}
		out.Cut, out.From = true, begin
		return first, last, nil
	}
	var beyond, at int64
	query = `SELECT seq, at FROM audit_events WHERE seq >= ? AND seq <= ?` + n.where + ` ORDER BY seq DESC LIMIT 1 OFFSET ?`
	err = l.db.ReadSQL().QueryRowContext(ctx, query, append(append([]any{first, last}, n.args...), n.most)...).Scan(&beyond, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return first, last, nil
	}
	if err != nil {
		return 0, 0, db.Translate(err)
	}
	out.Cut, out.From = true, time.UnixMilli(at).UTC()
	return beyond + 1, last, nil
}

func (l *Log) usePage(ctx context.Context, first, last int64, most int, n narrowed) (page []Use, err error) {
	all := append(append([]any{first, last}, n.args...), most)
	rows, err := l.db.ReadSQL().QueryContext(ctx, useColumns+` WHERE seq >= ? AND seq <= ?`+n.where+` ORDER BY seq LIMIT ?`, all...)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		u, err := scanUse(rows)
		if err != nil {
			return nil, err
		}
		page = append(page, u)
	}
	return page, db.Translate(rows.Err())
}

func scanUse(rows *sql.Rows) (Use, error) {
	var u Use
	var at, took int64
	var roles, groups, details string
	err := rows.Scan(&u.Seq, &u.ID, &at, &u.Actor.Type, &u.Actor.ID, &u.Actor.Name, &u.KeyID, &roles, &groups, &u.Purpose, &u.Operation, &u.IP,
		&u.Action, &u.Model, &u.Decision, &u.Reason, &u.RuleID, &took, &details)
	if err != nil {
		return u, db.Translate(err)
	}
	// The row is written when the use is over, and the gate was asked before it began.
	u.At = time.UnixMilli(at).UTC().Add(-time.Duration(took) * time.Microsecond)
	said, err := decodeDetails([]byte(details))
	err = errors.Join(err, json.Unmarshal([]byte(roles), &u.Roles), json.Unmarshal([]byte(groups), &u.Groups))
	if err != nil {
		return u, fault.Wrap(err, fault.Internal, "an audit row cannot be read")
	}
	u.Items, u.Attempts = max(whole(said["items"]), 1), max(whole(said["refusals"]), 1)
	u.reportOnly, u.reportOnlyMore = texts(said["report_only"]), whole(said["report_only_more"]) > 0
	return u, nil
}

// whole answers a detail that is a whole number, 0 for any other.
func whole(v any) int64 {
	number, _ := v.(json.Number)
	n, err := number.Int64()
	if err != nil {
		return 0
	}
	return n
}

// texts answers the words of a detail that is a list.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
