package audit

import (
	"database/sql"
	"fmt"
	"unicode/utf8"
)

// cell takes a column as SQLite holds it. A value of another kind than the column's, NULL included, is kept in mind: such a
// row is none that was ever written.
type cell[T string | int64] struct {
	to    *T
	wrong *bool
}

// Scan is part of sql.Scanner.
func (c cell[T]) Scan(value any) error {
	held, ok := value.(T)
	*c.to = held
	if text, is := value.(string); !ok || is && !utf8.ValidString(text) {
		*c.wrong = true
	}
	return nil
}

// scan reads one row of slowSQL. A row that could not have been written answers with a version that none has.
func scan(rows *sql.Rows) (row, error) {
	var r row
	var version int64
	wrong := false
	var to []any
	for _, p := range []*int64{&r.Seq, &version, &r.At, &r.PolicyVersion, &r.DurationUs} {
		to = append(to, cell[int64]{p, &wrong})
	}
	for _, p := range []*string{
		&r.ID, &r.ActorType, &r.ActorID, &r.ActorName, &r.KeyID, &r.Roles, &r.Groups, &r.Purpose, &r.Operation, &r.IP, &r.UserAgent, &r.Action,
		&r.Resource, &r.Model, &r.ModelSHA256, &r.Decision, &r.Reason, &r.RuleID, &r.RequestID, &r.ContentHash, &r.Details, &r.PrevHash, &r.Hash,
	} {
		to = append(to, cell[string]{p, &wrong})
	}
	if err := rows.Scan(to...); err != nil {
		return row{}, fmt.Errorf("an audit row cannot be read: %w", err)
	}
	r.V = int(version)
	if wrong || r.DurationUs < 0 || r.DurationUs > maxMicros || int64(r.V) != version {
		r.V = 0
	}
	return r, nil
}

// hashAt computes the hash that the row would have under another number. A column that is not in canonical form has none:
// two spellings of one value must not verify alike.
func (r row) hashAt(seq int64) string {
	ev, err := r.event()
	if err != nil || string(appendStrings(nil, ev.Roles)) != r.Roles || string(appendStrings(nil, ev.Groups)) != r.Groups {
		return ""
	}
	_, details, err := canonicalDetails(ev.Details)
	if err != nil || string(details) != r.Details {
		return ""
	}
	ev.Seq = seq
	return hashOf(encodeWith(ev, details, withoutHash))
}
