package request

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
	"guardhouse/internal/rule"
)

// row mirrors access_requests.
type row struct {
	ID          string `gorm:"primaryKey"`
	UserID      string
	Model       string
	Operations  string
	Purpose     string
	Until       int64
	Status      Status
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	DecidedAt   *int64
	DecidedBy   *string
	DecidedName string
	Reason      string
	RuleID      *string
}

// TableName is for gorm.
func (row) TableName() string { return "access_requests" }

// named is a row with its asker as the users' table names him.
type named struct {
	Row                               row `gorm:"embedded"`
	Username, DisplayName, UserStatus string
	UserRole                          string
}

const columns = `access_requests.*, users.username, users.display_name, users.status AS user_status, users.role AS user_role`

const (
	idPrefix     = "arq_"
	defaultLimit = 50
)

func newID() string { return idPrefix + ulid.Make().String() }

// query is a checked Filter. user is "" for everybody's; at is now.
type query struct {
	user   string
	status Status
	at     int64
	limit  int
	before string
}

func (q *query) check() error {
	switch {
	case q.limit == 0:
		q.limit = defaultLimit
	case q.limit < 0 || q.limit > maxLimit:
		return fault.Newf(fault.Invalid, "limit is 1 to %d", maxLimit).WithField("limit")
	}
	if q.before == "" {
		return nil
	}
	text, ok := strings.CutPrefix(q.before, idPrefix)
	if _, err := ulid.ParseStrict(text); !ok || err != nil {
		return fault.New(fault.Invalid, "the cursor is not one of ours").WithField("cursor")
	}
	return nil
}

// standing narrows to a status as of at, among requests with their askers. Who is gone asks for nothing any more.
func standing(g *gorm.DB, status Status, at int64) *gorm.DB {
	switch status {
	case "":
		return g
	case Expired:
		return g.Where("access_requests.status IN ? AND access_requests.until <= ?", []Status{Open, Approved}, at)
	case Open:
		return g.Where("access_requests.status = ? AND access_requests.until > ? AND users.status <> 'deleted'", Open, at)
	case Withdrawn:
		return g.Where("(access_requests.status = ? OR access_requests.status = ? AND access_requests.until > ? AND users.status = 'deleted')", Withdrawn, Open, at)
	case Approved:
		return g.Where("access_requests.status = ? AND access_requests.until > ?", Approved, at)
	default:
		return g.Where("access_requests.status = ?", status)
	}
}

func withAsker(g *gorm.DB) *gorm.DB {
	return g.Table("access_requests").Select(columns).Joins("JOIN users ON users.id = access_requests.user_id")
}

func list(ctx context.Context, d *db.DB, q query) ([]named, error) {
	g := standing(withAsker(d.Read(ctx)), q.status, q.at)
	if q.user != "" {
		g = g.Where("access_requests.user_id = ?", q.user)
	}
	if q.before != "" {
		g = g.Where("access_requests.id < ?", q.before)
	}
	var rows []named
	err := g.Order("access_requests.id DESC").Limit(q.limit + 1).Find(&rows).Error
	return rows, db.Translate(err)
}

func get(ctx context.Context, d *db.DB, id string) (named, bool, error) {
	return one(d.Read(ctx), id)
}

// one reads a request by its id, in whatever transaction g is.
func one(g *gorm.DB, id string) (named, bool, error) {
	var r named
	err := withAsker(g).Where("access_requests.id = ?", id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return named{}, false, nil
	}
	return r, err == nil, db.Translate(err)
}

func waiting(ctx context.Context, d *db.DB, at int64) (Waiting, error) {
	var w struct {
		N     int64
		First *int64
	}
	err := standing(withAsker(d.Read(ctx)), Open, at).Select("count(*) AS n, min(access_requests.created_at) AS first").Take(&w).Error
	if err != nil || w.First == nil {
		return Waiting{}, db.Translate(err)
	}
	return Waiting{w.N, time.UnixMilli(*w.First).UTC()}, nil
}

// insert stores a new request of a living account. Conflict for a model that it asked for already, and for one too many.
func insert(tx *db.Tx, r row) error {
	var living, open, same int
	if err := tx.QueryRow(`SELECT (SELECT count(*) FROM users WHERE id = ?1 AND status = 'active'), count(*), coalesce(sum(model = ?2), 0)
		FROM access_requests WHERE user_id = ?1 AND status = 'open' AND until > ?3`, r.UserID, r.Model, tx.Now().UnixMilli()).
		Scan(&living, &open, &same); err != nil {
		return db.Translate(err)
	}
	switch {
	case living == 0:
		return fault.New(fault.Forbidden, "Only somebody with an account asks for access.")
	case same > 0:
		return fault.New(fault.Conflict, "You have asked for this model already, and nobody has decided yet.").WithField("model")
	case open >= maxOpen:
		return fault.Newf(fault.Conflict, "%d of your requests are open. Withdraw one first.", maxOpen)
	}
	return db.Translate(tx.Gorm().Create(&r).Error)
}

// decision is how a request ends. An approval names its rule, and the end of it.
type decision struct {
	id             string
	status         Status
	by             access.Principal
	reason, ruleID string
	until          time.Time
}

// settle writes a decision about a request that is open in the transaction.
func settle(tx *db.Tx, d decision) error {
	values := map[string]any{
		"status": d.status, "decided_at": tx.Now().UnixMilli(), "decided_name": d.by.Name, "reason": d.reason,
	}
	if d.by.UserID != "" {
		values["decided_by"] = d.by.UserID
	}
	if d.ruleID != "" {
		values["rule_id"], values["until"] = d.ruleID, d.until.UnixMilli()
	}
	done := tx.Gorm().Model(&row{}).Where("id = ? AND status = ?", d.id, Open).UpdateColumns(values)
	if done.Error == nil && done.RowsAffected != 1 {
		return decided()
	}
	return db.Translate(done.Error)
}

func decided() error {
	return fault.New(fault.Conflict, "Somebody has decided about this request already.")
}

func (n *named) of(p access.Principal) bool { return p.UserID != "" && n.Row.UserID == p.UserID }

// now answers the status as of a moment.
func (n *named) now(at time.Time) Status {
	switch over := n.Row.Until <= at.UnixMilli(); {
	case over && (n.Row.Status == Open || n.Row.Status == Approved):
		return Expired
	case n.Row.Status == Open && n.UserStatus == "deleted":
		return Withdrawn
	}
	return n.Row.Status
}

// operations answers what is asked for. What can't be read asks for nothing.
func (r *row) operations() []rule.Operation {
	var out []rule.Operation
	if json.Unmarshal([]byte(r.Operations), &out) != nil {
		return nil
	}
	return out
}

func (n *named) request(at time.Time, known map[string]access.Action) Request {
	r := &n.Row
	out := Request{
		ID: r.ID, UserID: r.UserID, Username: n.Username, DisplayName: n.DisplayName, Model: r.Model, Purpose: r.Purpose, Reason: r.Reason,
		Operations: r.operations(), Until: time.UnixMilli(r.Until).UTC(), CreatedAt: time.UnixMilli(r.CreatedAt).UTC(), Status: n.now(at),
		DecidedBy: r.DecidedName,
	}
	if r.DecidedAt != nil {
		t := time.UnixMilli(*r.DecidedAt).UTC()
		out.DecidedAt = &t
	}
	if r.RuleID != nil {
		out.RuleID = *r.RuleID
	}
	if known != nil {
		_, is := known[r.Model]
		out.Known = &is
	}
	return out
}
