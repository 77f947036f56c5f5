package catalog

import (
	"context"
	"path/filepath"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// row is the table models. A removed row stays, so that its id is never used again.
type row struct {
	ID             string `gorm:"primaryKey"`
	Kind           string
	Origin         string
	File           string
	SizeBytes      int64
	SHA256         string `gorm:"column:sha256"`
	Architecture   string
	Quantization   string
	ContextLength  int
	TemplateSHA256 string `gorm:"column:template_sha256"`
	IsDefault      bool
	CreatedAt      int64
	RemovedAt      *int64
	Wanted         string
	AskedAt        int64
}

// TableName names the table for gorm.
func (row) TableName() string { return "models" }

func (s *Service) read(ctx context.Context) ([]Model, error) {
	var rows []row
	if err := s.db.Read(ctx).Where("removed_at IS NULL").Order("id").Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := make([]Model, len(rows))
	for i, r := range rows {
		out[i] = s.model(r)
	}
	return out, s.follow(ctx, out)
}

func (s *Service) model(r row) Model {
	m := Model{
		ID: r.ID, Kind: r.Kind, Origin: r.Origin, Architecture: r.Architecture, Quantization: r.Quantization,
		SHA256: r.SHA256, TemplateSHA256: r.TemplateSHA256, SizeBytes: r.SizeBytes, ContextLength: r.ContextLength,
		Wanted: r.Wanted, AskedAt: r.AskedAt,
		Default: r.IsDefault, CreatedAt: time.UnixMilli(r.CreatedAt).UTC(), file: r.File,
	}
	if r.Origin == OriginImported {
		m.Path = filepath.Join(s.o.ModelsDir, r.File)
	}
	return m
}

// insert refuses an id that was ever used, with fault.Conflict.
func insert(tx *db.Tx, m Model) error {
	var used int64
	if err := tx.Gorm().Model(&row{}).Where("id = ?", m.ID).Count(&used).Error; err != nil {
		return db.Translate(err)
	}
	if used > 0 {
		return errUsed()
	}
	return db.Translate(tx.Gorm().Create(rowOf(m)).Error)
}

func errUsed() error {
	return fault.New(fault.Conflict, "There is or was a model with this id; ids are never used again: give another --id.").WithField("id")
}

// free refuses with fault.Conflict an id that insert would refuse whatever the bytes are. An import that opens may name a model
// that is there.
func (s *Service) free(ctx context.Context, id string, opens bool) error {
	rows := s.db.Read(ctx).Model(&row{}).Where("id = ?", id)
	if opens {
		rows = rows.Where("removed_at IS NOT NULL")
	}
	var used int64
	if err := rows.Count(&used).Error; err != nil {
		return db.Translate(err)
	}
	if used > 0 {
		return errUsed()
	}
	return nil
}

// held reports whether m's id is in use for m's very bytes.
func held(tx *db.Tx, m Model) (bool, error) {
	var n int64
	err := tx.Gorm().Model(&row{}).Where("id = ? AND sha256 = ? AND removed_at IS NULL", m.ID, m.SHA256).Count(&n).Error
	return n > 0, db.Translate(err)
}

func rowOf(m Model) *row {
	return &row{
		ID: m.ID, Kind: m.Kind, Origin: m.Origin, File: m.file, SizeBytes: m.SizeBytes, SHA256: m.SHA256,
		Architecture: m.Architecture, Quantization: m.Quantization, ContextLength: m.ContextLength,
		TemplateSHA256: m.TemplateSHA256, IsDefault: m.Default, CreatedAt: m.CreatedAt.UnixMilli(), Wanted: WantLoaded,
	}
}

// putEmbedded writes the row of an embedded model. It is the default of its kind unless another is.
// The file of an id that somebody imported before this release embedded it is left alone.
func putEmbedded(tx *db.Tx, m Model) error {
	var old []row
	if err := tx.Gorm().Where("id = ?", m.ID).Find(&old).Error; err != nil {
		return db.Translate(err)
	}
	if len(old) > 0 {
		if old[0].Origin != OriginEmbedded {
			return nil
		}
		r := rowOf(m)
		return db.Translate(tx.Gorm().Model(&row{}).Where("id = ?", m.ID).Updates(map[string]any{
			"file": r.File, "size_bytes": r.SizeBytes, "sha256": r.SHA256, "architecture": r.Architecture,
			"quantization": r.Quantization, "context_length": r.ContextLength, "template_sha256": r.TemplateSHA256,
		}).Error)
	}
	if m.Default {
		var taken int64
		if err := tx.Gorm().Model(&row{}).Where("kind = ? AND is_default = 1", m.Kind).Count(&taken).Error; err != nil {
			return db.Translate(err)
		}
		m.Default = taken == 0
	}
	return db.Translate(tx.Gorm().Create(rowOf(m)).Error)
}

// named reports whether the row of an imported model that is there has the value in that column: an embedded one has no files.
func (s *Service) named(column, value string) (bool, error) {
	var n int64
	err := s.db.Read(context.Background()).Model(&row{}).Where("removed_at IS NULL AND origin = ?", OriginImported).Where(map[string]any{column: value}).Count(&n).Error // the caller may have left
	return n > 0, db.Translate(err)
}
