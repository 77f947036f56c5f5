package filters

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// row mirrors saved_filters. NameKey is what names are unique and sorted by.
type row struct {
	ID        string `gorm:"primaryKey"`
	UserID    string
	Page      string
	Name      string
	NameKey   string
	Query     string
	CreatedAt int64 `gorm:"autoCreateTime:false"`
}

// TableName is for gorm.
func (row) TableName() string { return "saved_filters" }

func (r row) filter() Filter {
	return Filter{ID: r.ID, Page: r.Page, Name: r.Name, Query: r.Query, CreatedAt: time.UnixMilli(r.CreatedAt).UTC()}
}

func (s *Service) list(ctx context.Context, userID, page string) ([]Filter, error) {
	q := s.db.Read(ctx).Where("user_id = ?", userID)
	if page != "" {
		q = q.Where("page = ?", page)
	}
	var rows []row
	if err := q.Order("page, name_key").Limit(maxSaved).Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := make([]Filter, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.filter())
	}
	return out, nil
}

// insert counts and compares inside the transaction: two tabs may save at once, and an account may end meanwhile.
func (s *Service) insert(userID string, f Filter) (Filter, error) {
	r := row{ID: "flt_" + ulid.Make().String(), UserID: userID, Page: f.Page, Name: f.Name, NameKey: key(f.Name), Query: f.Query}
	err := s.db.Write(func(tx *db.Tx) error {
		var living, saved, same int
		if err := tx.QueryRow(`SELECT (SELECT count(*) FROM users WHERE id = ?1 AND status = 'active'), count(*),
			coalesce(sum(page = ?2 AND name_key = ?3), 0) FROM saved_filters WHERE user_id = ?1`, userID, r.Page, r.NameKey).
			Scan(&living, &saved, &same); err != nil {
			return err
		}
		switch {
		case living == 0:
			return fault.New(fault.Forbidden, "Only somebody with an account keeps filters.")
		case same > 0:
			return fault.New(fault.Conflict, "You have a filter of that name on this page already.").WithField("name")
		case saved >= maxSaved:
			return fault.Newf(fault.Conflict, "You have %d filters already. Delete one first.", maxSaved)
		}
		r.CreatedAt = tx.Now().UnixMilli()
		return tx.Gorm().Create(&r).Error
	})
	if err != nil {
		return Filter{}, db.Translate(err)
	}
	return r.filter(), nil
}

func (s *Service) remove(userID, id string) error {
	return db.Translate(s.db.Write(func(tx *db.Tx) error {
		done := tx.Gorm().Where("id = ? AND user_id = ?", id, userID).Delete(&row{})
		if done.Error == nil && done.RowsAffected == 0 {
			return fault.New(fault.NotFound, "You have no such filter.")
		}
		return done.Error
	}))
}

func forget(tx *db.Tx, userID string) error {
	_, err := tx.Exec(`DELETE FROM saved_filters WHERE user_id = ?`, userID)
	return db.Translate(err)
}
