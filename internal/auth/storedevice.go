package auth

import (
	"context"

	"guardhouse/internal/db"
)

// signInAddress says when a user last signed in from an address.
type signInAddress struct {
	UserID string
	IP     string `gorm:"column:ip"`
	At     int64
}

// signInAddresses answers from where users signed in since then, latest first, at most limit pairs.
func (s *store) signInAddresses(ctx context.Context, since int64, limit int) ([]signInAddress, error) {
	var list []signInAddress
	err := s.db.Read(ctx).Table("sessions").Select("user_id, ip, max(created_at) AS at").
		Where("created_at >= ? AND ip <> ''", since).Group("user_id, ip").Order("at DESC").Limit(limit).Find(&list).Error
	return list, db.Translate(err)
}
