package request

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Approval is what an approver adds: a word to the asker, and an earlier end, zero for the one asked for.
type Approval struct {
	Reason string
	Until  time.Time
}

// Approve grants an open request to a holder of acl.manage: a rule that allows the asker the model until the day, in the
// same transaction as the decision. It refuses the caller's own (Forbidden), an unknown one (NotFound), one that is decided
// or past its day, an asker whose account is not active or whose role lacks the action, a model that everybody may use and rules that stand in a file
// (Conflict), an end that is later than asked for (Invalid), and a model that is not there (Unprocessable): a later one of that
// name would be open from the start.
func (s *Service) Approve(ctx context.Context, p access.Principal, id string, a Approval) (_ Request, err error) {
	reason, err := text("reason", a.Reason)
	if err != nil {
		return Request{}, s.reject(ctx, p, err)
	}
	known, err := s.known(ctx, true)
	if err != nil {
		return Request{}, err
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.ACLManage, Resource: target(cut(id))})
	if err != nil {
		return Request{}, err
	}
	defer pass.Close(&err)
	g := grant{s: s, p: p, id: id, reason: reason, until: a.Until, known: known}
	if _, err = s.d.Guard.PutPolicy(ctx, pass, 0, g.change); err != nil {
		return Request{}, err
	}
	return s.Get(context.WithoutCancel(ctx), p, id)
}

// grant is one approval on its way through the transaction, which may be begun more than once.
type grant struct {
	s          *Service
	p          access.Principal
	id, reason string
	until      time.Time
	known      map[string]access.Action
}

// change reads the request in the transaction, refuses what can't be granted, and answers the rules with one more.
func (g *grant) change(tx *db.Tx, now access.Policy) (access.PolicyWrite, error) {
	w := access.PolicyWrite{Rules: now.Rules, Default: now.Default}
	asked, err := g.s.mayEnd(tx, g.p, g.id, access.ACLManage)
	w.Details = asked.details()
	if err != nil {
		return w, err
	}
	w.Details["change"] = "approve"
	if err := g.possible(asked, tx.Now()); err != nil {
		return w, err
	}
	if g.everybodys(asked.Row.Model, now) {
		return w, fault.New(fault.Conflict, "No rule is about this model and the default allows, so everybody whose role has the right may use it already. "+
			"A rule would close it for everybody else.").WithField("model")
	}
	r := g.rule(asked, now.Rules)
	w.Rules, w.Note = append(w.Rules, r), "request "+asked.Row.ID
	w.Details["until"] = r.Conditions.Until.Format(time.RFC3339)
	w.Also = func(tx *db.Tx, _ audit.Event, _ int64) error {
		return settle(tx, decision{id: g.id, status: Approved, by: g.p, reason: g.reason, ruleID: r.ID, until: r.Conditions.Until})
	}
	return w, r.Check()
}

func (g *grant) possible(asked named, now time.Time) error {
	end := time.UnixMilli(asked.Row.Until)
	switch {
	case !end.After(now):
		return fault.New(fault.Conflict, "The day that was asked for is over.")
	case asked.UserStatus != "active":
		return fault.New(fault.Conflict, "The account that asked is not active.")
	case g.known[asked.Row.Model] == "":
		return fault.New(fault.Unprocessable, "There is no such model. A rule for it would open a later one of that name.").WithField("model")
	case g.lacks(asked) != "":
		return fault.Newf(fault.Conflict, "The role %s, which the account that asked has, does not have %s. No rule can give that: give the account another role first, or decline.",
			asked.UserRole, g.lacks(asked)).WithField("role")
	case !g.until.IsZero() && (g.until.After(end) || !g.until.After(now)):
		return fault.New(fault.Invalid, "The end may only be earlier than the one asked for, and not over.").WithField("until")
	}
	return nil
}

// lacks answers an action that what was asked for takes and that the asker's role has not, "" where it has all: a rule opens a
// model to a role's actions and gives none.
func (g *grant) lacks(asked named) access.Action {
	asker := access.Principal{Kind: access.KindUser, UserID: asked.Row.UserID, Role: asked.UserRole}
	for _, o := range asked.Row.operations() {
		needed := []access.Action{access.ModelView}
		if o == rule.Infer || o == rule.Every {
			needed = append(needed, g.known[asked.Row.Model])
		}
		for _, a := range needed {
			if !g.s.d.Guard.Can(asker, a) {
				return a
			}
		}
	}
	return ""
}

// everybodys says whether a model is open by default, which the first enforced rule on it would end for all whom it does not
// name.
func (g *grant) everybodys(model string, now access.Policy) bool {
	open := now.Default == "allow" || now.Default == "" && g.s.d.Guard.DefaultAllow()
	return open && !slices.ContainsFunc(now.Rules, func(r rule.Rule) bool {
		return !r.ReportOnly && slices.ContainsFunc(r.Models, func(pattern string) bool { return rule.Match(pattern, model) })
	})
}

// rule answers what is granted. Its owner is whoever approved: reviews ask him whether it is still right.
func (g *grant) rule(asked named, taken []rule.Rule) rule.Rule {
	r := rule.Rule{
		ID: ruleID(asked.Username, asked.Row.Model, taken), Allow: true, Principals: []rule.Principal{{Kind: rule.KindUser, Ref: asked.Row.UserID}},
		Models: []string{asked.Row.Model}, Operations: asked.Row.operations(),
		Note: strings.ReplaceAll(asked.Row.Purpose, "\n", " "),
	}
	r.Conditions.Until = time.UnixMilli(asked.Row.Until).UTC()
	if !g.until.IsZero() {
		r.Conditions.Until = g.until.UTC().Truncate(time.Millisecond)
	}
	if g.p.UserID != "" {
		r.Owner = "user:" + g.p.UserID
	}
	return r
}

// maxWord is how long the name and the model may each be in an id, which has room for 64.
const maxWord = 26

// ruleID answers an id that says whom the rule is for and which model it is about, and that no rule has yet.
func ruleID(who, model string, taken []rule.Rule) string {
	var words []string
	for _, w := range []string{who, model} {
		if w = idWord(w); w != "" {
			words = append(words, w)
		}
	}
	for {
		end := strings.ToLower(ulid.Make().String())
		id := strings.Join(append(slices.Clone(words), end[len(end)-6:]), "-")
		if !slices.ContainsFunc(taken, func(r rule.Rule) bool { return r.ID == id }) {
			return id
		}
	}
}

// idWord is what of a text may stand in an id.
func idWord(text string) string {
	w := strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
	return strings.TrimRight(w[:min(len(w), maxWord)], "-")
}
