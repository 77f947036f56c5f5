package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// store reads and writes the tables of this package. What every request asks goes through prepared statements.
type store struct {
	db *db.DB

	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

func newStore(d *db.DB) *store { return &store{db: d, stmts: map[string]*sql.Stmt{}} }

// scan reads the one row that query finds for arg into dest, and answers whether there is one. Statements are prepared
// once and live until the read pool is closed.
func (s *store) scan(ctx context.Context, query, arg string, dest ...any) (bool, error) {
	s.mu.Lock()
	st := s.stmts[query]
	if st == nil {
		var err error
		if st, err = s.db.ReadSQL().PrepareContext(ctx, query); err != nil {
			s.mu.Unlock()
			return false, db.Translate(fmt.Errorf("preparing a look-up: %w", err))
		}
		s.stmts[query] = st
	}
	s.mu.Unlock()
	err := st.QueryRowContext(ctx, arg).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, db.Translate(err)
}

type userRow struct {
	ID           string `gorm:"primaryKey"`
	Kind         string
	Username     string
	UsernameKey  string
	DisplayName  string
	Language     string
	Role         string
	Status       string
	PasswordHash string
	Epoch        int64
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
	UpdatedAt    int64 `gorm:"autoUpdateTime:false"`
	LastLoginAt  *int64
	Version      int64 `gorm:"default:1"`
}

// TableName is read by gorm.
func (userRow) TableName() string { return "users" }

func (r userRow) user() User {
	return User{
		ID: r.ID, Username: r.Username, DisplayName: r.DisplayName, Role: r.Role, Kind: r.Kind, Status: r.Status,
		Language: r.Language, CreatedAt: fromMillis(r.CreatedAt), LastLoginAt: fromMillisPtr(r.LastLoginAt),
		UpdatedAt: fromMillis(r.UpdatedAt), Version: r.Version,
	}
}

type sessionRow struct {
	ID         string `gorm:"primaryKey"`
	UserID     string
	Kind       string
	TokenHash  *string
	Epoch      int64
	IP         string
	LastIP     string `gorm:"column:last_ip"`
	UserAgent  string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	LastUsedAt int64
	ExpiresAt  int64
	RevokedAt  *int64
}

// TableName is read by gorm.
func (sessionRow) TableName() string { return "sessions" }

type refreshRow struct {
	TokenHash string `gorm:"primaryKey"`
	SessionID string
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	ExpiresAt int64
	UsedAt    *int64
}

// TableName is read by gorm.
func (refreshRow) TableName() string { return "refresh_tokens" }

type keyRow struct {
	ID         string `gorm:"primaryKey"`
	UserID     string
	Label      string
	Prefix     string
	SecretHash string
	Models     string
	Operations string
	ValidUntil *int64
	CreatedBy  string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	LastUsedAt *int64
	LastUsedIP string `gorm:"column:last_used_ip"`
	RevokedAt  *int64
	// SuspendedAt is when a restore switched the key off.
	SuspendedAt *int64
	IPRanges    string `gorm:"column:ip_ranges"`
	RateLimit   string
	RotatedTo   *string
	Line        string // the first key that rotations made this one from, empty for one that is the first
	Username    string `gorm:"->;-:migration"` // joined, never written
}

// TableName is read by gorm.
func (keyRow) TableName() string { return "api_keys" }

func (r keyRow) key() (Key, error) {
	k := Key{
		ID: r.ID, Label: r.Label, Prefix: r.Prefix, UserID: r.UserID, Username: r.Username,
		ValidUntil: fromMillisPtr(r.ValidUntil), LastUsedAt: fromMillisPtr(r.LastUsedAt), LastUsedIP: r.LastUsedIP,
		CreatedAt: fromMillis(r.CreatedAt), RevokedAt: fromMillisPtr(r.RevokedAt),
		SuspendedAt: fromMillisPtr(r.SuspendedAt), RateLimit: r.RateLimit,
	}
	if r.RotatedTo != nil {
		k.RotatedTo = *r.RotatedTo
	}
	var err error
	if k.Models, err = readList(r.Models); err != nil {
		return Key{}, err
	}
	if k.Operations, err = readList(r.Operations); err != nil {
		return Key{}, err
	}
	k.IPRanges, err = readList(r.IPRanges)
	return k, err
}

// line names the key as rules and limits do.
func (r keyRow) line() string { return lineOf(r.ID, r.Line) }

func lineOf(id, line string) string {
	if line == "" {
		return id
	}
	return line
}

type idempotencyRow struct {
	Principal  string `gorm:"primaryKey"`
	Route      string `gorm:"primaryKey"`
	Key        string `gorm:"primaryKey"`
	BodyHash   string
	ResourceID string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
}

// TableName is read by gorm.
func (idempotencyRow) TableName() string { return "idempotency_keys" }

// userByKey answers the user whose name has this skeleton, and whether there is one that wasn't deleted.
func (s *store) userByKey(ctx context.Context, key string) (userRow, bool, error) {
	return one[userRow](s.db.Read(ctx).Where("username_key = ? AND status <> 'deleted'", key))
}

func (s *store) userByID(ctx context.Context, id string) (userRow, bool, error) {
	return one[userRow](s.db.Read(ctx).Where("id = ? AND status <> 'deleted'", id))
}

func (s *store) roleExists(ctx context.Context, role string) (bool, error) {
	var n int64
	err := s.db.Read(ctx).Table("roles").Where("name = ?", role).Count(&n).Error
	return n > 0, db.Translate(err)
}

func (s *store) keyByID(ctx context.Context, id string) (keyRow, bool, error) {
	return one[keyRow](s.keys(ctx).Where("api_keys.id = ?", id))
}

// keys is api_keys with the owner's name.
func (s *store) keys(ctx context.Context) *gorm.DB {
	return s.db.Read(ctx).Table("api_keys").Select("api_keys.*, users.username AS username").
		Joins("JOIN users ON users.id = api_keys.user_id")
}

// keyPage answers up to limit keys older than the given one, newest first; of one owner unless owner is empty.
func (s *store) keyPage(ctx context.Context, owner string, before keyPosition, limit int) ([]keyRow, error) {
	q := s.keys(ctx).Order("api_keys.created_at DESC, api_keys.id DESC").Limit(limit)
	if owner != "" {
		q = q.Where("api_keys.user_id = ?", owner)
	}
	if before.id != "" {
		q = q.Where("(api_keys.created_at, api_keys.id) < (?, ?)", before.at, before.id)
	}
	var rows []keyRow
	return rows, db.Translate(q.Find(&rows).Error)
}

// metaValue answers a row of meta.
func (s *store) metaValue(ctx context.Context, key string) (string, bool, error) {
	var values []string
	err := s.db.Read(ctx).Table("meta").Where("key = ?", key).Limit(1).Pluck("value", &values).Error
	if err != nil || len(values) == 0 {
		return "", false, db.Translate(err)
	}
	return values[0], true, nil
}

func one[R any](q *gorm.DB) (row R, ok bool, err error) {
	var rows []R
	if err := q.Limit(1).Find(&rows).Error; err != nil {
		return row, false, db.Translate(err)
	}
	if len(rows) == 0 {
		return row, false, nil
	}
	return rows[0], true, nil
}

func readList(text string) ([]string, error) {
	list := []string{}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "reading a key's scopes")
	}
	return list, nil
}

func writeList(list []string) (string, error) {
	if len(list) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(list)
	return string(text), err
}

func millis(t time.Time) int64      { return t.UnixMilli() }
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func millisPtr(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := millis(*t)
	return &ms
}

func fromMillisPtr(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := fromMillis(*ms)
	return &t
}
