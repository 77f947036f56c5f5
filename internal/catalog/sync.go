package catalog

import (
	"bytes"
	"context"
	"fmt"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/models"
)

// Sync writes the embedded models into the catalogue and reads the catalogue. It changes nothing when
// the rows are those of this release already.
func (s *Service) Sync(ctx context.Context) error {
	if _, err := s.Refresh(ctx); err != nil {
		return err
	}
	entries, err := models.Manifest()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := s.syncOne(ctx, e); err != nil {
			return fmt.Errorf("syncing the embedded model %s: %w", e.ID, err)
		}
	}
	_, err = s.Refresh(ctx)
	return err
}

func (s *Service) syncOne(ctx context.Context, e models.Entry) error {
	all, err := s.All(ctx)
	if err != nil {
		return err
	}
	if m, ok := find(all, func(m Model) bool { return m.ID == e.ID }); ok && m.SHA256 == e.SHA256 && m.file == e.File {
		return nil
	}
	data, ok := models.Bytes(e.File)
	if !ok {
		return fault.New(fault.Internal, "this release does not embed the model")
	}
	g, err := InspectGuard(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	m := Model{
		ID: e.ID, Kind: e.Kind, Origin: OriginEmbedded, SHA256: e.SHA256, SizeBytes: int64(len(data)),
		Default: e.Default, file: e.File,
	}
	m.describe(g.File)
	m.TemplateSHA256 = g.Prompt.TemplateSHA256()
	return s.db.Write(func(tx *db.Tx) error {
		m.CreatedAt = tx.Now()
		return putEmbedded(tx, m)
	})
}

// describe takes over what the file says about itself.
func (m *Model) describe(f *gguf.File) {
	m.Architecture = f.Architecture()
	m.Quantization = f.Quantization()
	m.ContextLength = f.ContextLength()
}
