package httpapi

import (
	"context"
	"net/url"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListRoles answers the matrix: every role with every cell, and the actions in the order of the matrix.
func (s *Server) ListRoles(ctx context.Context, _ gen.ListRolesRequestObject) (gen.ListRolesResponseObject, error) {
	list, err := s.deps.Guard.Roles(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	return gen.ListRoles200JSONResponse{Items: each(list, roleDTO), Actions: each(access.AllActions(), grouped)}, nil
}

// GetRole answers one role.
func (s *Server) GetRole(ctx context.Context, r gen.GetRoleRequestObject) (gen.GetRoleResponseObject, error) {
	role, err := s.deps.Guard.Role(requestContext(ctx), exchangeOf(ctx).principal, r.Role)
	if err != nil {
		return nil, err
	}
	return gen.GetRole200JSONResponse{Body: roleDTO(role), Headers: gen.GetRole200ResponseHeaders{ETag: etag(role.Version)}}, nil
}

// PutRole makes a role or replaces what it may do.
func (s *Server) PutRole(ctx context.Context, r gen.PutRoleRequestObject) (gen.PutRoleResponseObject, error) {
	change, err := s.roleChange(ctx, r)
	if err != nil {
		return nil, err
	}
	role, created, err := s.deps.Guard.PutRole(requestContext(ctx), exchangeOf(ctx).principal, r.Role, change)
	if change.Create && fault.CodeOf(err) == fault.Conflict {
		err = fault.Wrap(err, fault.Stale, "There is a role of that name already.")
	}
	switch {
	case err != nil:
		return nil, err
	case created:
		return gen.PutRole201JSONResponse{Body: roleDTO(role), Headers: gen.PutRole201ResponseHeaders{
			Location: "/api/v1/roles/" + url.PathEscape(role.Name), ETag: etag(role.Version),
		}}, nil
	}
	return gen.PutRole200JSONResponse{Body: roleDTO(role), Headers: gen.PutRole200ResponseHeaders{ETag: etag(role.Version)}}, nil
}

// roleChange answers what the request asks for. With If-Match nothing is made: a role that is not there has no version.
func (s *Server) roleChange(ctx context.Context, r gen.PutRoleRequestObject) (access.RoleChange, error) {
	change := access.RoleChange{Description: r.Body.Description, Create: r.Params.IfNoneMatch != nil, Actions: []access.Action{}}
	for _, a := range r.Body.Actions {
		change.Actions = append(change.Actions, access.Action(a))
	}
	if r.Params.IfMatch != nil && change.Create {
		return change, s.refused(ctx, fault.New(fault.Invalid, "If-Match and If-None-Match exclude one another.").WithField("If-None-Match"))
	}
	var err error
	change.Version, err = s.ifMatch(ctx, r.Params.IfMatch, true, s.versionOfRole(ctx, r.Role))
	return change, err
}

// DeleteRole deletes a role that was not shipped and that nobody has.
func (s *Server) DeleteRole(ctx context.Context, r gen.DeleteRoleRequestObject) (gen.DeleteRoleResponseObject, error) {
	version, err := s.ifMatch(ctx, r.Params.IfMatch, false, s.versionOfRole(ctx, r.Role))
	if err != nil {
		return nil, err
	}
	if err := s.deps.Guard.DeleteRole(requestContext(ctx), exchangeOf(ctx).principal, r.Role, version); err != nil {
		return nil, err
	}
	return gen.DeleteRole204Response{}, nil
}

func (s *Server) versionOfRole(ctx context.Context, name string) func() (int64, error) {
	return func() (int64, error) {
		role, err := s.deps.Guard.Role(requestContext(ctx), exchangeOf(ctx).principal, name)
		return role.Version, err
	}
}

func roleDTO(r access.Role) gen.Role {
	return gen.Role{
		Name: r.Name, Description: r.Description, Builtin: r.Builtin, Actions: each(r.Actions, actionName), Users: r.Users,
		Version: r.Version, CreatedAt: wire.At(r.CreatedAt), UpdatedAt: wire.At(r.UpdatedAt), Cells: each(r.Cells, cellDTO),
	}
}

func cellDTO(c access.Cell) gen.RoleCell {
	return gen.RoleCell{
		Action: string(c.Action), Allowed: c.Allowed, Keeps: c.Keeps, Source: gen.CellSource(c.Source), ChangedAt: wire.Maybe(c.ChangedAt),
		ChangedBy: orNil(c.ChangedBy), EventID: orNil(c.EventID),
	}
}

func actionName(a access.Action) string { return string(a) }

// grouped answers an action with the rows of the matrix that it stands among.
func grouped(a access.Action) gen.ActionOfGroup {
	group, _, _ := strings.Cut(string(a), ".")
	return gen.ActionOfGroup{Action: string(a), Group: group}
}
