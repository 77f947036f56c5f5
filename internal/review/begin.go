package review

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

// Begin starts a review of the rules whose ids fit, for a holder of acl.manage, and leaves its row. It refuses a title that is
// no line, a day that is over or more than two years away and a pattern that is none (Invalid), patterns that no rule fits
// (Unprocessable), and one review too many (Conflict).
func (s *Service) Begin(ctx context.Context, p access.Principal, n Draft) (_ Review, err error) {
	made, err := n.row(s.d.Now())
	if err != nil {
		return Review{}, s.reject(ctx, p, access.ACLManage, err)
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.ACLManage, Resource: target(made.ID)})
	if err != nil {
		return Review{}, err
	}
	defer pass.Close(&err)
	made.CreatedName = p.Name
	if p.UserID != "" {
		made.CreatedBy = &p.UserID
	}
	items := s.fitting(made)
	out := access.Outcome{
		Details: map[string]any{
			"change": "begin", "rules": len(items), "patterns": made.patterns(), "due": n.DueAt.UTC().Format(time.RFC3339),
		},
		Check: func(tx *db.Tx) (map[string]any, error) {
			if err := s.d.Guard.Administer(tx, p, access.ACLManage); err != nil {
				return nil, err
			}
			if len(items) == 0 {
				return nil, fault.New(fault.Unprocessable, "No rule has such an id.").WithField("rules")
			}
			made.CreatedAt = tx.Now().UnixMilli()
			return nil, nil
		},
	}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error { return insert(tx, made, items) })
	if err != nil {
		return Review{}, err
	}
	d, err := s.Get(context.WithoutCancel(ctx), p, made.ID, ItemFilter{Limit: 1})
	return d.Review, err
}

// reject leaves the row of a body that is none.
func (s *Service) reject(ctx context.Context, p access.Principal, a access.Action, why error) error {
	if err := s.d.Guard.Reject(ctx, p, access.Op{Action: a, Resource: "review"}, audit.Error, string(fault.CodeOf(why))); err != nil {
		return err
	}
	return why
}

// fitting are the rules of the moment that the review is about.
func (s *Service) fitting(r row) []itemRow {
	list := s.d.Guard.Rules()
	patterns := r.patterns()
	var out []itemRow
	for i := range list {
		fits := func(pattern string) bool { return rule.Match(pattern, list[i].ID) }
		if !slices.ContainsFunc(patterns, fits) {
			continue
		}
		it := itemRow{ReviewID: r.ID, RuleID: list[i].ID, Rule: textOf(list[i]), Decision: Undecided}
		if id := ownerOf(list[i]); id != "" {
			it.OwnerID = &id
		}
		out = append(out, it)
	}
	return out
}

// row checks a review to begin and answers it as it is stored.
func (n Draft) row(now time.Time) (row, error) {
	title := norm.NFC.String(strings.TrimSpace(n.Title))
	if title == "" || !printable(title, maxTitle, false) {
		return row{}, fault.Newf(fault.Invalid, "A title is one line of 1 to %d characters.", maxTitle).WithField("title")
	}
	if d := n.DueAt.Sub(now); d <= 0 || d > furthest {
		return row{}, fault.New(fault.Invalid, "The day must lie ahead, at most two years.").WithField("due_at")
	}
	patterns := n.Rules
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	bad := func(p string) bool { return p == "" || len(p) > maxPattern || !printable(p, maxPattern, false) }
	if len(patterns) > maxPatterns || slices.ContainsFunc(patterns, bad) {
		return row{}, fault.New(fault.Invalid, "rules are ids of rules, in which '*' stands for any run of characters.").WithField("rules")
	}
	text, err := json.Marshal(patterns)
	if err != nil {
		return row{}, fault.Wrap(err, fault.Internal, "a review could not be written")
	}
	return row{ID: newID(), Title: title, Rules: string(text), DueAt: n.DueAt.UnixMilli()}, nil
}

// printable says that a text is at most so long and that all of it can be seen; lines says that it may have several.
func printable(s string, most int, lines bool) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return false
	}
	for _, r := range s {
		if r == '\n' && lines {
			continue
		}
		if unicode.Is(unicode.C, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return false
		}
	}
	return true
}
