package audit

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"guardhouse/internal/fault"
)

// Columns answers the names of the cells of Event.Cells. The order is published: new ones come at the end.
func Columns() []string {
	return []string{
		"v", "seq", "id", "at", "actor_type", "actor_id", "actor_name", "key_id", "roles", "groups", "purpose", "operation", "ip",
		"user_agent", "action", "resource", "model", "model_sha256", "decision", "reason", "rule_id", "policy_version", "request_id",
		"content_hash", "duration_ms", "details", "prev_hash", "hash",
	}
}

// Cells answers the event as one row of a table, in the order of Columns and in the spelling of the published form; lists and
// details are its canonical JSON. It refuses details that the form cannot hold.
func (e Event) Cells() ([]string, error) {
	_, details, err := canonicalDetails(e.Details)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "an audit row cannot be encoded")
	}
	return []string{
		strconv.Itoa(e.V), strconv.FormatInt(e.Seq, 10), e.ID, e.At.UTC().Format(timeLayout), e.Actor.Type, e.Actor.ID, e.Actor.Name,
		e.KeyID, string(appendStrings(nil, e.Roles)), string(appendStrings(nil, e.Groups)), e.Purpose, e.Operation, e.IP, e.UserAgent,
		e.Action, e.Resource, e.Model, e.ModelSHA256, e.Decision, e.Reason, e.RuleID, strconv.FormatInt(e.PolicyVersion, 10),
		e.RequestID, e.ContentHash, formatMillis(e.Duration), string(details), e.PrevHash, e.Hash,
	}, nil
}

var errNotCells = errors.New("these are not the cells of an event")

// FromCells reads Cells back. It refuses cells that Cells does not write, another spelling of the same event among them.
func FromCells(cells []string) (Event, error) {
	if len(cells) != len(Columns()) {
		return Event{}, errNotCells
	}
	next := func() string { c := cells[0]; cells = cells[1:]; return c }
	all, bad := cells, false
	whole := func() int64 {
		n, err := strconv.ParseInt(next(), 10, 64)
		bad = bad || err != nil
		return n
	}
	strs := func() (out []string) {
		bad = json.Unmarshal([]byte(next()), &out) != nil || bad
		return out
	}
	var err error
	ev := Event{V: int(whole()), Seq: whole(), ID: next()}
	if ev.At, err = time.Parse(timeLayout, next()); err != nil {
		return Event{}, errNotCells
	}
	ev.Actor, ev.KeyID = Actor{Type: next(), ID: next(), Name: next()}, next()
	ev.Roles, ev.Groups = strs(), strs()
	ev.Purpose, ev.Operation, ev.IP, ev.UserAgent, ev.Action, ev.Resource = next(), next(), next(), next(), next(), next()
	ev.Model, ev.ModelSHA256, ev.Decision, ev.Reason, ev.RuleID = next(), next(), next(), next(), next()
	ev.PolicyVersion, ev.RequestID, ev.ContentHash = whole(), next(), next()
	if ev.Duration, err = parseMillis(next()); err != nil {
		return Event{}, errNotCells
	}
	if ev.Details, err = decodeDetails([]byte(next())); err != nil {
		return Event{}, errNotCells
	}
	ev.PrevHash, ev.Hash = next(), next()
	if again, err := ev.Cells(); bad || err != nil || !slices.Equal(again, all) {
		return Event{}, errNotCells
	}
	return ev, nil
}
