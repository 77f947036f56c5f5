package access

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// AllowModel adds one rule that opens modelID for view and infer to principals ("*", role:NAME, user:NAME or user:ID,
// key:ID, group:NAME or group:ID) and answers its id. Origin says who made it: admin or import; ev is the row that it stands
// under. A rule that says the same is left as it is, and its id answered. An unknown principal is Unprocessable. The rule is in force
// when the transaction has committed.
func (g *Guard) AllowModel(tx *db.Tx, ev audit.Event, modelID string, principals []string, origin string) (string, error) {
	if modelID == "" || len(principals) == 0 {
		return "", fault.New(fault.Invalid, "a rule needs a model and at least one principal")
	}
	x := rule.Rule{
		ID: newRuleID(), Allow: true, Models: []string{modelID}, Operations: []rule.Operation{View, Infer}, Origin: origin,
	}
	for _, p := range principals {
		who, err := resolve(tx.QueryRow, p)
		if err != nil {
			return "", err
		}
		if !slices.Contains(x.Principals, who) {
			x.Principals = append(x.Principals, who)
		}
	}
	there := -1
	plan, err := g.planPolicy(tx, 0, func(_ *db.Tx, now Policy) (PolicyWrite, error) {
		if there = slices.IndexFunc(now.Rules, func(o rule.Rule) bool { return same(o, x) }); there >= 0 {
			x.ID = now.Rules[there].ID
			return PolicyWrite{Rules: now.Rules, Default: now.Default}, nil
		}
		return PolicyWrite{Rules: append(now.Rules, x), Default: now.Default}, nil
	})
	if err != nil || there >= 0 {
		return x.ID, err
	}
	return x.ID, g.storePolicy(tx, ev, &plan)
}

// CheckPrincipals refuses what AllowModel would refuse of principals, ahead of work that takes long.
func (g *Guard) CheckPrincipals(ctx context.Context, principals []string) error {
	row := func(query string, args ...any) *sql.Row { return g.db.ReadSQL().QueryRowContext(ctx, query, args...) }
	for _, p := range principals {
		if _, err := resolve(row, p); err != nil {
			return err
		}
	}
	return nil
}

func newRuleID() string { return "rule_" + ulid.Make().String() }

// Changed makes a new policy version in tx and has it in force when the transaction has committed; where it cannot be read
// then, the write answers NotInForce. Whoever changes roles, rules or a user's role calls it in the same transaction.
func (g *Guard) Changed(tx *db.Tx, reason string) error {
	_, err := g.newVersion(tx, reason)
	return err
}

// newVersion is Changed, and answers the version.
func (g *Guard) newVersion(tx *db.Tx, reason string) (version int64, err error) {
	err = tx.QueryRow(`INSERT INTO policy_versions (version, changed_at, reason) SELECT max(version) + 1, ?, ? FROM policy_versions
		RETURNING version`, tx.Now().UnixMilli(), reason).Scan(&version)
	if err != nil {
		return 0, db.Translate(err)
	}
	tx.Then(func() error {
		if err := g.Reload(context.Background()); err != nil { // the change is durable all the same, and Watch tries again
			return fault.Wrap(err, fault.NotInForce, "The change is stored and will be in force shortly. Do not repeat it.")
		}
		return nil
	})
	return version, nil
}

// resolve turns a written principal into the id that a rule holds. Names are never stored: a later holder of the name
// inherits nothing (threat Z7).
func resolve(row func(query string, args ...any) *sql.Row, written string) (rule.Principal, error) {
	if written == "*" {
		return rule.Principal{Kind: rule.KindAny}, nil
	}
	unknown := fault.New(fault.Unprocessable, "a principal of the rule is not known: "+whatIsWrong(written)).WithField("principals")
	kind, ref, ok := strings.Cut(written, ":")
	if !ok || ref == "" {
		return rule.Principal{}, unknown
	}
	var query string
	switch kind {
	case "role":
		query = `SELECT name FROM roles WHERE name = ?`
	case "user":
		query = `SELECT id FROM users WHERE (id = ?1 OR username = ?1) AND status <> 'deleted' ORDER BY id = ?1 DESC`
	case "group":
		query = `SELECT id FROM groups WHERE (id = ?1 OR name = ?1) AND deleted_at IS NULL ORDER BY id = ?1 DESC`
	case "key":
		query = `SELECT coalesce(nullif(line, ''), id) FROM api_keys WHERE id = ?`
	default:
		return rule.Principal{}, unknown
	}
	var id string
	if err := row(query, ref).Scan(&id); err != nil {
		if err = db.Translate(err); fault.CodeOf(err) == fault.NotFound {
			return rule.Principal{}, unknown
		}
		return rule.Principal{}, err
	}
	return rule.Principal{Kind: kind, Ref: id}, nil
}

// whatIsWrong says why a written principal stands for nobody. A name that somebody typed is not repeated.
func whatIsWrong(written string) string {
	switch kind, name, _ := strings.Cut(written, ":"); {
	case name == "":
	case kind == "role", kind == "user", kind == "group":
		return "there is no " + kind + " of that name"
	case kind == "key":
		return "there is no key with that id"
	}
	return "write *, role:NAME, user:NAME, group:NAME or key:ID"
}
