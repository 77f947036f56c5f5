package usage

import (
	"cmp"
	"context"
	"errors"

	"gorm.io/gorm"

	"guardhouse/internal/db"
	"guardhouse/internal/limit"
)

// place is where a count stands.
type place struct {
	unit  limit.Unit
	span  limit.Span
	start int64
}

type amount struct{ used, held int64 }

// counters answers what is stored of somebody's counts from a moment on. They are the gate's rows and are only read here.
func counters(ctx context.Context, d *db.DB, by limit.Scope, whose string, from int64) (map[place]amount, error) {
	var rows []struct {
		Unit, Span        string
		Start, Used, Held int64
	}
	err := d.Read(ctx).Table("limit_counters").Select("unit, span, start, used, held").
		Where("scope = ? AND whose = ? AND start >= ?", by, whose, from).Find(&rows).Error
	out := make(map[place]amount, len(rows))
	for _, r := range rows {
		for _, unit := range Units() {
			for _, span := range []limit.Span{limit.Day, limit.Month} {
				if unit.String() == r.Unit && span.String() == r.Span {
					out[place{unit, span, r.Start}] = amount{r.Used, r.Held}
				}
			}
		}
	}
	return out, db.Translate(err)
}

// userName answers the name of an account, deleted ones too.
func userName(ctx context.Context, d *db.DB, id string) (string, bool, error) {
	var row struct{ Username string }
	err := d.Read(ctx).Table("users").Select("username").Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", false, nil
	}
	return row.Username, err == nil, db.Translate(err)
}

// key is what a key's use is found by.
type key struct{ ID, UserID, Label, Line string }

func (k key) line() string { return cmp.Or(k.Line, k.ID) }

func keyOf(ctx context.Context, d *db.DB, id string) (key, bool, error) {
	var k key
	err := d.Read(ctx).Table("api_keys").Select("id, user_id, label, line").Where("id = ?", id).Take(&k).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return key{}, false, nil
	}
	return k, err == nil, db.Translate(err)
}
