package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// FileSource is the file that the stored rules come from, and what was taken from it. The zero value is none.
type FileSource struct {
	Path, SHA256 string
	Ended        bool // it showed that nothing was missing at its end, and so must the next
}

// PolicySource answers where the stored rules come from, the zero value where that is the database itself.
func (g *Guard) PolicySource(ctx context.Context) (FileSource, error) {
	l := loader{func(query string) (*sql.Rows, error) { return g.db.ReadSQL().QueryContext(ctx, query) }}
	s, err := l.fileSource()
	return s, db.Translate(err)
}

func (l loader) fileSource() (s FileSource, err error) {
	err = l.each(`SELECT path, sha256, EXISTS (SELECT 1 FROM meta WHERE key = '`+endedKey+`') FROM policy_file`, func(scan func(...any) error) error {
		return scan(&s.Path, &s.SHA256, &s.Ended)
	})
	return s, err
}

// mayWrite refuses a change by hand while the rules come from a file: there are never two truths.
func (p *policyPlan) mayWrite() error {
	if p.source.Path != "" && p.write.Source == nil {
		return fault.New(fault.Conflict, "The rules come from acl.file and are read only here: change them in the file.")
	}
	return nil
}

// switches says that the rules come from a file from now on and did not, or the other way round.
func (p *policyPlan) switches() bool {
	return p.write.Source != nil && (p.write.Source.Path == "") != (p.source.Path == "")
}

func (p *policyPlan) storeSource(tx *db.Tx) error {
	s := p.write.Source
	if s == nil || *s == p.source {
		return nil
	}
	query, args := `DELETE FROM policy_file`, []any{}
	if s.Path != "" {
		query = `INSERT INTO policy_file (id, path, sha256, applied_at) VALUES (1, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET path = excluded.path, sha256 = excluded.sha256, applied_at = excluded.applied_at`
		args = []any{s.Path, s.SHA256, tx.Now().UnixMilli()}
	}
	if _, err := tx.Exec(query, args...); err != nil {
		return db.Translate(err)
	}
	ended := ""
	if s.Ended {
		ended = "1"
	}
	return storeMeta(tx, endedKey, ended)
}

// storeChanged writes what became of each rule, for the history of a rule and of a model.
func (p *policyPlan) storeChanged(tx *db.Tx) error {
	old := make(map[string][]string, len(p.before))
	for i := range p.before {
		old[p.before[i].ID] = p.before[i].Models
	}
	is := make(map[string][]string, len(p.write.Rules))
	for i := range p.write.Rules {
		is[p.write.Rules[i].ID] = p.write.Rules[i].Models
	}
	for _, kind := range []struct {
		change string
		ids    []string
	}{{"added", p.Added}, {"changed", p.Changed}, {"removed", p.Removed}} {
		for _, id := range kind.ids {
			models := slices.Concat(old[id], is[id])
			slices.Sort(models)
			text, err := json.Marshal(slices.Compact(models))
			if err != nil {
				return fault.Wrap(err, fault.Internal, "the history of a rule cannot be written")
			}
			err = run(tx, `INSERT INTO policy_changed_rules (rule_id, version, change, models) VALUES (?, ?, ?, ?)`, id, p.Version, kind.change, string(text))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// StoredRule is a rule and what is known of it beside its text.
type StoredRule struct {
	rule.Rule
	Unreadable       bool // what stands here counts in its place
	Created, Updated time.Time
}

// Stored is a policy in force with what is known of its rules, all of one version, with ids for names.
type Stored struct {
	Version      int64
	Rules        []StoredRule // in the order of ids
	DefaultAllow bool
}

// Stored answers the policy in force. The caller may change what it gets.
func (g *Guard) Stored() Stored {
	s := g.current.Load()
	out := Stored{Version: s.version, Rules: make([]StoredRule, len(s.list)), DefaultAllow: s.defaultAllow}
	for i := range s.list {
		r := &s.list[i]
		out.Rules[i] = StoredRule{Rule: r.clone(), Unreadable: r.unreadable, Created: r.created, Updated: r.updated}
	}
	return out
}
