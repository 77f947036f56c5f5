package httpapi

import (
	"context"

	"guardhouse/internal/auth"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListUsers answers a page of users.
func (s *Server) ListUsers(ctx context.Context, r gen.ListUsersRequestObject) (gen.ListUsersResponseObject, error) {
	page, err := s.users(ctx, r.Params)
	if err != nil {
		return nil, err
	}
	return gen.ListUsers200JSONResponse(page), nil
}

// ListUsersAlias is ListUsers under its older address.
func (s *Server) ListUsersAlias(ctx context.Context, r gen.ListUsersAliasRequestObject) (gen.ListUsersAliasResponseObject, error) {
	page, err := s.users(ctx, gen.ListUsersParams(r.Params))
	if err != nil {
		return nil, err
	}
	return gen.ListUsersAlias200JSONResponse(page), nil
}

func (s *Server) users(ctx context.Context, q gen.ListUsersParams) (gen.UserPage, error) {
	f := auth.UserFilter{Role: value(q.Role), Status: string(value(q.Status)), Kind: string(value(q.Kind)), Query: value(q.Q), Group: value(q.Group)}
	page, err := s.deps.Auth.ListUsers(requestContext(ctx), exchangeOf(ctx).principal, f, limitOf(q.Limit), value(q.Cursor))
	if err != nil {
		return gen.UserPage{}, err
	}
	return gen.UserPage{Items: each(page.Items, userDTO), NextCursor: orNil(page.NextCursor)}, nil
}

// CreateUser makes a user.
func (s *Server) CreateUser(ctx context.Context, r gen.CreateUserRequestObject) (gen.CreateUserResponseObject, error) {
	b := r.Body
	u, err := s.deps.Auth.CreateUser(requestContext(ctx), exchangeOf(ctx).principal, auth.NewUser{
		Kind: string(value(b.Kind)), Username: b.Username, Password: value(b.Password), Role: b.Role,
		DisplayName: value(b.DisplayName), Language: string(value(b.Language)),
	})
	if err != nil {
		return nil, err
	}
	return gen.CreateUser201JSONResponse{
		Body: userDTO(u), Headers: gen.CreateUser201ResponseHeaders{Location: "/api/v1/users/" + u.ID, ETag: etag(u.Version)},
	}, nil
}

// GetUser answers one user.
func (s *Server) GetUser(ctx context.Context, r gen.GetUserRequestObject) (gen.GetUserResponseObject, error) {
	u, err := s.deps.Auth.GetUser(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetUser200JSONResponse{Body: userDTO(u), Headers: gen.GetUser200ResponseHeaders{ETag: etag(u.Version)}}, nil
}

// ChangeUser changes what the body names and nothing else.
func (s *Server) ChangeUser(ctx context.Context, r gen.ChangeUserRequestObject) (gen.ChangeUserResponseObject, error) {
	version, err := s.ifMatch(ctx, r.Params.IfMatch, false, s.versionOfUser(ctx, r.ID))
	if err != nil {
		return nil, err
	}
	b := r.Body
	u, err := s.deps.Auth.ChangeUser(requestContext(ctx), exchangeOf(ctx).principal, r.ID, auth.UserChange{
		Role: b.Role, Status: (*string)(b.Status), DisplayName: b.DisplayName, Language: (*string)(b.Language), Password: b.Password,
		Version: version,
	})
	if err != nil {
		return nil, err
	}
	return gen.ChangeUser200JSONResponse{Body: userDTO(u), Headers: gen.ChangeUser200ResponseHeaders{ETag: etag(u.Version)}}, nil
}

// DeleteUser deletes a user; his name stays taken.
func (s *Server) DeleteUser(ctx context.Context, r gen.DeleteUserRequestObject) (gen.DeleteUserResponseObject, error) {
	version, err := s.ifMatch(ctx, r.Params.IfMatch, false, s.versionOfUser(ctx, r.ID))
	if err != nil {
		return nil, err
	}
	if err := s.deps.Auth.DeleteUser(requestContext(ctx), exchangeOf(ctx).principal, r.ID, version); err != nil {
		return nil, err
	}
	return gen.DeleteUser204Response{}, nil
}

func (s *Server) versionOfUser(ctx context.Context, id string) func() (int64, error) {
	return func() (int64, error) {
		u, err := s.deps.Auth.GetUser(requestContext(ctx), exchangeOf(ctx).principal, id)
		return u.Version, err
	}
}

// GetUserPermissions answers what a user may do and why.
func (s *Server) GetUserPermissions(ctx context.Context, r gen.GetUserPermissionsRequestObject) (gen.GetUserPermissionsResponseObject, error) {
	lines, err := s.deps.Auth.UserPermissions(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetUserPermissions200JSONResponse{Items: each(lines, permissionDTO)}, nil
}

func permissionDTO(l auth.PermissionLine) gen.PermissionLine {
	return gen.PermissionLine{
		Action: string(l.Action), Allowed: l.Allowed, Reason: l.Reason, Role: l.Role, Source: gen.CellSource(l.Source),
		ChangedAt: wire.Maybe(l.ChangedAt), ChangedBy: orNil(l.ChangedBy), EventID: orNil(l.EventID),
	}
}

func userDTO(u auth.User) gen.User {
	out := gen.User{
		ID: u.ID, Username: u.Username, DisplayName: u.DisplayName, Role: u.Role, Kind: gen.UserKind(u.Kind),
		Language: gen.Language(u.Language), Status: gen.UserStatus(u.Status), CreatedAt: wire.At(u.CreatedAt),
		UpdatedAt: wire.At(u.UpdatedAt), LastLoginAt: wire.Maybe(u.LastLoginAt), Mfa: u.MFA, Version: u.Version,
	}
	if u.Use != nil {
		out.LastSeenAt, out.Sessions, out.Keys = wire.Maybe(u.Use.LastSeenAt), &u.Use.Sessions, &u.Use.Keys
	}
	if u.Groups != nil {
		list := each(u.Groups, groupRefDTO)
		out.Groups = &list
	}
	return out
}

// defaultLimit is how many rows a page has when nobody says; the contract names the same number.
const defaultLimit = 50

func limitOf(limit *int) int {
	if limit == nil {
		return defaultLimit
	}
	return *limit
}

// value answers what p points at, the zero value for nil.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// each answers f of every element, an empty list for none: a JSON list is never null.
func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, a := range list {
		out = append(out, f(a))
	}
	return out
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
