package audit

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Page sizes: fifty rows fill a screen, and five hundred stay below a megabyte.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// Filter narrows a list. Empty members do not filter. Actor is a name, or an id of a user or key (also written user:NAME
// and key:ID); Key is the id of a key. From is inclusive, To is not. Q is looked for in names, action, resource, model, reason,
// rule, purpose, operation and address; an id is found by the whole of it.
type Filter struct {
	Actor, Action, Model, Decision, IP string
	Rule, Reason, Purpose, Key         string
	From, To                           time.Time
	RequestID, Q                       string
	OldestFirst                        bool
	Limit                              int
	Cursor                             string
}

// Page is a part of a list, newest first unless asked otherwise. NextCursor is "" at the end. SearchedTo is set where a page ends
// because as many rows were looked at as one request may: it may hold few or no rows, and NextCursor goes on behind that moment.
type Page struct {
	Items      []Event
	NextCursor string
	SearchedTo time.Time
}

// row mirrors audit_events.
type row struct {
	Seq                                  int64 `gorm:"primaryKey"`
	ID                                   string
	V                                    int
	At                                   int64
	ActorType, ActorID, ActorName, KeyID string
	Roles, Groups                        string
	Purpose, Operation                   string
	IP                                   string `gorm:"column:ip"`
	UserAgent, Action, Resource, Model   string
	ModelSHA256                          string `gorm:"column:model_sha256"`
	Decision, Reason, RuleID             string
	PolicyVersion                        int64
	RequestID, ContentHash               string
	DurationUs                           int64 `gorm:"column:duration_us"`
	Details, PrevHash, Hash              string
}

// TableName is for gorm.
func (row) TableName() string { return "audit_events" }

// List answers one page, in the order asked for. It refuses a limit outside 1 to 500, an unknown decision, a time that ends
// before it begins or lasts more than a century, and a foreign cursor.
func (l *Log) List(ctx context.Context, f Filter) (Page, error) {
	limit, err := limitOf(f.Limit)
	if err != nil {
		return Page{}, err
	}
	parts, err := l.parts(ctx, f)
	if err != nil {
		return Page{}, err
	}
	// One more than asked says whether there is a next page.
	rows, stopped, err := l.find(ctx, parts, f.OldestFirst, limit+1)
	if err != nil {
		return Page{}, err
	}
	var p Page
	switch {
	case len(rows) > limit:
		rows = rows[:limit]
		p.NextCursor = cursorAt(rows[limit-1].Seq)
	case stopped > 0:
		p.NextCursor = cursorAt(stopped)
		if p.SearchedTo, err = l.timeOf(ctx, stopped); err != nil {
			return Page{}, err
		}
	}
	p.Items, err = events(rows)
	return p, err
}

// parts answers the stretches of the log that a filter's page is in.
func (l *Log) parts(ctx context.Context, f Filter) ([]stretch, error) {
	conditions, err := conditionsOf(f)
	if err != nil {
		return nil, err
	}
	lo, hi, err := f.after()
	if err != nil {
		return nil, err
	}
	if err := checkTimes(f); err != nil {
		return nil, err
	}
	first, last, err := l.numbers(ctx, f.From, f.To)
	if err != nil {
		return nil, err
	}
	return l.stretches(ctx, conditions, timeConditions(f), max(lo, first), min(hi, last), f.OldestFirst)
}

// after answers the numbers that a cursor leaves, both in it. It refuses a cursor that is not one of ours.
func (f Filter) after() (lo, hi int64, err error) {
	if f.Cursor == "" {
		return 1, math.MaxInt64, nil
	}
	seq, err := strconv.ParseInt(f.Cursor, 36, 64)
	if err != nil || seq <= 0 || seq == math.MaxInt64 || cursorAt(seq) != f.Cursor {
		return 0, 0, fault.New(fault.Invalid, "the cursor is not one of ours").WithField("cursor")
	}
	if f.OldestFirst {
		return seq + 1, math.MaxInt64, nil
	}
	return 1, seq - 1, nil
}

func cursorAt(seq int64) string { return strconv.FormatInt(seq, 36) }

func events(rows []row) ([]Event, error) {
	out := make([]Event, 0, len(rows))
	for _, r := range rows {
		ev, err := r.event()
		if err != nil {
			return nil, err
		}
		out = append(out, ev)
	}
	return out, nil
}

