package audit

import (
	"strconv"

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
