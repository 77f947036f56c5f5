package httpapi

import (
	"context"

	"guardhouse/internal/auth"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListUsers answers a page of users.
func (s *Server) ListUsers(ctx context.Context, r gen.ListUsersRequestObject) (gen.ListUsersResponseObject, error) {
	page, err := s.users(ctx, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	return gen.ListUsers200JSONResponse(page), nil
}

// ListUsersAlias is ListUsers under its older address.
func (s *Server) ListUsersAlias(ctx context.Context, r gen.ListUsersAliasRequestObject) (gen.ListUsersAliasResponseObject, error) {
	page, err := s.users(ctx, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	return gen.ListUsersAlias200JSONResponse(page), nil
}

func (s *Server) users(ctx context.Context, limit *int, cursor *string) (gen.UserPage, error) {
	page, err := s.deps.Auth.ListUsers(requestContext(ctx), exchangeOf(ctx).principal, auth.UserFilter{}, limitOf(limit), value(cursor))
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
		Body: userDTO(u), Headers: gen.CreateUser201ResponseHeaders{Location: "/api/v1/users/" + u.ID},
	}, nil
}

func userDTO(u auth.User) gen.User {
	return gen.User{
		ID: u.ID, Username: u.Username, DisplayName: u.DisplayName, Role: u.Role, Kind: gen.UserKind(u.Kind),
		Language: gen.Language(u.Language), Status: gen.UserStatus(u.Status), CreatedAt: wire.At(u.CreatedAt),
		LastLoginAt: wire.Maybe(u.LastLoginAt), Mfa: u.MFA,
	}
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
