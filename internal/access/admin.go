package access

import (
	"context"
	"strings"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// AllowModel adds one rule that opens modelID for view and infer to principals ("*", role:NAME, user:NAME or user:ID,
// key:ID) and answers its id. Origin says who made it: admin or import. An unknown principal is Unprocessable. The rule is in
// force when the transaction has committed.
func (g *Guard) AllowModel(tx *db.Tx, modelID string, principals []string, origin string) (string, error) {
	if modelID == "" || len(principals) == 0 {
		return "", fault.New(fault.Invalid, "a rule needs a model and at least one principal")
	}
	id := "rule_" + ulid.Make().String()
	at := tx.Now().UnixMilli()
	_, err := tx.Exec(`INSERT INTO acl_rules (id, effect, mode, note, origin, created_at, updated_at) VALUES (?, 'allow', 'enforce', '', ?, ?, ?)`,
		id, origin, at, at)
	if err != nil {
		return "", db.Translate(err)
	}
	for _, p := range principals {
		s, err := resolve(tx, p)
		if err != nil {
			return "", err
		}
		if _, err := tx.Exec(`INSERT OR IGNORE INTO acl_rule_principals (rule_id, kind, ref) VALUES (?, ?, ?)`, id, s.kind, s.ref); err != nil {
			return "", db.Translate(err)
		}
	}
	if _, err := tx.Exec(`INSERT INTO acl_rule_models (rule_id, model) VALUES (?, ?)`, id, modelID); err != nil {
		return "", db.Translate(err)
	}
	for _, o := range []Operation{View, Infer} {
		if _, err := tx.Exec(`INSERT INTO acl_rule_operations (rule_id, operation) VALUES (?, ?)`, id, string(o)); err != nil {
			return "", db.Translate(err)
		}
	}
	return id, g.Changed(tx, "rule "+id+" added")
}

// Changed makes a new policy version in tx and has it in force when the transaction has committed. Whoever changes roles,
// rules or a user's role calls it in the same transaction.
func (g *Guard) Changed(tx *db.Tx, reason string) error {
	_, err := tx.Exec(`INSERT INTO policy_versions (version, changed_at, reason) SELECT max(version) + 1, ?, ? FROM policy_versions`,
		tx.Now().UnixMilli(), reason)
	if err != nil {
		return db.Translate(err)
	}
	tx.AfterCommit(func() {
		// The change is durable whatever happens here; Watch tries again.
		if err := g.Reload(context.Background()); err != nil {
			g.log.Error("reloading the access policy", "err", err)
		}
	})
	return nil
}

// resolve turns a written principal into the id that a rule holds. Names are never stored: a later holder of the name
// inherits nothing (threat Z7).
func resolve(tx *db.Tx, written string) (subject, error) {
	if written == "*" {
		return subject{"any", ""}, nil
	}
	unknown := fault.New(fault.Unprocessable, "a principal of the rule is not known: "+kindOf(written)).WithField("principals")
	kind, ref, ok := strings.Cut(written, ":")
	if !ok || ref == "" {
		return subject{}, unknown
	}
	var query string
	switch kind {
	case "role":
		query = `SELECT name FROM roles WHERE name = ?`
	case "user":
		query = `SELECT id FROM users WHERE (id = ?1 OR username = ?1) AND status <> 'deleted' ORDER BY id = ?1 DESC`
	case "key":
		query = `SELECT id FROM api_keys WHERE id = ? AND revoked_at IS NULL`
	default:
		return subject{}, unknown
	}
	var id string
	if err := tx.QueryRow(query, ref).Scan(&id); err != nil {
		if err = db.Translate(err); fault.CodeOf(err) == fault.NotFound {
			return subject{}, unknown
		}
		return subject{}, err
	}
	return subject{kind, id}, nil
}

// kindOf answers the part of a written principal that is safe to show.
func kindOf(written string) string {
	switch kind, _, _ := strings.Cut(written, ":"); kind {
	case "role", "user", "key", "group":
		return kind
	}
	return "use role:NAME, user:NAME, key:ID or *"
}
