package audit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const headSQL = `SELECT seq, hash, at FROM audit_events ORDER BY seq DESC LIMIT 1`

const insertSQL = `INSERT INTO audit_events (seq, id, v, at, actor_type, actor_id, actor_name, key_id, roles, groups, purpose,
operation, ip, user_agent, action, resource, model, model_sha256, decision, reason, rule_id, policy_version, request_id,
content_hash, duration_us, details, prev_hash, hash)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

// Bounds on what strangers can make a row hold (threat U2): a row stays below a few kilobytes, whatever the headers say.
const (
	maxShort   = 256
	maxAgent   = 512
	maxList    = 64
	maxDetails = 64 << 10
)

// slew is how far behind the last row's time a new row may be and still take that time: clocks are corrected by less than
// a second all day. A bigger step back is written down as it is, and Verify names it clock-back.
const slew = time.Second

// head is the end of the chain, cached on a transaction only: other processes append too.
type head struct {
	seq  int64
	hash string
	at   int64
}

type headKey struct{}

// Append writes one row at the end of the chain inside tx. It refuses an entry without actor type, action or decision, and
// details that the canonical form cannot hold.
func (l *Log) Append(tx *db.Tx, e Entry) (Event, error) {
	h, err := readHead(tx)
	if err != nil {
		return Event{}, err
	}
	ev := l.event(e, tx.Now())
	ev.Seq, ev.PrevHash = h.seq+1, h.hash
	if last := time.UnixMilli(h.at).UTC(); ev.At.Before(last) && last.Sub(ev.At) <= slew {
		ev.At = last
	}
	// What the hash covers is what a reader will parse from the column.
	var details []byte
	ev.Details, details, err = canonicalDetails(ev.Details)
	switch {
	case err != nil:
		return Event{}, fault.Wrap(err, fault.Internal, "the audit row cannot be encoded")
	case len(details) > maxDetails:
		return Event{}, fault.New(fault.Internal, "the audit row's details are too long")
	}
	ev.Hash = hashOf(encodeWith(ev, details, withoutHash))
	if err := insert(tx, ev, details); err != nil {
		return Event{}, err
	}
	tx.SetValue(headKey{}, head{ev.Seq, ev.Hash, ev.At.UnixMilli()})
	kind := RowKind{ev.Action, ev.Decision, ev.Reason}
	asked := tx.Asked()
	tx.AfterCommit(func() { l.durable(kind, asked) })
	return ev, nil
}

// Prepare answers e with its id made and its content hashed, so that Append does neither while every other writer waits.
// The content stays as it is from then on; another id has it hashed anew.
func (l *Log) Prepare(e Entry, now time.Time) Entry {
	if e.ID == "" {
		e.ID = NewID(now)
	}
	e.hashed = contentHash{e.ID, hashContent(l.contentKey, e.ID, e.Content)}
	return e
}

// Record is Append in a write of its own.
func (l *Log) Record(e Entry) (ev Event, err error) {
	err = l.db.Write(func(tx *db.Tx) error {
		ev, err = l.Append(tx, e)
		return err
	})
	if err != nil {
		return Event{}, err
	}
	return ev, nil
}

func readHead(tx *db.Tx) (head, error) {
	if h, ok := tx.Value(headKey{}).(head); ok {
		return h, nil
	}
	stmt, err := tx.Prepare(headSQL) //nolint:sqlclosecheck // the writer's own, closed with it
	if err != nil {
		return head{}, db.Translate(err)
	}
	h := head{hash: Genesis}
	err = stmt.QueryRowContext(context.Background()).Scan(&h.seq, &h.hash, &h.at)
	if errors.Is(err, sql.ErrNoRows) {
		return head{hash: Genesis}, nil
	}
	return h, db.Translate(err)
}

func (l *Log) event(e Entry, now time.Time) Event {
	if e.ID == "" {
		e.ID = NewID(now)
	}
	if e.hashed.id != e.ID {
		e.hashed.hash = hashContent(l.contentKey, e.ID, e.Content)
	}
	return Event{
		V: Version, ID: e.ID, At: now, KeyID: clean(e.KeyID, maxShort),
		Actor:   Actor{Type: e.Actor.Type, ID: clean(e.Actor.ID, maxShort), Name: clean(e.Actor.Name, maxShort)},
		Roles:   cleanList(e.Roles),
		Groups:  cleanList(e.Groups),
		Purpose: clean(e.Purpose, maxShort), Operation: clean(e.Operation, maxShort), IP: clean(e.IP, maxShort),
		UserAgent: clean(e.UserAgent, maxAgent), Action: clean(e.Action, maxShort), Resource: clean(e.Resource, maxShort),
		Model: clean(e.Model, maxShort), ModelSHA256: clean(e.ModelSHA256, maxShort), Decision: e.Decision,
		Reason: clean(e.Reason, maxShort), RuleID: clean(e.RuleID, maxShort), PolicyVersion: e.PolicyVersion,
		RequestID: clean(e.RequestID, maxShort), ContentHash: e.hashed.hash,
		Duration: min(max(e.Duration.Truncate(time.Microsecond), 0), maxMicros*time.Microsecond), Details: e.Details,
	}
}

const idPrefix = "evt_"

// NewID answers a fresh event id. An entry whose id is made beforehand can be hashed with its content earlier.
func NewID(now time.Time) string {
	return idPrefix + ulid.MustNew(ulid.Timestamp(now), rand.Reader).String()
}

func insert(tx *db.Tx, ev Event, details []byte) error {
	stmt, err := tx.Prepare(insertSQL) //nolint:sqlclosecheck // the writer's own, closed with it
	if err != nil {
		return db.Translate(err)
	}
	_, err = stmt.ExecContext(context.Background(), ev.Seq, ev.ID, ev.V, ev.At.UnixMilli(), ev.Actor.Type, ev.Actor.ID, ev.Actor.Name,
		ev.KeyID, string(appendStrings(nil, ev.Roles)), string(appendStrings(nil, ev.Groups)), ev.Purpose, ev.Operation,
		ev.IP, ev.UserAgent, ev.Action, ev.Resource, ev.Model, ev.ModelSHA256, ev.Decision, ev.Reason, ev.RuleID,
		ev.PolicyVersion, ev.RequestID, ev.ContentHash, ev.Duration.Microseconds(), string(details), ev.PrevHash, ev.Hash)
	return db.Translate(err)
}

// clean makes a value that every reader decodes to the same text: valid UTF-8, no NUL, at most limit bytes.
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

func cleanList(list []string) []string {
	list = list[:min(len(list), maxList)]
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, clean(s, maxShort))
	}
	return out
}
