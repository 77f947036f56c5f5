package auth

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// Session is one sign-in that still lives, as its owner and whoever cares for users see it. Device is a short name made
// from the user agent; IdleUntil is nil for a program, whose bearer knows no idle limit.
type Session struct {
	ID, UserID, Username, Kind, Device, UserAgent, IP, LastIP string
	CreatedAt, LastUsedAt, ExpiresAt                          time.Time
	IdleUntil                                                 *time.Time
	Current                                                   bool
}

// SessionPage is one page of sessions, newest first; NextCursor is empty on the last.
type SessionPage struct {
	Items      []Session
	NextCursor string
}

const listSessions = "sessions"

// ListSessions answers the living sessions of userID, newest first; an empty userID is the caller. Another's are for a holder
// of user.manage, to whom an unknown user is NotFound. A limit of 0 means 50. A page may hold fewer than limit and still
// have a next one.
func (s *Service) ListSessions(ctx context.Context, p access.Principal, userID string, limit int, cursor string) (SessionPage, error) {
	action := access.SessionOwn
	if userID == "" {
		userID = p.UserID
	}
	if userID != p.UserID {
		action = access.UserManage
	}
	if !s.guard.Can(p, action) {
		return SessionPage{}, s.forbidList(ctx, p, action)
	}
	ctx = context.WithoutCancel(ctx)
	u, known, err := s.store.userByID(ctx, userID)
	if err == nil && !known {
		err = fault.New(fault.NotFound, "There is no such user.")
	}
	if err != nil {
		return SessionPage{}, err
	}
	if limit, err = pageLimit(limit); err != nil {
		return SessionPage{}, err
	}
	list := listSessions + "/" + u.ID
	before, err := s.unseal(list, p.UserID, cursor)
	if err != nil {
		return SessionPage{}, err
	}
	rows, err := s.store.sessionPage(ctx, u, before, s.clock(), s.times.Load().Idle, limit+1)
	if err != nil {
		return SessionPage{}, err
	}
	page := SessionPage{Items: []Session{}}
	if len(rows) > limit {
		rows = rows[:limit]
		page.NextCursor = s.seal(list, p.UserID, rows[limit-1].ID)
	}
	for _, r := range rows {
		if ses, living := s.view(r, u, p); living {
			page.Items = append(page.Items, ses)
		}
	}
	return page, nil
}

// view answers what is shown of r, and whether it isn't idle for too long: the exact time of last use is in memory.
func (s *Service) view(r sessionRow, u userRow, p access.Principal) (Session, bool) {
	used := s.touched.last(r.ID, fromMillis(r.LastUsedAt))
	ses := Session{
		ID: r.ID, UserID: r.UserID, Username: u.Username, Kind: r.Kind, Device: deviceName(r.UserAgent), UserAgent: r.UserAgent,
		IP: r.IP, LastIP: s.touched.lastIP(r.ID, r.LastIP), CreatedAt: fromMillis(r.CreatedAt), LastUsedAt: used,
		ExpiresAt: s.ends(r.Kind, fromMillis(r.CreatedAt), fromMillis(r.ExpiresAt)), Current: r.ID == p.SessionID,
	}
	if r.Kind != kindBrowser {
		return ses, s.clock().Before(ses.ExpiresAt)
	}
	now, t := s.clock(), s.times.Load()
	ends := used.Add(t.Idle)
	ses.IdleUntil = &ends
	return ses, t.awake(used, now) && now.Before(ses.ExpiresAt)
}
