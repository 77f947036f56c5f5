package export

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Every is how often a schedule runs. Hours, days and weeks are of UTC, so that no change of clocks skips or doubles one.
type Every string

// The intervals. A week begins on Monday.
const (
	Hour Every = "hour"
	Day  Every = "day"
	Week Every = "week"
)

// maxSchedules bounds what a folder is written for.
const maxSchedules = 20

// Schedule is an export that is made at set times. After is the number up to which rows are in its files. Next is its next run;
// Retry, where set, the next try of one that failed, Failures times in a row, last at FailedAt for a reason out of a closed list.
type Schedule struct {
	ID, Name          string
	Format            Format
	BOM               bool
	Filter            map[string]string
	Every             Every
	At                string // HH:MM in UTC; of an hour only the minutes count
	CreatedAt, Next   time.Time
	CreatedBy         string
	Retry, LastAt     *time.Time
	LastFile          string
	LastRows, LastSeq int64
	After             int64
	Failures          int
	FailedAt          *time.Time
	FailedWhy         string
}

// Draft is a schedule to add. Its filter has no times: a schedule goes on where it was.
type Draft struct {
	Name   string
	Format Format
	BOM    bool
	Filter audit.Filter
	Every  Every
	At     string // "" = 00:00
}

var (
	scheduleName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	clockTime    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// check refuses (Invalid) what cannot be a schedule.
func (n Draft) check(now time.Time) error {
	switch {
	case !scheduleName.MatchString(n.Name):
		return fault.New(fault.Invalid, "A name has 1 to 40 lower-case letters, digits and hyphens: its folder is called so.").WithField("name")
	case n.Every != Hour && n.Every != Day && n.Every != Week:
		return fault.New(fault.Invalid, "every must be hour, day or week").WithField("every")
	case n.At != "" && !clockTime.MatchString(n.At):
		return fault.New(fault.Invalid, "at is a time of the day in UTC, such as 02:30").WithField("at")
	case !n.Filter.From.IsZero() || !n.Filter.To.IsZero():
		return fault.New(fault.Invalid, "a schedule goes on where it was: it has no times").WithField("filter")
	}
	return Request{Format: n.Format, BOM: n.BOM, Filter: n.Filter}.check(now)
}

// minute answers which minute of the day HH:MM is, 0 for "".
func minute(at string) int {
	t, err := time.Parse("15:04", at)
	if err != nil {
		return 0
	}
	return t.Hour()*60 + t.Minute()
}

// next answers the first time of a schedule after now.
func next(every Every, minute int, now time.Time) time.Time {
	now = now.UTC()
	at := time.Date(now.Year(), now.Month(), now.Day(), 0, minute, 0, 0, time.UTC)
	step := 24 * time.Hour
	switch every {
	case Hour:
		at, step = now.Truncate(time.Hour).Add(time.Duration(minute%60)*time.Minute), time.Hour
	case Week:
		at, step = at.AddDate(0, 0, -(int(now.Weekday())+6)%7), 7*24*time.Hour
	case Day:
	}
	for !at.After(now) {
		at = at.Add(step)
	}
	return at
}

// scheduleTarget is how the audit log names a schedule.
func scheduleTarget(name string) string { return "export-schedule:" + name }

// Add stores a schedule for a holder of settings.manage who is confirmed, and leaves its row. It refuses what cannot be one
// (Invalid), a name that is taken and one schedule too many (Conflict), and a folder that is not set or not safe
// (Unprocessable).
func (s *Service) Add(ctx context.Context, p access.Principal, n Draft) (_ Schedule, err error) {
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: "export-schedule"})
	if err != nil {
		return Schedule{}, err
	}
	defer pass.Close(&err)
	now := s.d.Now()
	if err := n.check(now); err != nil {
		return Schedule{}, err
	}
	if err := s.CheckFolder(); err != nil {
		return Schedule{}, err
	}
	r, err := n.row(now, p)
	if err != nil {
		return Schedule{}, err
	}
	out := access.Outcome{
		Resource: scheduleTarget(n.Name),
		Details: map[string]any{
			"change": "add", "schedule": r.ID, "format": r.Format, "every": r.Every, "at": clock(r.AtMinute), "filter": said(n.Filter),
		},
		Check: func(tx *db.Tx) (map[string]any, error) { return nil, s.mayChange(tx, p) },
	}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error { return insert(tx, r) })
	if err != nil {
		return Schedule{}, err
	}
	return r.schedule()
}

func (s *Service) mayChange(tx *db.Tx, p access.Principal) error {
	if err := s.d.Guard.Administer(tx, p, access.SettingsManage); err != nil {
		return err
	}
	return p.Confirmed()
}

func (n Draft) row(now time.Time, p access.Principal) (row, error) {
	filter, err := json.Marshal(said(n.Filter))
	if err != nil {
		return row{}, fault.Wrap(err, fault.Internal, "the filter cannot be written")
	}
	r := row{
		ID: "exs_" + ulid.Make().String(), Name: n.Name, Format: string(n.Format), Filter: string(filter), Every: string(n.Every),
		AtMinute: minute(n.At), CreatedAt: now.UnixMilli(), CreatedBy: p.Name, NextAt: next(n.Every, minute(n.At), now).UnixMilli(),
	}
	if n.BOM {
		r.Bom = 1
	}
	return r, nil
}

// Remove ends a schedule, by its id or its name, for a holder of settings.manage who is confirmed, and leaves its row. Its files
// stay. NotFound where there is none.
func (s *Service) Remove(ctx context.Context, p access.Principal, id string) (err error) {
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: scheduleTarget(cut(id))})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	var found row
	out := access.Outcome{
		Check: func(tx *db.Tx) (map[string]any, error) {
			if err := s.mayChange(tx, p); err != nil {
				return nil, err
			}
			var err error
			found, err = get(tx.Gorm(), id)
			return map[string]any{"change": "remove", "schedule": found.ID, "name": found.Name, "after": found.AfterSeq}, err
		},
	}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ audit.Event) error { return remove(tx, found.ID) })
	return err
}

func cut(id string) string { return id[:min(len(id), maxWords)] }

// Schedules answers all schedules by name, to a holder of audit.export.
func (s *Service) Schedules(ctx context.Context) ([]Schedule, error) {
	return ReadSchedules(ctx, s.d.DB)
}
