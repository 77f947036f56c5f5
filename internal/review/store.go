package review

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// row mirrors access_reviews.
type row struct {
	ID          string `gorm:"primaryKey"`
	Title       string
	Rules       string
	DueAt       int64
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	CreatedBy   *string
	CreatedName string
	ClosedAt    *int64
	ClosedBy    *string
	ClosedName  string
	OverdueAt   *int64
}

// TableName is for gorm.
func (row) TableName() string { return "access_reviews" }

// itemRow mirrors access_review_items.
type itemRow struct {
	ReviewID    string `gorm:"primaryKey"`
	RuleID      string `gorm:"primaryKey"`
	OwnerID     *string
	Rule        string
	Decision    Decision
	DecidedAt   *int64
	DecidedBy   *string
	DecidedName string
	Note        string
}

// TableName is for gorm.
func (itemRow) TableName() string { return "access_review_items" }

const (
	idPrefix     = "arv_"
	defaultLimit = 50
	itemsAtOnce  = 500
)

func newID() string { return idPrefix + ulid.Make().String() }

func (r *row) patterns() []string {
	var out []string
	if json.Unmarshal([]byte(r.Rules), &out) != nil {
		return nil
	}
	return out
}

// insert stores a review with its rules. Conflict where too many are open.
func insert(tx *db.Tx, r row, items []itemRow) error {
	var open int
	if err := tx.QueryRow(`SELECT count(*) FROM access_reviews WHERE closed_at IS NULL`).Scan(&open); err != nil {
		return db.Translate(err)
	}
	if open >= maxOpen {
		return fault.Newf(fault.Conflict, "%d reviews are open. Close one first.", maxOpen)
	}
	if err := tx.Gorm().Create(&r).Error; err != nil {
		return db.Translate(err)
	}
	for at := 0; at < len(items); at += itemsAtOnce {
		part := items[at:min(at+itemsAtOnce, len(items))]
		if err := tx.Gorm().Create(&part).Error; err != nil {
			return db.Translate(err)
		}
	}
	return nil
}

// query is a checked filter of reviews. owner is "" for everybody's.
type query struct {
	owner  string
	status Status
	at     int64
	limit  int
	before string
}

func checkLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultLimit, nil
	case limit < 0 || limit > maxLimit:
		return 0, fault.Newf(fault.Invalid, "limit is 1 to %d", maxLimit).WithField("limit")
	}
	return limit, nil
}

func foreignCursor() error {
	return fault.New(fault.Invalid, "the cursor is not one of ours").WithField("cursor")
}

func (q *query) check() (err error) {
	if q.limit, err = checkLimit(q.limit); err != nil || q.before == "" {
		return err
	}
	text, ok := strings.CutPrefix(q.before, idPrefix)
	if _, err := ulid.ParseStrict(text); !ok || err != nil {
		return foreignCursor()
	}
	return nil
}

const (
	has       = `EXISTS (SELECT 1 FROM access_review_items i WHERE i.review_id = access_reviews.id AND (@owner = '' OR i.owner_id = @owner))`
	undecided = `EXISTS (SELECT 1 FROM access_review_items i WHERE i.review_id = access_reviews.id AND (@owner = '' OR i.owner_id = @owner)
		AND i.decision IN ('open', 'asked'))`
)

func list(ctx context.Context, d *db.DB, q query) ([]row, error) {
	g := d.Read(ctx).Model(&row{})
	named := map[string]any{"owner": q.owner, "at": q.at}
	if q.owner != "" {
		g = g.Where(has, named)
	}
	switch q.status {
	case Closed:
		g = g.Where("closed_at IS NOT NULL")
	case Overdue:
		g = g.Where("closed_at IS NULL AND due_at <= @at AND "+undecided, named)
	case Open:
		g = g.Where("closed_at IS NULL AND NOT (due_at <= @at AND "+undecided+")", named)
	}
	if q.before != "" {
		g = g.Where("id < ?", q.before)
	}
	var rows []row
	err := g.Order("id DESC").Limit(q.limit + 1).Find(&rows).Error
	return rows, db.Translate(err)
}

// get reads a review by its id, in whatever transaction g is.
func get(g *gorm.DB, id string) (row, bool, error) {
	var r row
	err := g.Where("id = ?", id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row{}, false, nil
	}
	return r, err == nil, db.Translate(err)
}

// counts answers the rules of reviews by decision, those of one owner or, for "", all.
func counts(g *gorm.DB, owner string, ids []string) (map[string]map[Decision]int, error) {
	var rows []struct {
		ReviewID string
		Decision Decision
		N        int
	}
	g = g.Model(&itemRow{}).Select("review_id, decision, count(*) AS n").Where("review_id IN ?", ids)
	if owner != "" {
		g = g.Where("owner_id = ?", owner)
	}
	err := g.Group("review_id, decision").Find(&rows).Error
	out := make(map[string]map[Decision]int, len(ids))
	for _, id := range ids {
		out[id] = map[Decision]int{}
	}
	for _, r := range rows {
		out[r.ReviewID][r.Decision] = r.N
	}
	return out, db.Translate(err)
}

