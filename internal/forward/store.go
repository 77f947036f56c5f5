package forward

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// maxTargets bounds the workers of a server.
const maxTargets = 16

// row mirrors forward_targets.
type row struct {
	ID                  string `gorm:"primaryKey"`
	Kind, Name, NameKey string
	Settings            string
	Secret              []byte
	SecretPrevious      []byte
	SecretPreviousUntil *int64
	PausedAt            *int64
	CreatedAt           int64 `gorm:"autoCreateTime:false"`
	CreatedBy           string
	Version             int64
	Seq, Checkpoint     int64
	Sent, Failed        int64
	SentAt              *int64
	LastError           string
	FailingSince        *int64
}

// TableName is for gorm.
func (row) TableName() string { return "forward_targets" }

func (r row) position() Position { return Position{r.Seq, r.Checkpoint} }

// kept is how settings are stored: a webhook's address up to its host, and sealed as a whole. Releases before stored it in
// clear.
type kept struct {
	Settings
	Sealed []byte `json:"url_sealed,omitempty"`
}

func (r row) kept() (out kept, err error) {
	if err := json.Unmarshal([]byte(r.Settings), &out); err != nil {
		return out, fault.Wrap(err, fault.Internal, "a forwarding target cannot be read")
	}
	return out, nil
}

// settings answers what may be shown: a webhook's address ends with its host.
func (r row) settings() (Settings, error) {
	k, err := r.kept()
	k.URL = masked(k.URL)
	return k.Settings, err
}

// whole answers the settings that a target is sent with.
func (s *Service) whole(r row) (Settings, error) {
	k, err := r.kept()
	if err != nil || k.Sealed == nil {
		return k.Settings, err
	}
	k.URL, err = s.open(r.ID, columnURL, k.Sealed)
	return k.Settings, err
}

// keep puts whole settings into a row.
func (s *Service) keep(r *row, set Settings) error {
	k := kept{Settings: set, Sealed: s.seal(r.ID, columnURL, set.URL)}
	k.URL = masked(set.URL)
	raw, err := json.Marshal(k)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "a target cannot be written down")
	}
	r.Settings = string(raw)
	return nil
}

// sealAddresses closes the addresses that releases before stored in clear. A row that cannot be read stays as it is.
func (s *Service) sealAddresses(rows []row) error {
	for _, r := range rows {
		k, err := r.kept()
		if err != nil || k.URL == "" || k.Sealed != nil {
			continue
		}
		before := r.Settings
		if err := s.keep(&r, k.Settings); err != nil {
			return err
		}
		err = s.d.DB.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE forward_targets SET settings = ? WHERE id = ? AND settings = ?`, r.Settings, r.ID, before)
			return db.Translate(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) rows(ctx context.Context) ([]row, error) {
	var rows []row
	err := s.d.DB.Read(ctx).Order("created_at, id").Find(&rows).Error
	return rows, db.Translate(err)
}

func (s *Service) row(ctx context.Context, id string) (row, error) { return one(s.d.DB.Read(ctx), id) }

func one(q *gorm.DB, id string) (row, error) {
	var r row
	err := db.Translate(q.Where("id = ?", id).Take(&r).Error)
	if fault.CodeOf(err) == fault.NotFound {
		return r, fault.New(fault.NotFound, "There is no such target.")
	}
	return r, err
}

// insertTarget refuses a name that is taken and one target too many.
func insertTarget(tx *db.Tx, r row) error {
	var all, same int
	if err := tx.QueryRow(`SELECT count(*), coalesce(sum(name_key = ?), 0) FROM forward_targets`, r.NameKey).Scan(&all, &same); err != nil {
		return db.Translate(err)
	}
	switch {
	case same > 0:
		return nameTaken()
	case all >= maxTargets:
		return fault.Newf(fault.Conflict, "There are %d targets already. Remove one first.", maxTargets)
	}
	return db.Translate(tx.Gorm().Create(&r).Error)
}

func nameTaken() error {
	return fault.New(fault.Conflict, "There is a target of that name already.").WithField("name")
}

// updateTarget writes everything but how far the target is, which its worker writes meanwhile.
func updateTarget(tx *db.Tx, r row) error {
	var same int
	if err := tx.QueryRow(`SELECT count(*) FROM forward_targets WHERE name_key = ? AND id <> ?`, r.NameKey, r.ID).Scan(&same); err != nil {
		return db.Translate(err)
	}
	if same > 0 {
		return nameTaken()
	}
	r.Version++
	return db.Translate(tx.Gorm().Model(&row{}).Where("id = ?", r.ID).Select(
		"name", "name_key", "settings", "secret", "secret_previous", "secret_previous_until", "paused_at", "version").Updates(&r).Error)
}

func deleteTarget(tx *db.Tx, id string) error {
	_, err := tx.Exec(`DELETE FROM forward_targets WHERE id = ?`, id)
	return db.Translate(err)
}

// progress is what a worker writes down.
type progress struct {
	at           Position
	sent, failed int64
	err          string
}

// saveProgress is for one target, which may have been removed meanwhile. The cursor never goes back.
func (s *Service) saveProgress(id string, p progress) error {
	return s.d.DB.Write(func(tx *db.Tx) error {
		at := tx.Now().UnixMilli()
		_, err := tx.Exec(`UPDATE forward_targets SET seq = max(seq, ?1), checkpoint = max(checkpoint, ?2), sent = sent + ?3, failed = failed + ?4,
			sent_at = CASE WHEN ?3 > 0 THEN ?5 ELSE sent_at END, last_error = ?6,
			failing_since = CASE WHEN ?6 = '' THEN NULL ELSE coalesce(failing_since, ?5) END WHERE id = ?7`,
			p.at.Seq, p.at.Checkpoint, p.sent, p.failed, at, p.err, id)
		return err
	})
}

// Delivered answers the last row that every target of the whole log has for sure, paused ones included; limited is false where
// there is no such target.
func (s *Service) Delivered(ctx context.Context) (seq int64, limited bool, err error) {
	var least *int64
	err = s.d.DB.ReadSQL().QueryRowContext(ctx,
		`SELECT min(seq) FROM forward_targets WHERE json_extract(settings, '$.scope') = 'all'`).Scan(&least)
	if err != nil || least == nil {
		return 0, false, db.Translate(err)
	}
	return *least, true, nil
}

// start answers where a new target begins.
func (s *Service) start(ctx context.Context, from string) (Position, error) {
	if from == FromStart {
		return Position{}, nil
	}
	seq, _, _, err := s.d.Log.Head(ctx)
	if err != nil || s.d.Notes == nil {
		return Position{Seq: seq}, err
	}
	var at Position
	for at.Seq = seq; ; {
		notes, err := s.d.Notes(ctx, at.Checkpoint, noteRows)
		if err != nil {
			return Position{}, err
		}
		for _, n := range notes {
			at.Checkpoint = n.Number
		}
		if len(notes) < noteRows {
			return at, nil
		}
	}
}

// moment answers a column's time, zero for none.
func moment(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}

func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}
