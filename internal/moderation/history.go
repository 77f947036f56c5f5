package moderation

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// HistoryFilter narrows the history. Scope "own" leaves out other people's rows, "all" asks for them and
// is refused without moderation.read_all, "" is all that the caller may see. From is inclusive, To is not.
type HistoryFilter struct {
	Scope     string
	Severity  string
	Action    string
	Model     string
	RequestID string
	Flagged   *bool
	From, To  time.Time
	Limit     int // 50 if zero, at most 200
	Cursor    string
}

// HistoryRow is a verdict as it was answered, who asked, and its audit row.
type HistoryRow struct {
	Verdict
	Actor    audit.Actor
	AuditSeq int64
	AuditID  string
}

// MarshalJSON answers the published form.
func (r HistoryRow) MarshalJSON() ([]byte, error) {
	type plain Verdict
	return json.Marshal(struct {
		plain
		CreatedAt string      `json:"created_at"`
		Actor     audit.Actor `json:"actor"`
		AuditSeq  int64       `json:"audit_seq"`
		AuditID   string      `json:"audit_id"`
	}{plain(r.Verdict), r.CreatedAt.UTC().Format(timeLayout), r.Actor, r.AuditSeq, r.AuditID})
}

// HistoryPage is one page, newest first. NextCursor is "" on the last.
type HistoryPage struct {
	Items      []HistoryRow
	NextCursor string
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

// History answers verdicts, newest first: the caller's own, or everybody's with moderation.read_all. It
// refuses a caller without moderation.read, and filters and cursors that mean nothing.
func (s *Service) History(ctx context.Context, p access.Principal, f HistoryFilter) (HistoryPage, error) {
	owner, err := s.readable(ctx, p, f.Scope)
	if err != nil {
		return HistoryPage{}, err
	}
	if err := f.check(); err != nil {
		return HistoryPage{}, err
	}
	before, err := decodeCursor(f.Cursor)
	if err != nil {
		return HistoryPage{}, err
	}
	limit := f.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	rows, err := s.find(ctx, query{HistoryFilter: f, owner: owner, models: p.KeyModels, before: before, limit: limit + 1})
	if err != nil {
		return HistoryPage{}, err
	}
	page := HistoryPage{Items: rows}
	if len(rows) > limit {
		page.Items = rows[:limit]
		page.NextCursor = encodeCursor(rows[limit-1].ID)
	}
	return page, nil
}

// Get answers one row. Another person's id is as unknown as one that never was (threat Z3).
func (s *Service) Get(ctx context.Context, p access.Principal, id string) (HistoryRow, error) {
	owner, err := s.readable(ctx, p, "")
	if err != nil {
		return HistoryRow{}, err
	}
	unknown := fault.New(fault.NotFound, "There is no such verdict.")
	if !validID(id) {
		return HistoryRow{}, unknown
	}
	rows, err := s.find(ctx, query{owner: owner, models: p.KeyModels, id: id, limit: 1})
	switch {
	case err != nil:
		return HistoryRow{}, err
	case len(rows) == 0:
		return HistoryRow{}, unknown
	}
	return rows[0], nil
}

// readable answers whose rows p may read: one owner's, or everybody's for "".
func (s *Service) readable(ctx context.Context, p access.Principal, scope string) (owner string, err error) {
	if !s.d.Guard.Can(p, access.ModerationRead) {
		return "", fault.New(fault.Forbidden, "You may not read verdicts.")
	}
	all := s.d.Guard.Can(p, access.ModerationReadAll)
	switch {
	case scope == "all" && !all:
		refused := fault.New(fault.Forbidden, "You may read your own verdicts only.")
		op := access.Op{Action: access.ModerationReadAll}
		if err := s.d.Guard.Reject(ctx, p, op, audit.Deny, "role"); err != nil {
			return "", err
		}
		return "", refused
	case scope == "all", scope == "" && all:
		return "", nil
	case scope == "", scope == "own":
		return ownerOf(p), nil
	}
	return "", fault.New(fault.Invalid, "scope must be own or all.").WithField("scope")
}

func (f HistoryFilter) check() error {
	switch {
	case f.Limit < 0 || f.Limit > maxLimit:
		return fault.Newf(fault.Invalid, "limit must be 1 to %d.", maxLimit).WithField("limit")
	case f.Severity != "" && f.Severity != Safe && f.Severity != Controversial && f.Severity != Unsafe:
		return fault.New(fault.Invalid, "severity must be Safe, Controversial or Unsafe.").WithField("severity")
	case f.Action != "" && f.Action != Allow && f.Action != Review && f.Action != Block:
		return fault.New(fault.Invalid, "action must be allow, review or block.").WithField("action")
	}
	return nil
}

// A cursor names the last row of a page. It opens nothing: the owner stands in every query beside it.
const cursorPrefix = "h1:"

func encodeCursor(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + id))
}

func decodeCursor(c string) (id string, err error) {
	if c == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(c)
	id, ok := strings.CutPrefix(string(raw), cursorPrefix)
	if err != nil || !ok || !validID(id) || encodeCursor(id) != c { // the decoder skips line breaks
		return "", fault.New(fault.Invalid, "The cursor is not one that this list gave.").WithField("cursor")
	}
	return id, nil
}

// validID reports whether id has the form of a verdict's id.
func validID(id string) bool {
	rest, ok := strings.CutPrefix(id, "mod_")
	if !ok || len(rest) != 26 {
		return false
	}
	for i := range len(rest) {
		if c := rest[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
