package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
)

// ImportRequest asks for a file to be taken into the catalogue; of a model in several files Path is the first. ID "" takes it
// from the file's name. Kind "" is whatever the file is found to be; another one must agree. Allow are principals
// (role:reviewer, user:rita, *) who may see and use it from then on; without any the model stays closed. Template names a
// file whose chat template counts instead of the model's own. Told, where there is one, hears how far each stage is, 0 to 1.
type ImportRequest struct {
	Path     string
	ID       string
	Kind     string
	Allow    []string
	Template string
	MMProj   string // not available yet: refused
	Told     func(stage string, done float64)
}

// The stages of an import that take long.
const (
	stageHashing = "hashing" // the parts of a model in several files
	stageCopying = "copying"
	stageTrying  = "trying" // the child says nothing of how far it is
)

func (r ImportRequest) tell(stage string) func(done float64) {
	return func(done float64) {
		if r.Told != nil {
			r.Told(stage, done)
		}
	}
}

// Import checks the file, copies it read-only into the folder of models and writes its row, the opening
// rule and the audit row in one transaction. With Allow, a file that is already here under the same id is
// only opened, with the template that it has. It refuses what is not a sound model, what a trial load
// does not survive, an id that was ever used for other bytes, and whatever of the request this release cannot do. Nothing stays behind when it refuses.
func (s *Service) Import(ctx context.Context, p access.Principal, r ImportRequest) (m Model, err error) {
	id, idErr := idFor(r.ID, r.Path)
	op := access.Op{Action: access.ModelManage}
	if idErr == nil {
		op.Resource = "model:" + id
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return Model{}, err
	}
	defer pass.Close(&err)
	if idErr != nil {
		return Model{}, idErr
	}
	if err := s.refuse(ctx, r, id); err != nil {
		return Model{}, err
	}
	if err := os.MkdirAll(s.o.ModelsDir, 0o700); err != nil {
		return Model{}, fmt.Errorf("making the folder of models: %w", err)
	}
	// Held until the row is there: an import of the same bytes must not lose its file to our discard.
	unlock, err := lockDir(s.o.ModelsDir)
	if err != nil {
		return Model{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return s.admit(ctx, pass, r, id)
}

func (s *Service) admit(ctx context.Context, pass *access.Pass, r ImportRequest, id string) (Model, error) {
	own := ""
	if r.Template != "" {
		var err error
		if own, err = readTemplate(r.Template); err != nil {
			return Model{}, err
		}
	}
	copied, parts, err := s.take(ctx, r, id, own)
	if err != nil {
		return Model{}, err
	}
	m, err := s.sameAs(ctx, r, copied)
	if err == nil && own != "" && m.Origin == OriginImported {
		err = s.keepTemplate(own)
	}
	if err == nil {
		m, err = s.record(ctx, pass, m, r.Allow, parts)
	}
	if err != nil || m.file != copied.file { // an embedded model needs no copy
		err = errors.Join(err, s.discard(copied))
	}
	if err != nil {
		return Model{}, err
	}
	_, err = s.Refresh(ctx)
	return m, err
}

// sameAs answers the model that an import only opens: the one that is here under its id with the same bytes. It refuses with
// fault.Conflict to open it under another template than it runs with.
func (s *Service) sameAs(ctx context.Context, r ImportRequest, copied Model) (Model, error) {
	if len(r.Allow) == 0 {
		return copied, nil
	}
	all, err := s.read(ctx)
	if err != nil {
		return Model{}, err
	}
	m, there := find(all, func(m Model) bool { return m.ID == copied.ID && m.SHA256 == copied.SHA256 })
	switch {
	case !there:
		return copied, nil
	case r.Template != "" && m.TemplateSHA256 != copied.TemplateSHA256:
		return Model{}, fault.New(fault.Conflict, "This model is here with another chat template: leave --template out to open it, or give another --id.").WithField("template")
	}
	return m, nil
}

// refuse is check, and what rules and settings say of the request before any file is opened.
func (s *Service) refuse(ctx context.Context, r ImportRequest, id string) error {
	if err := r.check(); err != nil {
		return err
	}
	if err := s.guard.CheckPrincipals(ctx, r.Allow); err != nil {
		return err
	}
	return s.noAlias(ctx, id)
}

func (r ImportRequest) check() error {
	switch {
	case r.Path == "":
		return fault.New(fault.Invalid, "Name the file to import.").WithField("path")
	case r.Kind != "" && r.Kind != KindGuard && r.Kind != KindChat:
		return fault.New(fault.Invalid, "Models of this kind are not available yet; this release runs guard and chat models.").WithField("kind")
	case r.MMProj != "":
		return fault.New(fault.Invalid, "--mmproj is not available yet.").WithField("mmproj")
	}
	return nil
}

// agree refuses a file that is another kind than was asked for.
func (r ImportRequest) agree(found *inspection) error {
	if r.Kind == "" || r.Kind == found.kind {
		return nil
	}
	what := "a guard: its chat template asks for a verdict"
	if found.kind == KindChat {
		what = "a chat model: its chat template asks for no verdict"
	}
	return fault.Newf(fault.Invalid, "the model file is refused: it is not of the kind %s but %s", r.Kind, what).WithField("kind")
}

// take checks the source and copies it. It answers the hashes of the parts, where there are several.
func (s *Service) take(ctx context.Context, r ImportRequest, id, own string) (m Model, parts []string, err error) {
	src, err := openAll(r.Path)
	if err != nil {
		return Model{}, nil, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	f, err := src.read()
	if err != nil {
		return Model{}, nil, err
	}
	// What is refused is refused before gigabytes of it are copied.
	found, err := inspect(f, own)
	if err == nil {
		err = r.agree(found)
	}
	if err == nil {
		err = s.free(ctx, id, len(r.Allow) > 0)
	}
	if err == nil {
		err = roomFor(s.o.ModelsDir, src.size())
	}
	if err != nil {
		return Model{}, nil, err
	}
	m, err = s.copyIn(ctx, r, src, id, own)
	return m, src.hashes, err
}

// copyIn copies and hashes the source through its own descriptors, then checks the copy, which nobody
// else can write to: what was checked, what was hashed, what was tried and what will run are the same bytes (threat M4).
func (s *Service) copyIn(ctx context.Context, r ImportRequest, src *source, id, own string) (m Model, err error) {
	dst, err := newPart(s.o.ModelsDir)
	if err != nil {
		return Model{}, err
	}
	defer func() { err = errors.Join(err, dst.close()) }()
	sum, size, err := src.copyTo(ctx, &toldWriter{w: dst, size: src.size(), told: r.tell(stageCopying)}, r.tell(stageHashing))
	if err != nil {
		return Model{}, err
	}
	if err := s.allowed(sum); err != nil {
		return Model{}, err
	}
	f, err := gguf.Read(dst, size)
	if err != nil {
		return Model{}, err
	}
	found, err := inspect(f, own)
	if err != nil {
		return Model{}, err
	}
	trying := r.tell(stageTrying)
	trying(0)
	if err := s.try(ctx, dst.File, found.prompt); err != nil {
		return Model{}, err
	}
	trying(1)
	m = Model{ID: id, Kind: found.kind, Origin: OriginImported, SHA256: sum, SizeBytes: size, TemplateSHA256: found.template, file: sum + ".gguf"}
	m.describe(found.file)
	m.Path = filepath.Join(s.o.ModelsDir, m.file)
	if err := dst.keep(m.Path); err != nil { // it may have its name already
		return Model{}, errors.Join(err, s.discard(m))
	}
	return m, nil
}

// allowed refuses bytes that are not on the list of hashes, where there is one (threat M9).
func (s *Service) allowed(sum string) error {
	if len(s.o.Allowed) == 0 || slices.Contains(s.o.Allowed, sum) {
		return nil
	}
	return fault.Newf(fault.Unprocessable, "The file is not one that may be imported: its SHA-256, %s, is not in models.allowed_sha256.", sum).WithField("path")
}

// try has the copy loaded once, through a descriptor that cannot write (threat M3).
func (s *Service) try(ctx context.Context, dst *os.File, ids []int32) (err error) {
	if s.o.Try == nil {
		return fault.New(fault.NotAvailable, "Models cannot be imported here: nothing can try them.")
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", dst.Fd()))
	if err != nil {
		return fmt.Errorf("opening the copy for a trial load: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return s.o.Try(ctx, f, ids)
}

// discard removes a copy and a template that no model names; one may since an earlier import of the same bytes.
func (s *Service) discard(m Model) error {
	used, err := s.named("file", m.file)
	if err == nil && !used {
		if err = os.Remove(m.Path); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	return errors.Join(err, s.discardTemplate(m))
}

// record commits the row, the opening rule and the audit row together.
func (s *Service) record(ctx context.Context, pass *access.Pass, m Model, allow, parts []string) (Model, error) {
	o := access.Outcome{
		Resource: "model:" + m.ID, ModelSHA256: m.SHA256,
		Details: map[string]any{
			"model": m.ID, "kind": m.Kind, "architecture": m.Architecture, "quantization": m.Quantization,
			"template_sha256": m.TemplateSHA256, "size_bytes": m.SizeBytes, "allow": len(allow),
		},
	}
	if len(parts) > 0 {
		o.Details["parts_sha256"] = parts
	}
	_, err := pass.Commit(ctx, o, func(tx *db.Tx, ev audit.Event) error {
		m.CreatedAt = tx.Now()
		if len(allow) == 0 {
			return insert(tx, m)
		}
		// The same bytes under the same id are that model: importing it again only opens it.
		there, err := held(tx, m)
		if err == nil && !there {
			err = insert(tx, m)
		}
		if err == nil {
			_, err = s.guard.AllowModel(tx, ev, m.ID, allow, "import")
		}
		return err
	})
	m.State = StateLoading
	return m, err
}
