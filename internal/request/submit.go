package request

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Submit keeps a request of the caller's, who may sign in with any credential of his own, and its audit row. It refuses a
// model that is no id, an end that is less than an hour or more than two years away, and a purpose that cannot be read as
// text (Invalid); a model that he asked for already and one request too many (Conflict). Whether there is such a model it
// never looks.
func (s *Service) Submit(ctx context.Context, p access.Principal, n Wish) (r Request, err error) {
	made, err := n.row(s.d.Now())
	if err != nil {
		return Request{}, s.reject(ctx, p, err)
	}
	made.UserID = p.UserID
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SessionOwn, Resource: target(made.ID), Model: made.Model})
	if err != nil {
		return Request{}, err
	}
	defer pass.Close(&err)
	out := access.Outcome{
		Details: map[string]any{"change": "request", "user": p.UserID, "operations": words(made.operations()), "until": n.Until.UTC().Format(time.RFC3339)},
		Check: func(tx *db.Tx) (map[string]any, error) {
			if err := s.d.Guard.Administer(tx, p, access.SessionOwn); err != nil {
				return nil, err
			}
			made.CreatedAt = tx.Now().UnixMilli()
			return nil, nil
		},
	}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error { return insert(tx, made) })
	if err != nil {
		return Request{}, err
	}
	return s.Get(context.WithoutCancel(ctx), p, made.ID)
}

// reject leaves the row of a request that is none, as of every invalid body.
func (s *Service) reject(ctx context.Context, p access.Principal, why error) error {
	op := access.Op{Action: access.SessionOwn, Resource: "request"}
	if err := s.d.Guard.Reject(ctx, p, op, audit.Error, string(fault.CodeOf(why))); err != nil {
		return err
	}
	return why
}

// row checks what is asked for and answers it as it is stored, without its asker.
func (n Wish) row(now time.Time) (row, error) {
	if !modelID(n.Model) {
		return row{}, fault.Newf(fault.Invalid, "A model is asked for by its id: 1 to %d of a-z, 0-9, '.', '_' and '-'.", maxModel).WithField("model")
	}
	purpose, err := text("purpose", n.Purpose)
	switch {
	case err != nil:
		return row{}, err
	case purpose == "":
		return row{}, fault.New(fault.Invalid, "Say what the model is for.").WithField("purpose")
	}
	if d := n.Until.Sub(now); d < least || d > most {
		return row{}, fault.New(fault.Invalid, "The end must be an hour to two years from now.").WithField("until")
	}
	operations, err := json.Marshal(wanted(n.Operations))
	if err != nil {
		return row{}, fault.Wrap(err, fault.Internal, "a request could not be written")
	}
	return row{
		ID: newID(), Model: n.Model, Operations: string(operations), Purpose: purpose, Until: n.Until.UnixMilli(), Status: Open,
	}, nil
}

// wanted are the operations in the order of the contract, view always among them: without it a model is not there.
func wanted(asked []rule.Operation) []rule.Operation {
	if len(asked) == 0 {
		asked = []rule.Operation{rule.Infer}
	}
	out := []rule.Operation{rule.View}
	for _, o := range []rule.Operation{rule.Infer, rule.Train, rule.Download} {
		if slices.Contains(asked, o) {
			out = append(out, o)
		}
	}
	return out
}

// modelID says whether a text could be a model's id. Aliases and patterns are none.
func modelID(s string) bool {
	if s == "" || len(s) > maxModel {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}

// text answers what a person wrote, trimmed and in one form. Lines are allowed, what can't be seen or turns a line is not.
func text(field, s string) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxText {
		return "", fault.Newf(fault.Invalid, "%s is a text of at most %d characters.", field, maxText).WithField(field)
	}
	for _, r := range s {
		if r == utf8.RuneError || r != '\n' && (unicode.Is(unicode.C, r) || unicode.In(r, unicode.Zl, unicode.Zp)) {
			return "", fault.Newf(fault.Invalid, "%s holds a character that cannot be seen.", field).WithField(field)
		}
	}
	return s, nil
}

func words(list []rule.Operation) []any {
	out := make([]any, 0, len(list))
	for _, o := range list {
		out = append(out, string(o))
	}
	return out
}