// After answers the rows that follow seq, oldest first, at most limit of them (1 to 500).
func (l *Log) After(ctx context.Context, seq int64, limit int) ([]Event, error) {
	limit, err := limitOf(limit)
	if err != nil {
		return nil, err
	}
	var rows []row
	if err := l.db.Read(ctx).Where("seq > ?", seq).Order("seq").Limit(limit).Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	return events(rows)
}

// Get answers one event, or NotFound.
func (l *Log) Get(ctx context.Context, id string) (Event, error) {
	var r row
	if err := l.db.Read(ctx).Where("id = ?", id).Take(&r).Error; err != nil {
		return Event{}, db.Translate(err)
	}
	return r.event()
}

// Neighbours answers the rows on both sides of an event in the chain, nil where there is none; NotFound for an unknown event.
// A side whose number is not the next one says that rows are missing between.
func (l *Log) Neighbours(ctx context.Context, id string) (newer, older *Event, err error) {
	ev, err := l.Get(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if newer, err = l.nearest(ctx, "seq > ?", "seq", ev.Seq); err != nil {
		return nil, nil, err
	}
	older, err = l.nearest(ctx, "seq < ?", "seq DESC", ev.Seq)
	return newer, older, err
}

func (l *Log) nearest(ctx context.Context, side, order string, seq int64) (*Event, error) {
	var rows []row
	if err := l.db.Read(ctx).Where(side, seq).Order(order).Limit(1).Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	list, err := events(rows)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// Head answers the end of the chain: seq 0 and Genesis while the log is empty.
func (l *Log) Head(ctx context.Context) (seq int64, hash string, at time.Time, err error) {
	var rows []row
	if err := l.db.Read(ctx).Select("seq", "hash", "at").Order("seq DESC").Limit(1).Find(&rows).Error; err != nil {
		return 0, "", time.Time{}, db.Translate(err)
	}
	if len(rows) == 0 {
		return 0, Genesis, time.Time{}, nil
	}
	return rows[0].Seq, rows[0].Hash, time.UnixMilli(rows[0].At).UTC(), nil
}

func limitOf(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultLimit, nil
	case limit < 0 || limit > maxLimit:
		return 0, fault.Newf(fault.Invalid, "limit must be between 1 and %d", maxLimit).WithField("limit")
	}
	return limit, nil
}

// narrow asks for a filter's rows of a query that says by itself which numbers it reads.
func narrow(q *gorm.DB, f Filter) (*gorm.DB, error) {
	conditions, err := conditionsOf(f)
	if err != nil {
		return nil, err
	}
	for _, c := range append(conditions, timeConditions(f)...) {
		q = q.Where(c.sql, c.args...)
	}
	return q, checkTimes(f)
}

// ceilMilli makes a bound with finer parts than the column's fall on the right side.
func ceilMilli(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

func (r row) event() (Event, error) {
	ev := Event{
		V: r.V, ID: r.ID, Seq: r.Seq, At: time.UnixMilli(r.At).UTC(),
		Actor: Actor{Type: r.ActorType, ID: r.ActorID, Name: r.ActorName}, KeyID: r.KeyID,
		Purpose: r.Purpose, Operation: r.Operation, IP: r.IP, UserAgent: r.UserAgent, Action: r.Action, Resource: r.Resource,
		Model: r.Model, ModelSHA256: r.ModelSHA256, Decision: r.Decision, Reason: r.Reason, RuleID: r.RuleID,
		PolicyVersion: r.PolicyVersion, RequestID: r.RequestID, ContentHash: r.ContentHash,
		Duration: time.Duration(r.DurationUs) * time.Microsecond, PrevHash: r.PrevHash, Hash: r.Hash,
	}
	if err := json.Unmarshal([]byte(r.Roles), &ev.Roles); err != nil {
		return ev, fault.Wrap(err, fault.Internal, "an audit row cannot be read")
	}
	if err := json.Unmarshal([]byte(r.Groups), &ev.Groups); err != nil {
		return ev, fault.Wrap(err, fault.Internal, "an audit row cannot be read")
	}
	var err error
	if ev.Details, err = decodeDetails([]byte(r.Details)); err != nil {
		return ev, fault.Wrap(err, fault.Internal, "an audit row cannot be read")
	}
	return ev, nil
}
