package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// What is wanted of a model's place in memory. It lasts over a restart.
const (
	WantLoaded   = "loaded"   // in memory, as far as there is room
	WantAfter    = "after"    // out of it, once another is the default of its kind
	WantUnloaded = "unloaded" // out of it
)

// Change is what whoever administers models asks of one. Check, where there is one, may refuse it once the gate has let the
// caller in and before anything is written.
type Change struct {
	ID    string
	Check func(context.Context, Model) error
}

// DefaultChange makes a model the default of its kind.
type DefaultChange struct {
	Change
	Replace   bool // the one before goes out of memory, once this one judges
	Interrupt bool // with Replace: it goes at once, and until this one is loaded nobody is served
}

// Load has a model brought into memory, and one that failed tried again. Whoever holds the manager brings it.
func (s *Service) Load(ctx context.Context, p access.Principal, c Change) (Model, error) {
	return s.administer(ctx, p, c, map[string]any{"change": "load"}, func(tx *db.Tx, m Model) error { return load(tx, m.ID) })
}

// Unload has a model taken out of memory until somebody loads it again. It refuses the default of its kind with Conflict.
func (s *Service) Unload(ctx context.Context, p access.Principal, c Change) (Model, error) {
	c.Check = s.notDefault(c.Check, "unloaded")
	return s.administer(ctx, p, c, map[string]any{"change": "unload"}, func(tx *db.Tx, m Model) error { return unload(tx, m.ID) })
}

// MakeDefault makes a model the default of its kind as soon as it is in memory; until then the one before stays it. It refuses
// a guard with Conflict where the setting models.default names another.
func (s *Service) MakeDefault(ctx context.Context, p access.Principal, c DefaultChange) (Model, error) {
	check := c.Check
	c.Check = func(ctx context.Context, m Model) error {
		if named := s.chosen.Load(); m.Kind == KindGuard && named != nil && *named != "" && *named != m.ID {
			return fault.Newf(fault.Conflict, "The setting models.default names %s: change it there.", *named)
		}
		if check == nil {
			return nil
		}
		return check(ctx, m)
	}
	details := map[string]any{"change": "default", "replace": c.Replace, "interrupt": c.Replace && c.Interrupt}
	return s.administer(ctx, p, c.Change, details, func(tx *db.Tx, m Model) error {
		before := WantLoaded
		if c.Replace {
			before = WantAfter
		}
		if c.Replace && c.Interrupt {
			before = WantUnloaded
		}
		if err := makeDefault(tx, m, before); err != nil {
			return err
		}
		return s.guard.Changed(tx, "the default "+m.Kind+" changed")
	})
}

// Remove takes a model out of the catalogue for good and its file off the disk; its id is never used again. It refuses with
// Conflict the default of its kind and a model that this release embeds.
func (s *Service) Remove(ctx context.Context, p access.Principal, c Change) (Model, error) {
	c.Check = s.notDefault(func(_ context.Context, m Model) error {
		if m.Origin == OriginEmbedded {
			return fault.New(fault.Conflict, "This model comes with the program and cannot be removed. It can be unloaded.")
		}
		return nil
	}, "removed")
	m, err := s.administer(ctx, p, c, map[string]any{"change": "remove"}, func(tx *db.Tx, m Model) error {
		return change(tx, notSpared(tx, m.ID, "removed"),
			`UPDATE models SET removed_at = ? WHERE id = ? AND removed_at IS NULL AND is_default = 0`, tx.Now().UnixMilli(), m.ID)
	})
	if err != nil {
		return Model{}, err
	}
	return m, s.sweep(ctx)
}

// Verify hashes a model's file once more and answers whether it is the one that was imported; err is only of the asking.
func (s *Service) Verify(ctx context.Context, p access.Principal, id string, told func(done float64)) (m Model, wrong, err error) {
	details := map[string]any{"change": "verify"}
	m, err = s.administer(ctx, p, Change{ID: id, Check: func(ctx context.Context, m Model) error {
		f, err := s.OpenTold(ctx, m, told)
		switch fault.CodeOf(err) { //nolint:exhaustive // what says nothing of the file
		case "":
			details["equal"] = true
			return f.Close()
		case fault.Canceled, fault.Timeout:
			return err
		}
		wrong, details["equal"] = err, false
		return nil
	}}, details, nil)
	return m, wrong, err
}

// administer lets a caller with model.manage change one model that he may see, in one transaction with the row that says so.
func (s *Service) administer(ctx context.Context, p access.Principal, c Change, details map[string]any, apply func(*db.Tx, Model) error) (m Model, err error) {
	op := access.Op{Action: access.ModelManage}
	if ValidID(c.ID) { // else it is any text, which has no place in a row
		op.Resource = "model:" + c.ID
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return Model{}, err
	}
	defer pass.Close(&err)
	if m, err = s.Get(ctx, p, c.ID); err != nil {
		return Model{}, err
	}
	if c.Check != nil {
		if err := c.Check(ctx, m); err != nil {
			return Model{}, err
		}
	}
	details["model"] = m.ID
	_, err = pass.Commit(ctx, access.Outcome{ModelSHA256: m.SHA256, Details: details}, func(tx *db.Tx, _ audit.Event) error {
		if apply == nil {
			return nil
		}
		return apply(tx, m)
	})
	if err != nil {
		return Model{}, err
	}
	if _, err := s.Refresh(ctx); err != nil {
		return Model{}, err
	}
	all, err := s.All(ctx)
	if now, ok := find(all, func(o Model) bool { return o.ID == m.ID }); ok {
		return now, err
	}
	return m, err
}

func (s *Service) notDefault(check func(context.Context, Model) error, what string) func(context.Context, Model) error {
	return func(ctx context.Context, m Model) error {
		if m.Default || m.Next {
			return errDefault(what)
		}
		if s.followed(ctx, m) {
			return fault.Newf(fault.Conflict, "Another model is taking this one's place as the default, and it is not %s before that is over.", what)
		}
		if check == nil {
			return nil
		}
		return check(ctx, m)
	}
}

func errDefault(what string) error {
	return fault.Newf(fault.Conflict, "The default model of its kind is not %s: make another the default first.", what)
}

// Peek answers a model's file without hashing it: for its header alone, which decides nothing until Open answered.
func (s *Service) Peek(m Model) (*File, error) {
	f, err := s.open(m)
	if err != nil {
		return nil, err
	}
	if f.Template, err = s.template(m); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Stat answers what the file system says of a model's file, nil where there is none.
func (s *Service) Stat(m Model) os.FileInfo {
	if m.Path == "" {
		return nil
	}
	info, err := os.Stat(m.Path)
	if err != nil {
		return nil
	}
	return info
}

// sweep removes the files of removed models that no other row names, those too that a killed process left. Beside an import
// nothing is removed, whose row may name a file in a moment: the next removal does it.
func (s *Service) sweep(ctx context.Context) (err error) {
	unlock, err := lockDir(s.o.ModelsDir)
	if fault.CodeOf(err) == fault.Conflict || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	var files []string
	err = s.db.Read(ctx).Model(&row{}).Where("removed_at IS NOT NULL AND origin = ? AND file NOT IN (SELECT file FROM models WHERE removed_at IS NULL)", OriginImported).
		Distinct().Pluck("file", &files).Error
	if err != nil {
		return db.Translate(err)
	}
	for _, file := range files {
		if !isOwnFile(file, ".gguf") { // a row can come from a restored database
			continue
		}
		if err := os.Remove(filepath.Join(s.o.ModelsDir, file)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing a model's file: %w", err)
		}
	}
	return s.sweepTemplates(ctx)
}
