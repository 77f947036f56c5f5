package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
)

// rules are rules as text, with the hash of it.
type rules struct {
	SHA256 string `json:"sha256"`
	YAML   string `json:"yaml"`
}

func rulesOf(yaml string) *rules {
	sum := sha256.Sum256([]byte(yaml))
	return &rules{hex.EncodeToString(sum[:]), yaml}
}

// standing is the first line of policy.jsonl: the rules as they stand.
type standing struct {
	Kind       string   `json:"kind"` // current
	Rules      *rules   `json:"rules"`
	Unreadable []string `json:"unreadable"` // ids of rules that are not in the text
}

// What became of rules in a version.
const (
	rulesChanged = "changed"
	rulesSame    = "same"
	rulesMissing = "missing" // they were changed, and their text is not in the database
)

// hole is a line for versions that must have been and are not in the database.
type hole struct {
	Kind  string `json:"kind"` // missing
	First int64  `json:"first"`
	Last  int64  `json:"last"`
}

// version is one version of roles and rules. Before and After are of those rules that it changed, null where it changed none or
// where their text is missing: Rules says which.
type version struct {
	Kind    string      `json:"kind"` // version
	Version int64       `json:"version"`
	At      *string     `json:"at"`
	By      string      `json:"by"`
	Why     policy.Kind `json:"why"`
	Subject string      `json:"subject"`
	Note    string      `json:"note"`
	EventID string      `json:"event_id"`
	Added   int         `json:"added"`
	Changed int         `json:"changed"`
	Removed int         `json:"removed"`
	Rules   string      `json:"rules"`
	Before  *rules      `json:"before"`
	After   *rules      `json:"after"`
}

// policy writes the rules as they stand and every version of them, newest first, a line each, and a line where some are missing:
// they are counted from 1 without a gap.
func (m *making) policy(w io.Writer) error {
	whole, err := m.s.d.Policy.Policy(m.ctx, reader())
	if err != nil {
		return err
	}
	text, err := whole.YAML()
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the rules cannot be written as a file")
	}
	if err := line(w, standing{"current", rulesOf(string(text)), orEmpty(whole.Lost)}); err != nil {
		return err
	}
	before := int64(0) // the version written last
	for after := ""; ; {
		page, next, err := m.s.d.Policy.Versions(m.ctx, reader(), policy.VersionFilter{After: after, Limit: pageItems})
		if err != nil {
			return err
		}
		for _, v := range page {
			if err := missing(w, v.Version+1, before-1); err != nil {
				return err
			}
			if err := m.version(w, v); err != nil {
				return err
			}
			before = v.Version
		}
		if after = next; next == "" {
			return missing(w, 1, before-1)
		}
	}
}

func missing(w io.Writer, first, last int64) error {
	if first > last {
		return nil
	}
	return line(w, hole{"missing", first, last})
}

// ofRules says that a version was made by a change of rules, which has a text. One whose reason nobody knows is taken for such.
func ofRules(v policy.Version) bool {
	switch v.Kind { //nolint:exhaustive // all others are of people and settings
	case policy.KindRules, policy.KindFromFile, policy.KindFromDatabase, policy.KindOther:
		return true
	}
	return v.Added+v.Changed+v.Removed > 0
}

func (m *making) version(w io.Writer, v policy.Version) error {
	out := version{
		Kind: "version", Version: v.Version, At: moment(&v.At), By: v.Actor, Why: v.Kind, Subject: v.Subject, Note: v.Note, EventID: v.EventID,
		Added: v.Added, Changed: v.Changed, Removed: v.Removed, Rules: rulesSame,
	}
	if ofRules(v) {
		out.Rules = rulesMissing
	}
	if v.EventID != "" {
		d, err := m.s.d.Policy.Version(m.ctx, reader(), v.Version)
		switch {
		case err == nil:
			out.Rules, out.Before, out.After = rulesChanged, rulesOf(d.Before), rulesOf(d.After)
		case fault.CodeOf(err) != fault.NotFound:
			return err
		default:
			out.Rules = rulesMissing
		}
	}
	return line(w, out)
}

func line(w io.Writer, v any) error {
	text, err := encoded(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
