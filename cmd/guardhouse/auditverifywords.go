package main

import (
	"errors"
	"fmt"

	"guardhouse/internal/audit"
	"guardhouse/internal/doctor"
	"guardhouse/internal/fault"
	"guardhouse/internal/verify"
)

// unreadable says of bytes that are no database what they mostly are.
func unreadable(err error) error {
	if !doctor.Torn(err) {
		return err
	}
	return fault.Wrap(err, fault.Invalid, "this copy cannot be read as a database: it was probably copied while the server wrote; "+
		"make one with guardhouse backup, or copy again (if it is no copy, guardhouse doctor says more)")
}

// notLookedAt is what a database's walk says nothing of.
const notLookedAt = "accounts, roles, rules, models and other settings than retention's: what those tables hold is the server's word, what changed them stands in the log"

// verdict prints what was walked and what was not looked at, and answers the finding as an error.
func (sh *shared) verdict(r verify.Report, besides string) error {
	if sh.json {
		body := reportJSON(r)
		if besides != "" {
			body["not_checked"] = besides
		}
		return errors.Join(sh.printJSON(body), finding(r.Report))
	}
	err := printReport(sh, r)
	if besides != "" {
		_, missing := fmt.Fprintf(sh.out, "not checked: %s\n", besides)
		err = errors.Join(err, missing)
	}
	return errors.Join(err, finding(r.Report))
}

// findingError is what was found, with what to do about it.
type findingError struct {
	error
	next string
}

// finding answers what is wrong as an error, nil where nothing is.
func finding(r audit.Report) error {
	if r.OK() {
		return nil
	}
	return findingError{fmt.Errorf("%s%s: %s", r.Finding, r.Place(), r.Detail), verify.Next(r.Finding)}
}

// whole says in a line that nothing is wrong. Rows of a filter stand apart: of those between them nothing is said.
func whole(r audit.Report) string {
	switch {
	case r.Rows == 0 && r.Last == 0:
		return "no rows, nothing wrong found"
	case r.Rows+r.Pruned < r.Last-r.First+1:
		return fmt.Sprintf("%d of the rows %d to %d, nothing wrong found", r.Rows, r.First, r.Last)
	}
	return fmt.Sprintf("rows %d to %d, nothing wrong found", r.First, r.Last)
}

func printReport(sh *shared, r verify.Report) error {
	if sh.json {
		return sh.printJSON(reportJSON(r))
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(sh.out, format+"\n", args...)
		errs = append(errs, err)
	}
	say("rows         %d", r.Rows)
	if r.Rows > 0 {
		say("range        %d to %d, %s to %s", r.First, r.Last, when(&r.From), when(&r.To))
		if r.LastHash != "" {
			say("head         %s", r.LastHash)
		}
	}
	say("checkpoints  %d", r.Checkpoints)
	if r.Anchored {
		say("copies       %d", r.Copies)
	}
	if r.Tombstones > 0 {
		say("removed      %d rows under %d tombstones", r.Pruned, r.Tombstones)
	}
	if r.OK() {
		say("whole: %s", whole(r.Report))
	}
	for _, line := range r.NotProvable {
		say("not provable: %s", line)
	}
	return errors.Join(errs...)
}

func reportJSON(r verify.Report) map[string]any {
	body := map[string]any{
		"ok": r.OK(), "rows": r.Rows, "first_seq": r.First, "last_seq": r.Last, "head_hash": r.LastHash, "from": nil, "to": nil,
		"checkpoints": r.Checkpoints, "copies": r.Copies, "keys": r.Keys, "keys_from": r.TrustedBy, "tombstones": r.Tombstones, "removed": r.Pruned,
		"not_provable": r.NotProvable, "finding": nil,
	}
	if r.Rows > 0 {
		body["from"], body["to"] = r.From, r.To
	}
	if !r.OK() {
		body["finding"] = map[string]any{"kind": r.Finding, "seq": r.At, "detail": r.Detail, "next": verify.Next(r.Finding)}
	}
	return body
}
