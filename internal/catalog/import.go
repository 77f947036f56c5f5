package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/prompt"
)

// ImportRequest asks for a file to be taken into the catalogue. ID "" takes it from the file's name, Kind
// "" is guard. Allow are principals (role:reviewer, user:rita, *) who may see and use it from then on;
// without any the model stays closed.
type ImportRequest struct {
	Path     string
	ID       string
	Kind     string
	Allow    []string
	MMProj   string // not available yet: refused
	Template string // not available yet: refused
}

// Import checks the file, copies it read-only into the folder of models and writes its row, the opening
// rule and the audit row in one transaction. With Allow, a file that is already here under the same id is
// only opened. It refuses what is not a sound guard, what a trial load
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
	if err := r.check(); err != nil {
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
	return s.admit(ctx, pass, r.Path, id, r.Allow)
}

func (s *Service) admit(ctx context.Context, pass *access.Pass, path, id string, allow []string) (Model, error) {
	m, err := s.take(ctx, path, id)
	if err != nil {
		return Model{}, err
	}
	if m, err = s.record(ctx, pass, m, allow); err != nil {
		return Model{}, errors.Join(err, s.discard(m))
	}
	_, err = s.Refresh(ctx)
	return m, err
}

func (r ImportRequest) check() error {
	switch {
	case r.Path == "":
		return fault.New(fault.Invalid, "Name the file to import.").WithField("path")
	case r.Kind != "" && r.Kind != KindGuard:
		return fault.New(fault.Invalid, "Models of this kind are not available yet; this release runs guard models.").WithField("kind")
	case r.MMProj != "":
		return fault.New(fault.Invalid, "--mmproj is not available yet.").WithField("mmproj")
	case r.Template != "":
		return fault.New(fault.Invalid, "--template is not available yet: the file must hold its own chat template.").WithField("template")
	}
	return nil
}

// take checks the source and copies it.
func (s *Service) take(ctx context.Context, path, id string) (m Model, err error) {
	src, size, err := openSource(path)
	if err != nil {
		return Model{}, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	// A file that is refused is refused before gigabytes of it are copied.
	if _, err := InspectGuard(src, size); err != nil {
		return Model{}, err
	}
	return s.copyIn(ctx, src, size, id)
}

// copyIn copies and hashes the source through its one descriptor, then checks the copy, which nobody
// else can write to: what was checked, what was hashed and what will run are the same bytes (threat M4).
func (s *Service) copyIn(ctx context.Context, src *os.File, size int64, id string) (m Model, err error) {
	dst, err := newPart(s.o.ModelsDir)
	if err != nil {
		return Model{}, err
	}
	defer func() { err = errors.Join(err, dst.close()) }()
	sum, err := copyHashed(ctx, dst, src, size)
	if err != nil {
		return Model{}, err
	}
	g, err := InspectGuard(dst, size)
	if err != nil {
		return Model{}, err
	}
	if err := s.try(ctx, dst.File, g); err != nil {
		return Model{}, err
	}
	m = Model{ID: id, Kind: KindGuard, Origin: OriginImported, SHA256: sum, SizeBytes: size, file: sum + ".gguf"}
	m.describe(g)
	m.Path = filepath.Join(s.o.ModelsDir, m.file)
	return m, dst.keep(m.Path)
}

// try has the copy loaded once, through a descriptor that cannot write (threat M3).
func (s *Service) try(ctx context.Context, dst *os.File, g *Guard) (err error) {
	if s.o.Try == nil {
		return fault.New(fault.NotAvailable, "Models cannot be imported here: nothing can try them.")
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", dst.Fd()))
	if err != nil {
		return fmt.Errorf("opening the copy for a trial load: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p, err := g.Prompt.Encode([]prompt.Message{{Role: "user", Content: "Hello."}})
	if err != nil {
		return err
	}
	return s.o.Try(ctx, f, slices.Concat(p.IDs, g.Prompt.LeadIn()))
}

// discard removes a copy that no row names; a row may name it since an earlier import of the same bytes.
func (s *Service) discard(m Model) error {
	used, err := s.inUse(context.Background(), m.file) //nolint:contextcheck // the caller may have left
	if err != nil || used {
		return err
	}
	return os.Remove(m.Path)
}

// openSource opens the file to import once. O_NONBLOCK keeps a FIFO from holding us up.
func openSource(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, 0, fault.Wrap(err, fault.Invalid, "There is no such file.").WithField("path")
	case errors.Is(err, os.ErrPermission):
		return nil, 0, fault.Wrap(err, fault.Invalid, "The file may not be read.").WithField("path")
	case err != nil:
		return nil, 0, fault.Wrap(err, fault.Invalid, "The file cannot be opened.").WithField("path")
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fault.New(fault.Invalid, "This is not a regular file.").WithField("path")
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// record commits the row, the opening rule and the audit row together.
func (s *Service) record(ctx context.Context, pass *access.Pass, m Model, allow []string) (Model, error) {
	o := access.Outcome{
		Resource: "model:" + m.ID, ModelSHA256: m.SHA256,
		Details: map[string]any{
			"model": m.ID, "kind": m.Kind, "architecture": m.Architecture, "quantization": m.Quantization,
			"template_sha256": m.TemplateSHA256, "size_bytes": m.SizeBytes, "allow": len(allow),
		},
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
