package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// row mirrors export_schedules.
type row struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	Format    string
	Bom       int
	Filter    string
	Every     string
	AtMinute  int
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	CreatedBy string
	NextAt    int64
	RetryAt   *int64
	AfterSeq  int64
	LastAt    *int64
	LastFile  string
	LastRows  int64
	LastSeq   int64
	Failures  int
	FailedAt  *int64
	FailedWhy string
}

// TableName is for gorm.
func (row) TableName() string { return "export_schedules" }

// ReadSchedules answers all schedules by name, for whoever looks at a database without the services.
func ReadSchedules(ctx context.Context, d *db.DB) ([]Schedule, error) {
	rows, err := list(d.Read(ctx))
	if err != nil {
		return nil, err
	}
	out := make([]Schedule, 0, len(rows))
	for _, r := range rows {
		sc, err := r.schedule()
		if err != nil {
			return nil, err
		}
		out = append(out, sc)
	}
	return out, nil
}

func list(g *gorm.DB) (rows []row, err error) {
	return rows, db.Translate(g.Order("name").Limit(maxSchedules + 1).Find(&rows).Error)
}

// due answers the schedules whose time has come, the longest waiting first.
func due(ctx context.Context, d *db.DB, now time.Time) (rows []row, err error) {
	err = d.Read(ctx).Where("coalesce(retry_at, next_at) <= ?", now.UnixMilli()).Order("coalesce(retry_at, next_at)").Find(&rows).Error
	return rows, db.Translate(err)
}

func get(g *gorm.DB, id string) (r row, err error) {
	err = g.Where("id = ? OR name = ?", id, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row{}, fault.New(fault.NotFound, "There is no such schedule.")
	}
	return r, db.Translate(err)
}

func insert(tx *db.Tx, r row) error {
	rows, err := list(tx.Gorm())
	if err != nil {
		return err
	}
	if len(rows) >= maxSchedules {
		return fault.Newf(fault.Conflict, "There are %d schedules. Remove one first.", maxSchedules)
	}
	for _, other := range rows {
		if other.Name == r.Name {
			return fault.New(fault.Conflict, "There is a schedule of this name.").WithField("name")
		}
	}
	return db.Translate(tx.Gorm().Create(&r).Error)
}

func remove(tx *db.Tx, id string) error {
	_, err := tx.Exec(`DELETE FROM export_schedules WHERE id = ?`, id)
	return db.Translate(err)
}

// exported notes a file and where the next one goes on. A schedule that was removed meanwhile stays so.
func exported(tx *db.Tx, r row, file string, x *Export, sum Sum, next time.Time) error {
	_, err := tx.Exec(`UPDATE export_schedules SET next_at = ?, retry_at = NULL, after_seq = ?, last_at = ?, last_file = ?, last_rows = ?,
		last_seq = ?, failures = 0, failed_at = NULL, failed_why = '' WHERE id = ?`,
		next.UnixMilli(), x.head.Seq, tx.Now().UnixMilli(), file, sum.Rows, sum.Last, r.ID)
	return db.Translate(err)
}

// failed notes why a run came to nothing and when the next try is.
func failed(d *db.DB, r row, why string, retry time.Duration) error {
	return d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE export_schedules SET failures = failures + 1, failed_at = ?, failed_why = ?, retry_at = ? WHERE id = ?`,
			tx.Now().UnixMilli(), why, tx.Now().Add(retry).UnixMilli(), r.ID)
		return db.Translate(err)
	})
}

func (r row) schedule() (Schedule, error) {
	s := Schedule{
		ID: r.ID, Name: r.Name, Format: Format(r.Format), BOM: r.Bom == 1, Every: Every(r.Every), At: clock(r.AtMinute),
		CreatedAt: time.UnixMilli(r.CreatedAt).UTC(), CreatedBy: r.CreatedBy, Next: time.UnixMilli(r.NextAt).UTC(), Retry: moment(r.RetryAt),
		LastAt: moment(r.LastAt), LastFile: r.LastFile, LastRows: r.LastRows, LastSeq: r.LastSeq, After: r.AfterSeq, Failures: r.Failures,
		FailedAt: moment(r.FailedAt), FailedWhy: r.FailedWhy,
	}
	if err := json.Unmarshal([]byte(r.Filter), &s.Filter); err != nil {
		return s, fault.Wrap(err, fault.Internal, "a schedule cannot be read")
	}
	return s, nil
}

func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

func moment(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := time.UnixMilli(*ms).UTC()
	return &t
}

// request answers what the schedule's next run exports.
func (r row) request() (Request, error) {
	var f struct {
		Actor, Action, Model, Decision, IP string
		Rule, Reason, Purpose, Key, Q      string
		RequestID                          string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(r.Filter), &f); err != nil {
		return Request{}, fault.Wrap(err, fault.Internal, "a schedule cannot be read")
	}
	return Request{
		Format: Format(r.Format), BOM: r.Bom == 1, After: r.AfterSeq,
		Filter: audit.Filter{
			Actor: f.Actor, Action: f.Action, Model: f.Model, Decision: f.Decision, IP: f.IP, Rule: f.Rule, Reason: f.Reason,
			Purpose: f.Purpose, Key: f.Key, RequestID: f.RequestID, Q: f.Q,
		},
	}, nil
}
