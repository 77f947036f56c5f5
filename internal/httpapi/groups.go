package httpapi

import (
	"context"

	"guardhouse/internal/auth"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListGroups answers a page of groups.
func (s *Server) ListGroups(ctx context.Context, r gen.ListGroupsRequestObject) (gen.ListGroupsResponseObject, error) {
	q := r.Params
	page, err := s.deps.Auth.ListGroups(requestContext(ctx), exchangeOf(ctx).principal, value(q.Q), limitOf(q.Limit), value(q.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListGroups200JSONResponse{Items: each(page.Items, groupDTO), NextCursor: orNil(page.NextCursor)}, nil
}

// CreateGroup makes a group.
func (s *Server) CreateGroup(ctx context.Context, r gen.CreateGroupRequestObject) (gen.CreateGroupResponseObject, error) {
	g, err := s.deps.Auth.CreateGroup(requestContext(ctx), exchangeOf(ctx).principal, auth.NewGroup{Name: r.Body.Name, Note: value(r.Body.Note)})
	if err != nil {
		return nil, err
	}
	return gen.CreateGroup201JSONResponse{
		Body: groupDTO(g), Headers: gen.CreateGroup201ResponseHeaders{Location: "/api/v1/groups/" + g.ID, ETag: etag(g.Version)},
	}, nil
}

// GetGroup answers one group.
func (s *Server) GetGroup(ctx context.Context, r gen.GetGroupRequestObject) (gen.GetGroupResponseObject, error) {
	g, err := s.deps.Auth.GetGroup(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetGroup200JSONResponse{Body: groupDTO(g), Headers: gen.GetGroup200ResponseHeaders{ETag: etag(g.Version)}}, nil
}

// ChangeGroup changes a group's note.
func (s *Server) ChangeGroup(ctx context.Context, r gen.ChangeGroupRequestObject) (gen.ChangeGroupResponseObject, error) {
	version, err := s.ifMatch(ctx, r.Params.IfMatch, false, s.versionOfGroup(ctx, r.ID))
	if err != nil {
		return nil, err
	}
	g, err := s.deps.Auth.ChangeGroup(requestContext(ctx), exchangeOf(ctx).principal, r.ID, auth.GroupChange{Note: r.Body.Note, Version: version})
	if err != nil {
		return nil, err
	}
	return gen.ChangeGroup200JSONResponse{Body: groupDTO(g), Headers: gen.ChangeGroup200ResponseHeaders{ETag: etag(g.Version)}}, nil
}

// DeleteGroup deletes a group; its name stays taken.
func (s *Server) DeleteGroup(ctx context.Context, r gen.DeleteGroupRequestObject) (gen.DeleteGroupResponseObject, error) {
	version, err := s.ifMatch(ctx, r.Params.IfMatch, false, s.versionOfGroup(ctx, r.ID))
	if err != nil {
		return nil, err
	}
	if err := s.deps.Auth.DeleteGroup(requestContext(ctx), exchangeOf(ctx).principal, r.ID, version); err != nil {
		return nil, err
	}
	return gen.DeleteGroup204Response{}, nil
}

func (s *Server) versionOfGroup(ctx context.Context, id string) func() (int64, error) {
	return func() (int64, error) {
		g, err := s.deps.Auth.GetGroup(requestContext(ctx), exchangeOf(ctx).principal, id)
		return g.Version, err
	}
}

// AddMember puts a user into a group.
func (s *Server) AddMember(ctx context.Context, r gen.AddMemberRequestObject) (gen.AddMemberResponseObject, error) {
	if err := s.deps.Auth.SetMember(requestContext(ctx), exchangeOf(ctx).principal, r.ID, r.User, true); err != nil {
		return nil, err
	}
	return gen.AddMember204Response{}, nil
}

// RemoveMember takes a user out of a group.
func (s *Server) RemoveMember(ctx context.Context, r gen.RemoveMemberRequestObject) (gen.RemoveMemberResponseObject, error) {
	if err := s.deps.Auth.SetMember(requestContext(ctx), exchangeOf(ctx).principal, r.ID, r.User, false); err != nil {
		return nil, err
	}
	return gen.RemoveMember204Response{}, nil
}

func groupDTO(g auth.Group) gen.Group {
	return gen.Group{
		ID: g.ID, Name: g.Name, Note: g.Note, Members: g.Members, Rules: g.Rules, CreatedAt: wire.At(g.CreatedAt), Version: g.Version,
	}
}

func groupRefDTO(g auth.GroupRef) gen.GroupRef { return gen.GroupRef{ID: g.ID, Name: g.Name} }
