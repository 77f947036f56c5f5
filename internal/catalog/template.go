package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// maxTemplate is far over any template; package prompt has the bound of what it compiles.
const maxTemplate = 1 << 20

// readTemplate answers the chat template that an import was given.
func readTemplate(path string) (string, error) {
	f, size, err := openSource(path, "The template file")
	if err != nil {
		var known *fault.Error
		if errors.As(err, &known) {
			err = known.WithField("template")
		}
		return "", err
	}
	defer f.Close() //nolint:errcheck // read only
	if size == 0 || size > maxTemplate {
		return "", fault.New(fault.Invalid, "The template is empty, or far too long for one.").WithField("template")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTemplate))
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, "The template cannot be read.").WithField("template")
	}
	return string(text), nil
}

func templateFile(sum string) string { return sum + ".jinja" }

// keepTemplate stores a template under its hash, beside the models.
func (s *Service) keepTemplate(text string) error {
	sum := sha256.Sum256([]byte(text))
	return writeFile(filepath.Join(s.o.ModelsDir, templateFile(hex.EncodeToString(sum[:]))), []byte(text))
}

// template answers the template that m was imported with beside its file, "" where the file's own counts. It refuses one
// that is not the one that was imported (threat M4).
func (s *Service) template(m Model) (string, error) {
	if m.Origin == OriginEmbedded {
		return "", nil
	}
	f, err := os.OpenFile(filepath.Join(s.o.ModelsDir, templateFile(m.TemplateSHA256)), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fault.Wrap(err, fault.Unprocessable, "the model's chat template cannot be read")
	}
	defer f.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(f, maxTemplate))
	if err != nil {
		return "", fault.Wrap(err, fault.Unprocessable, "the model's chat template cannot be read")
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != m.TemplateSHA256 {
		return "", errTemplate()
	}
	return string(text), nil
}

func errTemplate() error {
	return fault.Wrap(errChanged, fault.Unprocessable, "the model's chat template is not the one that was imported: its SHA-256 differs")
}

// Guard answers what is needed to run m, whose file f is, as a guard. It refuses what InspectGuard refuses, and a template
// that is not the one that m was imported with.
func (f *File) Guard(m Model) (*Guard, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	}
	g, err := inspectGuard(f, info.Size(), f.Template)
	if err == nil && g.Prompt.TemplateSHA256() != m.TemplateSHA256 {
		return nil, errTemplate()
	}
	return g, err
}

// Chat answers what is needed to run m, whose file f is, as a chat model, and refuses as Guard does.
func (f *File) Chat(m Model) (*Chat, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	}
	c, err := inspectChat(f, info.Size(), f.Template)
	if err == nil && c.Prompt.TemplateSHA256() != m.TemplateSHA256 {
		return nil, errTemplate()
	}
	return c, err
}

// sweepTemplates removes the templates of removed models that no other row names.
func (s *Service) sweepTemplates(ctx context.Context) error {
	var sums []string
	err := s.db.Read(ctx).Model(&row{}).Where("removed_at IS NOT NULL AND origin = ? AND template_sha256 NOT IN (SELECT template_sha256 FROM models WHERE removed_at IS NULL AND origin = ?)", OriginImported, OriginImported).
		Distinct().Pluck("template_sha256", &sums).Error
	if err != nil {
		return db.Translate(err)
	}
	for _, sum := range sums {
		if !isOwnFile(templateFile(sum), templateFile("")) {
			continue
		}
		if err := os.Remove(filepath.Join(s.o.ModelsDir, templateFile(sum))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a template: %w", err)
		}
	}
	return nil
}

// discardTemplate removes a template that no model names.
func (s *Service) discardTemplate(m Model) error {
	used, err := s.named("template_sha256", m.TemplateSHA256)
	if err != nil || used {
		return err
	}
	err = os.Remove(filepath.Join(s.o.ModelsDir, templateFile(m.TemplateSHA256)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a template: %w", err)
	}
	return nil
}
