package httpapi

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/review"
)

// ListAccessReviews answers the reviews that the caller sees.
func (s *Server) ListAccessReviews(ctx context.Context, r gen.ListAccessReviewsRequestObject) (gen.ListAccessReviewsResponseObject, error) {
	if err := s.mayRead(ctx, access.SessionOwn); err != nil {
		return nil, err
	}
	page, err := s.deps.Reviews.List(requestContext(ctx), exchangeOf(ctx).principal, review.Filter{
		Status: review.Status(value(r.Params.Status)), Limit: limitOf(r.Params.Limit), Cursor: value(r.Params.Cursor),
	})
	if err != nil {
		return nil, err
	}
	return gen.ListAccessReviews200JSONResponse{Items: each(page.Items, reviewDTO), NextCursor: orNil(page.NextCursor)}, nil
}

// CreateAccessReview begins a review.
func (s *Server) CreateAccessReview(ctx context.Context, r gen.CreateAccessReviewRequestObject) (gen.CreateAccessReviewResponseObject, error) {
	made, err := s.deps.Reviews.Begin(requestContext(ctx), exchangeOf(ctx).principal, review.Draft{
		Title: r.Body.Title, DueAt: r.Body.DueAt, Rules: value(r.Body.Rules),
	})
	if err != nil {
		return nil, err
	}
	return gen.CreateAccessReview201JSONResponse{
		Body: reviewDTO(made), Headers: gen.CreateAccessReview201ResponseHeaders{Location: "/api/v1/access/reviews/" + made.ID},
	}, nil
}

// GetAccessReview answers a review and its rules.
func (s *Server) GetAccessReview(ctx context.Context, r gen.GetAccessReviewRequestObject) (gen.GetAccessReviewResponseObject, error) {
	if err := s.mayRead(ctx, access.SessionOwn); err != nil {
		return nil, err
	}
	d, err := s.deps.Reviews.Get(requestContext(ctx), exchangeOf(ctx).principal, r.ID, review.ItemFilter{
		Decision: review.Decision(value(r.Params.Decision)), Limit: limitOf(r.Params.Limit), Cursor: value(r.Params.Cursor),
	})
	if err != nil {
		return nil, err
	}
	out := gen.GetAccessReview200JSONResponse{Review: reviewDTO(d.Review), Items: []gen.AccessReviewItem{}, NextCursor: orNil(d.NextCursor)}
	for _, it := range d.Items {
		item, err := reviewItemDTO(it)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// DecideAccessReviewItem keeps a rule or has it removed.
func (s *Server) DecideAccessReviewItem(ctx context.Context, r gen.DecideAccessReviewItemRequestObject) (gen.DecideAccessReviewItemResponseObject, error) {
	it, err := s.deps.Reviews.Decide(requestContext(ctx), exchangeOf(ctx).principal, r.ID, r.Rule, review.Verdict{
		Remove: string(r.Body.Decision) == "remove", Note: value(r.Body.Note), Fingerprint: value(r.Body.Fingerprint),
	})
	if err != nil {
		return nil, err
	}
	item, err := reviewItemDTO(it)
	return gen.DecideAccessReviewItem200JSONResponse(item), err
}

// CloseAccessReview ends a review.
func (s *Server) CloseAccessReview(ctx context.Context, r gen.CloseAccessReviewRequestObject) (gen.CloseAccessReviewResponseObject, error) {
	done, err := s.deps.Reviews.Close(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.CloseAccessReview200JSONResponse(reviewDTO(done)), nil
}

func reviewDTO(r review.Review) gen.AccessReview {
	return gen.AccessReview{
		ID: r.ID, Title: r.Title, Rules: orEmpty(r.Rules), Status: gen.AccessReviewStatus(r.Status), DueAt: wire.At(r.DueAt),
		CreatedAt: wire.At(r.CreatedAt), CreatedBy: r.CreatedBy, ClosedAt: wire.Maybe(r.ClosedAt), ClosedBy: orNil(r.ClosedBy),
		Counts: gen.AccessReviewCounts{
			Open: r.Counts[review.Undecided], Kept: r.Counts[review.Kept], Asked: r.Counts[review.Asked], Removed: r.Counts[review.Removed],
		},
	}
}

func reviewItemDTO(it review.Item) (gen.AccessReviewItem, error) {
	text, err := it.Rule.JSON()
	if err != nil {
		return gen.AccessReviewItem{}, err
	}
	out := gen.AccessReviewItem{
		RuleID: it.RuleID, Mine: it.Mine, Decision: gen.AccessReviewDecision(it.Decision), DecidedAt: wire.Maybe(it.DecidedAt),
		DecidedBy: orNil(it.DecidedBy), Note: it.Note, Rule: text, Now: gen.AccessReviewItemNow(it.Now), Fingerprint: orNil(it.Fingerprint),
	}
	if it.Owner != "" {
		owner := "user:" + it.Owner
		out.Owner = &owner
	}
	return out, nil
}
