// Package policy is the rules as people write them: users and groups by name, model by model, with their history, as one file,
// and out of one. It checks, names and plans; that a change is allowed, kept and in force is the gate's doing. It may import
// access, audit, db, fault and rule.
package policy

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Deps are what the service asks.
type Deps struct {
	DB    *db.DB
	Guard *access.Guard
	Names Names
	// Model refuses a model that is not there (NotFound).
	Model func(ctx context.Context, id string) error
}

// Options is what the settings say.
type Options struct {
	File string // acl.file, "" without one
	// DefaultAllow is acl.default, which a file's default overrides.
	DefaultAllow bool
	Now          func() time.Time
	Log          *slog.Logger // nil = slog.Default
}

// Service administers rules. All methods may be called from any goroutine.
type Service struct {
	d    Deps
	o    Options
	now  func() time.Time
	log  *slog.Logger
	tags tags
	file watched
	// pause waits between two looks at acl.file at the start.
	pause func(ctx context.Context, d time.Duration) error
}

// New answers the service. It reads nothing yet.
func New(d Deps, o Options) *Service {
	s := &Service{d: d, o: o, now: o.Now, log: o.Log, pause: pause}
	if s.now == nil {
		s.now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	return s
}

// mayRead refuses whoever does not administer rules, and leaves the refusal's row. Reading leaves none.
func (s *Service) mayRead(ctx context.Context, p access.Principal) error {
	if s.d.Guard.Can(p, access.ACLManage) {
		return nil
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.ACLManage})
	if err != nil {
		return err
	}
	// The right came between the two looks: the read is allowed, and its pass has to end in a row.
	_, err = pass.Commit(ctx, access.Outcome{}, nil)
	return err
}

// Change is what a write came to: ids of rules, in their order.
type Change struct {
	Version                 int64 // of roles and rules, from now on
	DryRun                  bool
	Added, Changed, Removed []string
	Total                   int   // rules that there are then
	Tag                     int64 // of the whole policy as it stands: of a dry run, as it stood
}

// Write is what every write may ask for besides.
type Write struct {
	IfMatch *int64 // the tag that the change was made from, nil for any
	DryRun  bool   // checks everything, changes nothing, leaves its row
	Note    string // why, for the history
}

// edit is one write. target is what the audit row names, model the model that it is about.
type edit struct {
	target, model string
	// prepare turns names into ids, before the transaction: now is what was in force then.
	prepare func(ctx context.Context, now access.Stored) error
	// tag is what If-Match is held against.
	tag func(now []rule.Rule) int64
	// check refuses, within the transaction, what is to be refused for other reasons than the rules. It may run more than once.
	check func(tx *db.Tx) error
	// apply answers the rules that shall be. It may run more than once.
	apply func(now []rule.Rule) ([]rule.Rule, error)
	// source is set by acl.file alone.
	source *access.FileSource
	// def answers the stored default that shall be, out of the one that is. Nil leaves it.
	def func(now string) (string, error)
	// details stand in the audit row.
	details map[string]any
}

// written is what an edit came to, and the tag that If-Match was held against.
type written struct {
	access.PolicyChange
	stood int64
}

// write does an edit as p: it enters the gate, so that whatever is refused from there on leaves its row, prepares, and has the
// gate write. It refuses as Guard.PutPolicy does, and a tag that is not the given one (Stale).
func (s *Service) write(ctx context.Context, p access.Principal, w Write, e edit) (out written, err error) {
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.ACLManage, Resource: e.target, Model: e.model})
	if err != nil {
		return written{}, err
	}
	defer pass.Close(&err)
	if err := checkNote(w.Note); err != nil {
		return written{}, err
	}
	if s.o.File != "" && e.source == nil {
		return written{}, fault.New(fault.Conflict, "The rules come from acl.file and are read only here: change them in the file.")
	}
	if e.prepare != nil {
		if err := e.prepare(ctx, s.d.Guard.Stored()); err != nil {
			return written{}, err
		}
	}
	var stood int64
	c, err := s.d.Guard.PutPolicy(ctx, pass, 0, func(tx *db.Tx, now access.Policy) (access.PolicyWrite, error) {
		out := access.PolicyWrite{Note: w.Note, Default: now.Default, DryRun: w.DryRun, Source: e.source, Details: e.details}
		if e.tag != nil && (w.IfMatch != nil || w.DryRun) {
			stood = e.tag(now.Rules)
		}
		if w.IfMatch != nil && stood != *w.IfMatch {
			return out, fault.New(fault.Stale, "The rules were changed meanwhile. Read them again and repeat what you meant to change.")
		}
		if e.check != nil {
			if err := e.check(tx); err != nil {
				return out, err
			}
		}
		rules, err := e.apply(now.Rules)
		if err == nil && e.source == nil {
			rules = settle(now.Rules, rules)
		}
		out.Rules = rules
		if err == nil && e.def != nil {
			out.Default, err = e.def(now.Default)
		}
		return out, err
	})
	return written{c, stood}, err
}

// settle answers next with the origin that each rule had; one that came with the product and was changed is the administrator's from
// then on, so that no later release rewrites it.
func settle(now, next []rule.Rule) []rule.Rule {
	old, next := byID(now), slices.Clone(next)
	for i := range next {
		was, known := old[next[i].ID]
		switch {
		case !known || next[i].ID == "":
			next[i].Origin = originAdmin
		case was.Origin == originShipped && text(was) != text(next[i]):
			next[i].Origin = originAdmin
		default:
			next[i].Origin = was.Origin
		}
	}
	return next
}

// Origins that are told apart here.
const (
	originShipped = "shipped"
	originAdmin   = "admin"
	originFile    = "file"
)

// checkNote refuses a note that no rule could have either, and a long one.
func checkNote(note string) error {
	r := rule.Rule{Principals: []rule.Principal{{Kind: rule.KindAny}}, Operations: []rule.Operation{rule.View}, Note: note}
	if len([]rune(note)) > maxNote || r.Check() != nil {
		return fault.Newf(fault.Invalid, "note: at most %d characters, none of them for control or direction", maxNote).WithField("note")
	}
	return nil
}

const maxNote = 500 // characters

func (s *Service) changeOf(c written, w Write) Change {
	out := Change{Version: c.Version, DryRun: w.DryRun, Added: c.Added, Changed: c.Changed, Removed: c.Removed, Total: len(c.Rules), Tag: c.stood}
	if !w.DryRun {
		out.Tag = tagOf(c.Rules)
	}
	return out
}

func byID(rules []rule.Rule) map[string]rule.Rule {
	out := make(map[string]rule.Rule, len(rules))
	for i := range rules {
		out[rules[i].ID] = rules[i]
	}
	return out
}
