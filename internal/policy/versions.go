package policy

import (
	"context"
	"slices"
	"strconv"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Version is one version of roles and rules. Only where rules were changed is it known by whom, and can it be opened.
type Version struct {
	Version                 int64
	At                      time.Time
	Actor, Note, EventID    string // "" where no rule was changed
	Kind                    Kind
	Subject                 string // the group, role or setting
	Added, Changed, Removed int
}

// VersionFilter says which changes to list.
type VersionFilter struct {
	Rule, Model string // "" for any
	After       string // Next of the page before
	Limit       int    // 0 = 50
}

// Detail is one change, rule by rule.
type Detail struct {
	Version
	Rules         []ChangedRule // in the order of ids
	Before, After string        // the same rules as YAML
	Undoable      bool          // Undo would take it back now
}

// ChangedRule is what became of one rule: added, changed or removed. Before and After are nil where there was none, and where
// what there was could not be read.
type ChangedRule struct {
	ID, Change    string
	Before, After *rule.Rule
}

const (
	added   = "added"
	removed = "removed"
)

// Versions answers a page of versions, newest first, and the cursor of the next, to a caller with acl.manage: without a filter every
// one there is, so that none seems to be missing, and with one those that changed such a rule.
func (s *Service) Versions(ctx context.Context, p access.Principal, f VersionFilter) ([]Version, string, error) {
	if err := s.mayRead(ctx, p); err != nil {
		return nil, "", err
	}
	if f.Limit == 0 {
		f.Limit = 50
	}
	before := int64(0)
	if f.After != "" {
		var err error
		if before, err = strconv.ParseInt(f.After, 10, 64); err != nil || before < 1 {
			return nil, "", fault.New(fault.Invalid, "This cursor doesn't belong to this list. Start again without it.").WithField("cursor")
		}
	}
	var models []string
	if f.Model != "" {
		var err error
		if models, err = s.modelLists(ctx, f.Model); err != nil {
			return nil, "", err
		}
	}
	rows, err := s.versionRows(ctx, f, before, models)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > f.Limit {
		rows = rows[:f.Limit]
		next = strconv.FormatInt(rows[f.Limit-1].Version, 10)
	}
	out := make([]Version, len(rows))
	for i := range rows {
		out[i] = rows[i].public()
	}
	return out, next, s.subjects(ctx, out)
}

func (r *versionRow) public() Version {
	kind, subject := r.kind()
	return Version{
		Kind: kind, Subject: subject,
		Version: r.Version, At: time.UnixMilli(r.At).UTC(), Actor: r.ActorName, Note: r.Note, EventID: r.EventID,
		Added: r.Added, Changed: r.Changed, Removed: r.Removed,
	}
}

// Version answers one change to a caller with acl.manage. NotFound for a version in which no rule changed.
func (s *Service) Version(ctx context.Context, p access.Principal, version int64) (Detail, error) {
	if err := s.mayRead(ctx, p); err != nil {
		return Detail{}, err
	}
	row, list, err := s.past(ctx, version)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Version: row.public()}
	if d.Undoable, err = s.undoable(ctx, row, list); err != nil {
		return Detail{}, err
	}
	if d.Rules, err = s.named(ctx, list); err != nil {
		return Detail{}, err
	}
	d.Before, d.After, err = d.texts()
	return d, err
}

// named answers changes with names for ids, all of which are asked for at once: a version may have changed thousands of rules.
func (s *Service) named(ctx context.Context, list []ChangedRule) ([]ChangedRule, error) {
	out := slices.Clone(list)
	var sides []**rule.Rule
	var rules []rule.Rule
	for i := range out {
		for _, side := range []**rule.Rule{&out[i].Before, &out[i].After} {
			if *side != nil {
				sides, rules = append(sides, side), append(rules, **side)
			}
		}
	}
	rules, err := s.shown(ctx, rules)
	for i := range rules {
		*sides[i] = &rules[i]
	}
	return out, err
}

// undoable says whether Undo would take the change back now.
func (s *Service) undoable(ctx context.Context, row versionRow, list []ChangedRule) (bool, error) {
	source, err := s.d.Guard.PolicySource(ctx)
	if err != nil || source.Path != "" || s.o.File != "" {
		return false, err
	}
	if _, err := takenBack(plain(s.d.Guard.Stored().Rules), list); err != nil {
		return false, nil //nolint:nilerr // that it would be refused is the answer
	}
	err = stillThere(s.readRow(ctx), restored(list, rule.KindRole), restored(list, rule.KindGroup), row)
	if code := fault.CodeOf(err); code == fault.Conflict || code == fault.Unprocessable {
		return false, nil
	}
	return err == nil, err
}

