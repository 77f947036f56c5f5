package httpapi

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/request"
	"guardhouse/internal/rule"
)

// ListAccessRequests answers the caller's requests, or everybody's.
func (s *Server) ListAccessRequests(ctx context.Context, r gen.ListAccessRequestsRequestObject) (gen.ListAccessRequestsResponseObject, error) {
	if err := s.mayRead(ctx, access.SessionOwn); err != nil {
		return nil, err
	}
	page, err := s.deps.Requests.List(requestContext(ctx), exchangeOf(ctx).principal, request.Filter{
		Mine: value(r.Params.Mine), Status: request.Status(value(r.Params.Status)), Limit: limitOf(r.Params.Limit), Cursor: value(r.Params.Cursor),
	})
	if err != nil {
		return nil, err
	}
	return gen.ListAccessRequests200JSONResponse{Items: each(page.Items, accessRequestDTO), NextCursor: orNil(page.NextCursor)}, nil
}

// CreateAccessRequest keeps what the caller asks for.
func (s *Server) CreateAccessRequest(ctx context.Context, r gen.CreateAccessRequestRequestObject) (gen.CreateAccessRequestResponseObject, error) {
	wish := request.Wish{Model: r.Body.Model, Purpose: r.Body.Purpose, Until: r.Body.Until}
	for _, o := range value(r.Body.Operations) {
		wish.Operations = append(wish.Operations, rule.Operation(o))
	}
	made, err := s.deps.Requests.Submit(requestContext(ctx), exchangeOf(ctx).principal, wish)
	if err != nil {
		return nil, err
	}
	return gen.CreateAccessRequest201JSONResponse{
		Body: accessRequestDTO(made), Headers: gen.CreateAccessRequest201ResponseHeaders{Location: "/api/v1/access/requests/" + made.ID},
	}, nil
}

// GetAccessRequest answers one request.
func (s *Server) GetAccessRequest(ctx context.Context, r gen.GetAccessRequestRequestObject) (gen.GetAccessRequestResponseObject, error) {
	if err := s.mayRead(ctx, access.SessionOwn); err != nil {
		return nil, err
	}
	found, err := s.deps.Requests.Get(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetAccessRequest200JSONResponse(accessRequestDTO(found)), nil
}

// ApproveAccessRequest grants a request.
func (s *Server) ApproveAccessRequest(ctx context.Context, r gen.ApproveAccessRequestRequestObject) (gen.ApproveAccessRequestResponseObject, error) {
	done, err := s.deps.Requests.Approve(requestContext(ctx), exchangeOf(ctx).principal, r.ID, request.Approval{
		Reason: value(r.Body.Reason), Until: value(r.Body.Until),
	})
	if err != nil {
		return nil, err
	}
	return gen.ApproveAccessRequest200JSONResponse(accessRequestDTO(done)), nil
}

// DeclineAccessRequest refuses a request.
func (s *Server) DeclineAccessRequest(ctx context.Context, r gen.DeclineAccessRequestRequestObject) (gen.DeclineAccessRequestResponseObject, error) {
	done, err := s.deps.Requests.Decline(requestContext(ctx), exchangeOf(ctx).principal, r.ID, r.Body.Reason)
	if err != nil {
		return nil, err
	}
	return gen.DeclineAccessRequest200JSONResponse(accessRequestDTO(done)), nil
}

// WithdrawAccessRequest takes one's own request back.
func (s *Server) WithdrawAccessRequest(ctx context.Context, r gen.WithdrawAccessRequestRequestObject) (gen.WithdrawAccessRequestResponseObject, error) {
	reason := value(value(r.Body).Reason)
	done, err := s.deps.Requests.Withdraw(requestContext(ctx), exchangeOf(ctx).principal, r.ID, reason)
	if err != nil {
		return nil, err
	}
	return gen.WithdrawAccessRequest200JSONResponse(accessRequestDTO(done)), nil
}

func accessRequestDTO(r request.Request) gen.AccessRequest {
	return gen.AccessRequest{
		ID: r.ID, UserID: r.UserID, Username: r.Username, DisplayName: r.DisplayName, Model: r.Model, Purpose: r.Purpose, Reason: r.Reason,
		Operations: each(r.Operations, func(o rule.Operation) gen.Operation { return gen.Operation(o) }), Until: wire.At(r.Until),
		Status: gen.AccessRequestStatus(r.Status), CreatedAt: wire.At(r.CreatedAt), DecidedAt: wire.Maybe(r.DecidedAt),
		DecidedBy: orNil(r.DecidedBy), RuleID: orNil(r.RuleID), ModelKnown: r.Known,
	}
}
