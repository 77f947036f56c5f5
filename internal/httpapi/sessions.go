package httpapi

import (
	"context"

	"guardhouse/internal/auth"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListSessions answers a page of the caller's own living sessions.
func (s *Server) ListSessions(ctx context.Context, r gen.ListSessionsRequestObject) (gen.ListSessionsResponseObject, error) {
	page, err := s.sessions(ctx, "", r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	return gen.ListSessions200JSONResponse(page), nil
}

// ListUserSessions answers a page of a user's living sessions.
func (s *Server) ListUserSessions(ctx context.Context, r gen.ListUserSessionsRequestObject) (gen.ListUserSessionsResponseObject, error) {
	page, err := s.sessions(ctx, r.ID, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	return gen.ListUserSessions200JSONResponse(page), nil
}

func (s *Server) sessions(ctx context.Context, user string, limit *int, cursor *string) (gen.SessionPage, error) {
	page, err := s.deps.Auth.ListSessions(requestContext(ctx), exchangeOf(ctx).principal, user, limitOf(limit), value(cursor))
	if err != nil {
		return gen.SessionPage{}, err
	}
	return gen.SessionPage{Items: each(page.Items, sessionDTO), NextCursor: orNil(page.NextCursor)}, nil
}

// EndSession ends one session; a browser that ended its own loses the cookie.
func (s *Server) EndSession(ctx context.Context, r gen.EndSessionRequestObject) (gen.EndSessionResponseObject, error) {
	p := exchangeOf(ctx).principal
	if err := s.deps.Auth.EndSession(requestContext(ctx), p, r.ID); err != nil {
		return nil, err
	}
	if r.ID == p.SessionID {
		s.setCookie(ctx, "")
	}
	return gen.EndSession204Response{}, nil
}

// EndSessions ends the caller's sessions, with or without the one that asks.
func (s *Server) EndSessions(ctx context.Context, r gen.EndSessionsRequestObject) (gen.EndSessionsResponseObject, error) {
	keep := auth.KeepNone
	if value(r.Params.KeepCurrent) {
		keep = auth.KeepCurrent
	}
	if err := s.endSessions(ctx, exchangeOf(ctx).principal.UserID, keep); err != nil {
		return nil, err
	}
	return gen.EndSessions204Response{}, nil
}

// EndUserSessions ends all sessions of a user.
func (s *Server) EndUserSessions(ctx context.Context, r gen.EndUserSessionsRequestObject) (gen.EndUserSessionsResponseObject, error) {
	if err := s.endSessions(ctx, r.ID, auth.KeepNone); err != nil {
		return nil, err
	}
	return gen.EndUserSessions204Response{}, nil
}

func (s *Server) endSessions(ctx context.Context, user string, keep auth.Keep) error {
	p := exchangeOf(ctx).principal
	if _, err := s.deps.Auth.EndSessions(requestContext(ctx), p, user, keep); err != nil {
		return err
	}
	if keep == auth.KeepNone && user == p.UserID && p.SessionID != "" {
		s.setCookie(ctx, "")
	}
	return nil
}

// ChangePassword gives the caller a new password and a new session.
func (s *Server) ChangePassword(ctx context.Context, r gen.ChangePasswordRequestObject) (gen.ChangePasswordResponseObject, error) {
	in, err := s.deps.Auth.ChangePassword(requestContext(ctx), exchangeOf(ctx).principal, r.Body.CurrentPassword, r.Body.NewPassword)
	if err != nil {
		return nil, throttled(ctx, err)
	}
	return gen.ChangePassword200JSONResponse(s.signedIn(ctx, in)), nil
}

// ConfirmSession takes the password again, and leaves the session's new cookie.
func (s *Server) ConfirmSession(ctx context.Context, r gen.ConfirmSessionRequestObject) (gen.ConfirmSessionResponseObject, error) {
	c, err := s.deps.Auth.Confirm(requestContext(ctx), exchangeOf(ctx).principal, r.Body.Password, s.deviceToken(ctx))
	if err != nil {
		return nil, throttled(ctx, err)
	}
	s.setCookie(ctx, c.CookieToken)
	return gen.ConfirmSession200JSONResponse{ConfirmedUntil: wire.At(c.Until)}, nil
}

func sessionDTO(v auth.Session) gen.Session {
	return gen.Session{
		ID: v.ID, UserID: v.UserID, Username: v.Username, Kind: gen.SessionKind(v.Kind), Device: v.Device, UserAgent: v.UserAgent,
		IP: v.IP, LastIP: v.LastIP, CreatedAt: wire.At(v.CreatedAt), LastUsedAt: wire.At(v.LastUsedAt),
		ExpiresAt: wire.At(v.ExpiresAt), IdleUntil: wire.Maybe(v.IdleUntil), Current: v.Current,
	}
}