// restored answers those of a kind whom the rules name that would stand again.
func restored(list []ChangedRule, kind string) []string {
	out := []string{}
	for _, c := range list {
		if c.Before == nil {
			continue
		}
		for _, p := range c.Before.Principals {
			if p.Kind == kind {
				out = append(out, p.Ref)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// texts answers both sides as files.
func (d *Detail) texts() (before, after string, err error) {
	var x, y rule.File
	for _, c := range d.Rules {
		if c.Before != nil {
			x.Rules = append(x.Rules, *c.Before)
		}
		if c.After != nil {
			y.Rules = append(y.Rules, *c.After)
		}
	}
	b, err := x.YAML()
	if err != nil {
		return "", "", err
	}
	a, err := y.YAML()
	return string(b), string(a), err
}

// past answers a change with its rules as they are stored.
func (s *Service) past(ctx context.Context, version int64) (versionRow, []ChangedRule, error) {
	row, err := s.version(ctx, version)
	if err != nil {
		return row, nil, err
	}
	changed, err := s.changedIn(ctx, version)
	if err != nil {
		return row, nil, err
	}
	before, err := rule.ParseFile([]byte(row.Before))
	if err != nil {
		return row, nil, fault.Wrap(err, fault.Internal, "the history of rules cannot be read")
	}
	after, err := rule.ParseFile([]byte(row.After))
	if err != nil {
		return row, nil, fault.Wrap(err, fault.Internal, "the history of rules cannot be read")
	}
	was, is := byID(before.Rules), byID(after.Rules)
	list := make([]ChangedRule, len(changed))
	for i, c := range changed {
		list[i] = ChangedRule{ID: c.RuleID, Change: c.Change}
		if r, ok := was[c.RuleID]; ok {
			list[i].Before = &r
		}
		if r, ok := is[c.RuleID]; ok {
			list[i].After = &r
		}
	}
	return row, list, nil
}

// Undo has the rules of one change stand again as they did before it, and leaves all others. NotFound for a version in which no
// rule changed, Conflict where one of its rules was changed since or could not be read even then, or where one names a role that
// was made since: the rights of a role that is gone are not those of a later one of its name. Without a note the new version says
// which one it took back.
func (s *Service) Undo(ctx context.Context, p access.Principal, version int64, w Write) (Change, error) {
	var row versionRow
	var list []ChangedRule
	if w.Note == "" {
		w.Note = "undo " + strconv.FormatInt(version, 10)
	}
	c, err := s.write(ctx, p, w, edit{
		target:  "policy:" + strconv.FormatInt(version, 10),
		tag:     tagOf,
		details: map[string]any{"undo": version},
		prepare: func(ctx context.Context, _ access.Stored) (err error) {
			row, list, err = s.past(ctx, version)
			return err
		},
		check: func(tx *db.Tx) error {
			return stillThere(tx.QueryRow, restored(list, rule.KindRole), restored(list, rule.KindGroup), row)
		},
		apply: func(now []rule.Rule) ([]rule.Rule, error) { return takenBack(now, list) },
	})
	return s.changeOf(c, w), err
}

// takenBack answers now with each of the rules as it was before.
func takenBack(now []rule.Rule, list []ChangedRule) ([]rule.Rule, error) {
	out := slices.Clone(now)
	at := make(map[string]int, len(out))
	for i := range out {
		at[out[i].ID] = i
	}
	gone := map[string]bool{}
	for _, c := range list {
		i, there := at[c.ID]
		switch {
		case there != (c.Change != removed), there && (c.After == nil || text(out[i]) != text(*c.After)):
			return nil, fault.Newf(fault.Conflict, "The rule %q was changed since.", c.ID).WithField("version")
		case c.Change == added:
			gone[c.ID] = true
		case c.Before == nil:
			return nil, fault.Newf(fault.Conflict, "The rule %q could not be read even then.", c.ID).WithField("version")
		case there:
			out[i] = *c.Before
		default:
			out = append(out, *c.Before)
		}
	}
	return slices.DeleteFunc(out, func(r rule.Rule) bool { return gone[r.ID] }), nil
}
