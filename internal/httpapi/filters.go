package httpapi

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/filters"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// pageAction is what the page needs whose filters are kept.
func pageAction(p gen.FilterPage) access.Action {
	if p == gen.History {
		return access.ModerationRead
	}
	return access.AuditRead
}

// ListFilters answers the caller's own.
func (s *Server) ListFilters(ctx context.Context, r gen.ListFiltersRequestObject) (gen.ListFiltersResponseObject, error) {
	if err := s.mayRead(ctx, access.SessionOwn); err != nil {
		return nil, err
	}
	list, err := s.deps.Filters.List(requestContext(ctx), exchangeOf(ctx).principal.UserID, string(value(r.Params.Page)))
	if err != nil {
		return nil, err
	}
	return gen.ListFilters200JSONResponse{Items: each(list, filterDTO)}, nil
}

// SaveFilter keeps one for a page that the caller may open.
func (s *Server) SaveFilter(ctx context.Context, r gen.SaveFilterRequestObject) (gen.SaveFilterResponseObject, error) {
	for _, a := range []access.Action{access.SessionOwn, pageAction(r.Body.Page)} {
		if err := s.mayRead(ctx, a); err != nil {
			return nil, err
		}
	}
	f, err := s.deps.Filters.Save(exchangeOf(ctx).principal.UserID, filters.New{
		Page: string(r.Body.Page), Name: r.Body.Name, Query: r.Body.Query,
	})
	if err != nil {
		return nil, err
	}
	return gen.SaveFilter201JSONResponse{
		Body: filterDTO(f), Headers: gen.SaveFilter201ResponseHeaders{Location: "/api/v1/filters/" + f.ID},
	}, nil
}

// DeleteFilter forgets one of the caller's own.
func (s *Server) DeleteFilter(ctx context.Context, r gen.DeleteFilterRequestObject) (gen.DeleteFilterResponseObject, error) {
	if err := s.mayRead(ctx, access.SessionOwn); err != nil {
		return nil, err
	}
	if err := s.deps.Filters.Delete(exchangeOf(ctx).principal.UserID, r.ID); err != nil {
		return nil, err
	}
	return gen.DeleteFilter204Response{}, nil
}

func filterDTO(f filters.Filter) gen.SavedFilter {
	return gen.SavedFilter{ID: f.ID, Page: gen.FilterPage(f.Page), Name: f.Name, Query: f.Query, CreatedAt: wire.At(f.CreatedAt)}
}
