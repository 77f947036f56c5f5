package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

const ownerPrefix = "user:"

// ownerOf answers the id of a stored rule's owner, "" without one.
func ownerOf(r rule.Rule) string {
	id, _ := strings.CutPrefix(r.Owner, ownerPrefix)
	return id
}

// textOf is what a rule says, with ids for names: what is attested, and compared later. What cannot be read has no text.
func textOf(r rule.Rule) string {
	text, err := r.JSON()
	if err != nil {
		return ""
	}
	return string(text)
}

// fingerprint names a text.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// note answers what somebody wrote, trimmed and in one form.
func note(s string) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	if !printable(s, maxNote, true) {
		return "", fault.Newf(fault.Invalid, "A note is a text of at most %d characters that can all be seen.", maxNote).WithField("note")
	}
	return s, nil
}

// cut keeps a made-up id out of the log as a whole.
func cut(id string) string { return id[:min(len(id), len(idPrefix)+26)] }

// item answers one rule of a review as p sees it.
func (s *Service) item(ctx context.Context, p access.Principal, reviewID, ruleID string) (Item, error) {
	_, r, err := itemIn(s.d.DB.Read(ctx), reviewID, ruleID)
	if err != nil {
		return Item{}, err
	}
	list, err := s.items(ctx, p, []itemRow{r})
	if err != nil {
		return Item{}, err
	}
	return list[0], nil
}

// items puts the rules that stand beside what is stored. Who owned one when the review began, and owns it no longer, sees it as
// it was then: what others made of it since is theirs.
func (s *Service) items(ctx context.Context, p access.Principal, rows []itemRow) ([]Item, error) {
	current := map[string]rule.Rule{}
	for _, r := range s.d.Guard.Rules() {
		current[r.ID] = r
	}
	manages := s.d.Guard.Can(p, access.ACLManage)
	out, shown, owners := make([]Item, len(rows)), make([]rule.Rule, len(rows)), []string{}
	for i, r := range rows {
		out[i] = Item{
			RuleID: r.RuleID, Decision: r.Decision, DecidedAt: moment(r.DecidedAt), DecidedBy: r.DecidedName, Note: r.Note, Now: Same,
			Mine: r.OwnerID != nil && p.UserID != "" && *r.OwnerID == p.UserID,
		}
		if r.OwnerID != nil {
			owners = append(owners, *r.OwnerID)
		}
		standing, stands := current[r.RuleID]
		theirs := stands && ownerOf(standing) != p.UserID
		out[i].Mine = out[i].Mine && !theirs
		shown[i] = standing
		text := textOf(standing)
		switch {
		case !stands:
			out[i].Now, shown[i] = Gone, began(r)
		case theirs && !manages:
			out[i].Now, shown[i] = Edited, began(r)
		case text != r.Rule:
			out[i].Now, out[i].Fingerprint = Edited, fingerprint(text)
		default:
			out[i].Fingerprint = fingerprint(text)
		}
	}
	var err error
	if s.d.Show != nil {
		if shown, err = s.d.Show(ctx, shown); err != nil {
			return nil, err
		}
	}
	named, err := names(s.d.DB.Read(ctx), owners)
	for i, r := range rows {
		out[i].Rule = shown[i]
		if r.OwnerID != nil {
			out[i].Owner = named[*r.OwnerID]
		}
	}
	return out, err
}

// began is the rule that the review began with.
func began(r itemRow) rule.Rule {
	old, err := rule.ParseJSON([]byte(r.Rule))
	if err != nil {
		return rule.Rule{ID: r.RuleID}.Unreadable() // it could not be read then either
	}
	return old
}

func orUnknown(err error) error {
	if err == nil {
		return unknown()
	}
	return err
}
