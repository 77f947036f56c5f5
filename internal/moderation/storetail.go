package moderation

import (
	"context"

	"guardhouse/internal/db"
)

type ownedRow struct {
	Row     row `gorm:"embedded"`
	OwnerID string
}

func (s *Service) tail(ctx context.Context, after, upTo int64, limit int) ([]OwnedRow, error) {
	var rows []ownedRow
	err := s.d.DB.Read(ctx).Table("verdicts AS v").
		Select(shown).Joins(whence).
		Where("v.audit_seq > ? AND v.audit_seq <= ?", after, upTo).
		Order("v.audit_seq, v.item").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, db.Translate(err)
	}
	out := make([]OwnedRow, len(rows))
	for i, r := range rows {
		h, err := r.Row.history()
		if err != nil {
			return nil, err
		}
		out[i] = OwnedRow{HistoryRow: h, Owner: r.OwnerID}
	}
	return out, nil
}
