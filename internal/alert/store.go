package alert

import (
	"context"
	"encoding/json"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// row mirrors alerts.
type row struct {
	Kind, Subject    string
	RaisedAt         int64
	ClearedAt        *int64
	Details, EventID string
}

// TableName is for gorm.
func (row) TableName() string { return "alerts" }

func (r row) alert() (Alert, error) {
	a := Alert{Kind: r.Kind, Subject: r.Subject, EventID: r.EventID, RaisedAt: time.UnixMilli(r.RaisedAt).UTC()}
	if r.ClearedAt != nil {
		a.ClearedAt = time.UnixMilli(*r.ClearedAt).UTC()
	}
	if err := json.Unmarshal([]byte(r.Details), &a.Details); err != nil {
		return a, fault.Wrap(err, fault.Internal, "an alert cannot be read")
	}
	return a, nil
}

// most bounds what is listed, and mostTold the subjects of one kind that are told of: more of them tell nothing new.
const (
	most     = 50
	mostTold = 1000
)

// told answers those of a kind that last, and those that were raised too lately to be raised again.
func (s *Service) told(ctx context.Context, kind string, now time.Time) (map[string]Alert, error) {
	var rows []row
	if err := s.db.Read(ctx).Where("kind = ? AND (cleared_at IS NULL OR raised_at > ?)", kind, now.Add(-s.o.Quiet).UnixMilli()).Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := make(map[string]Alert, len(rows))
	for _, r := range rows {
		a, err := r.alert()
		if err != nil {
			return nil, err
		}
		out[r.Subject] = a
	}
	return out, nil
}

func (s *Service) list(ctx context.Context, where string) ([]Alert, error) {
	var rows []row
	if err := s.db.Read(ctx).Where(where).Order("raised_at DESC, kind, subject").Limit(most).Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := make([]Alert, 0, len(rows))
	for _, r := range rows {
		a, err := r.alert()
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// raise appends the row and remembers it, both or none.
func (s *Service) raise(kind string, f Finding) error {
	details, err := json.Marshal(f.Details)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "an alert cannot be written down")
	}
	if f.Details == nil {
		details = []byte("{}")
	}
	return s.db.Write(func(tx *db.Tx) error {
		ev, err := s.log.Append(tx, entry(Raise, kind, f.Subject, f.Details))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO alerts (kind, subject, raised_at, details, event_id) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (kind, subject) DO UPDATE SET raised_at = excluded.raised_at, cleared_at = NULL, details = excluded.details, event_id = excluded.event_id`,
			kind, f.Subject, tx.Now().UnixMilli(), string(details), ev.ID)
		return db.Translate(err)
	})
}

func (s *Service) clear(a Alert) error {
	return s.db.Write(func(tx *db.Tx) error {
		if _, err := s.log.Append(tx, entry(Clear, a.Kind, a.Subject, map[string]any{"raised": a.EventID})); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE alerts SET cleared_at = ? WHERE kind = ? AND subject = ?`, tx.Now().UnixMilli(), a.Kind, a.Subject)
		return db.Translate(err)
	})
}