// itemQuery narrows the rules of one review. owner is "" for everybody's.
type itemQuery struct {
	review, owner string
	decision      Decision
	limit         int
	after         string
}

func items(g *gorm.DB, q itemQuery) ([]itemRow, error) {
	g = g.Where("review_id = ?", q.review)
	if q.owner != "" {
		g = g.Where("owner_id = ?", q.owner)
	}
	if q.decision != "" {
		g = g.Where("decision = ?", q.decision)
	}
	if q.after != "" {
		g = g.Where("rule_id > ?", q.after)
	}
	var rows []itemRow
	err := g.Order("rule_id").Limit(q.limit).Find(&rows).Error
	return rows, db.Translate(err)
}

// itemIn reads a review and one of its rules, in whatever transaction g is. NotFound where there is none.
func itemIn(g *gorm.DB, reviewID, ruleID string) (row, itemRow, error) {
	r, ok, err := get(g.Session(&gorm.Session{}), reviewID)
	if err != nil || !ok {
		return row{}, itemRow{}, orUnknown(err)
	}
	var list []itemRow
	err = g.Session(&gorm.Session{}).Where("review_id = ? AND rule_id = ?", reviewID, ruleID).Limit(1).Find(&list).Error
	if err != nil || len(list) == 0 {
		return row{}, itemRow{}, orUnknown(db.Translate(err))
	}
	return r, list[0], nil
}

// names answers the user names of ids.
func names(g *gorm.DB, ids []string) (map[string]string, error) {
	var rows []struct{ ID, Username string }
	out := map[string]string{}
	if len(ids) == 0 {
		return out, nil
	}
	err := g.Table("users").Select("id, username").Where("id IN ?", ids).Find(&rows).Error
	for _, r := range rows {
		out[r.ID] = r.Username
	}
	return out, db.Translate(err)
}

// decide writes a decision about one rule of a review.
func decide(tx *db.Tx, reviewID, ruleID string, d Decision, by access.Principal, note string) error {
	values := map[string]any{"decision": d, "decided_at": tx.Now().UnixMilli(), "decided_name": by.Name, "decided_by": nil, "note": note}
	if by.UserID != "" {
		values["decided_by"] = by.UserID
	}
	done := tx.Gorm().Model(&itemRow{}).Where("review_id = ? AND rule_id = ?", reviewID, ruleID).UpdateColumns(values)
	if done.Error == nil && done.RowsAffected != 1 {
		return unknown()
	}
	return db.Translate(done.Error)
}

// end closes a review.
func end(tx *db.Tx, id string, by access.Principal) error {
	values := map[string]any{"closed_at": tx.Now().UnixMilli(), "closed_name": by.Name}
	if by.UserID != "" {
		values["closed_by"] = by.UserID
	}
	return db.Translate(tx.Gorm().Model(&row{}).Where("id = ?", id).UpdateColumns(values).Error)
}

func moment(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := time.UnixMilli(*ms).UTC()
	return &t
}

// passed answers the reviews whose day is over, with something undecided, and for which no row says so.
func passed(ctx context.Context, d *db.DB, at int64) ([]string, error) {
	var ids []string
	err := d.Read(ctx).Model(&row{}).Where("closed_at IS NULL AND overdue_at IS NULL AND due_at <= @at AND "+undecided,
		map[string]any{"at": at, "owner": ""}).Order("id").Limit(maxOpen).Pluck("id", &ids).Error
	return ids, db.Translate(err)
}

// noted remembers that the row is written.
func noted(tx *db.Tx, id string) error {
	return db.Translate(tx.Gorm().Model(&row{}).Where("id = ?", id).UpdateColumn("overdue_at", tx.Now().UnixMilli()).Error)
}

func due(ctx context.Context, d *db.DB, at, before int64) (Due, error) {
	var out struct {
		Reviews, Rules, Overdue int64
		First                   *int64
	}
	err := d.Read(ctx).Raw(`SELECT count(DISTINCT r.id) AS reviews, count(*) AS rules, min(r.due_at) AS first,
		count(DISTINCT CASE WHEN r.due_at <= ? THEN r.id END) AS overdue
		FROM access_reviews r JOIN access_review_items i ON i.review_id = r.id AND i.decision IN ('open', 'asked')
		WHERE r.closed_at IS NULL AND r.due_at <= ?`, at, before).Scan(&out).Error
	if err != nil || out.First == nil {
		return Due{}, db.Translate(err)
	}
	return Due{out.Reviews, out.Rules, out.Overdue, time.UnixMilli(*out.First).UTC()}, nil
}

// currentVersion is the policy's as the transaction sees it.
func currentVersion(tx *db.Tx) (v int64, err error) {
	err = tx.QueryRow(`SELECT coalesce(max(version), 0) FROM policy_versions`).Scan(&v)
	return v, db.Translate(err)
}
