package httpapi

import (
	"context"
	"time"

	"guardhouse/internal/auth"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListKeys answers a page of keys, none with its secret.
func (s *Server) ListKeys(ctx context.Context, r gen.ListKeysRequestObject) (gen.ListKeysResponseObject, error) {
	page, err := s.deps.Auth.ListKeysOf(requestContext(ctx), exchangeOf(ctx).principal, value(r.Params.UserID), limitOf(r.Params.Limit), value(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListKeys200JSONResponse{Items: each(page.Items, keyDTO), NextCursor: orNil(page.NextCursor)}, nil
}

// CreateKey makes a key and answers its secret, this once.
func (s *Server) CreateKey(ctx context.Context, r gen.CreateKeyRequestObject) (gen.CreateKeyResponseObject, error) {
	b := r.Body
	n := auth.NewKey{Label: b.Label, Models: value(b.Models), IPRanges: value(b.IPRanges), RateLimit: value(b.RateLimit), UserID: value(b.UserID), ValidUntil: moment(b.ValidUntil)}
	for _, o := range value(b.Operations) {
		n.Operations = append(n.Operations, string(o))
	}
	k, secret, err := s.deps.Auth.CreateKey(requestContext(ctx), exchangeOf(ctx).principal, n, idempotency(ctx, r.Params.IdempotencyKey, "/api/v1/keys"))
	if err != nil {
		return nil, err
	}
	return gen.CreateKey201JSONResponse{
		Body: createdKey(k, secret), Headers: gen.CreateKey201ResponseHeaders{Location: "/api/v1/keys/" + k.ID},
	}, nil
}

func idempotency(ctx context.Context, key *string, path string) *auth.Idempotency {
	if key == nil {
		return nil
	}
	return &auth.Idempotency{Key: *key, Route: "POST " + path, Body: exchangeOf(ctx).raw}
}

// RevokeKey ends a key.
func (s *Server) RevokeKey(ctx context.Context, r gen.RevokeKeyRequestObject) (gen.RevokeKeyResponseObject, error) {
	if err := s.deps.Auth.RevokeKey(requestContext(ctx), exchangeOf(ctx).principal, r.ID); err != nil {
		return nil, err
	}
	return gen.RevokeKey204Response{}, nil
}

// ConfirmKey lets a key work again that a restored backup switched off.
func (s *Server) ConfirmKey(ctx context.Context, r gen.ConfirmKeyRequestObject) (gen.ConfirmKeyResponseObject, error) {
	k, err := s.deps.Auth.ConfirmKey(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.ConfirmKey200JSONResponse(keyDTO(k)), nil
}

func keyDTO(k auth.Key) gen.Key {
	return gen.Key{
		ID: k.ID, Label: k.Label, Prefix: k.Prefix, UserID: k.UserID, Username: k.Username, Models: orEmpty(k.Models),
		Operations: orEmpty(k.Operations), ValidUntil: wire.Maybe(k.ValidUntil), LastUsedAt: wire.Maybe(k.LastUsedAt),
		LastUsedIP: k.LastUsedIP, CreatedAt: wire.At(k.CreatedAt), RevokedAt: wire.Maybe(k.RevokedAt),
		SuspendedAt: wire.Maybe(k.SuspendedAt), IPRanges: orEmpty(k.IPRanges), RateLimit: orNil(k.RateLimit), RotatedTo: orNil(k.RotatedTo),
		Expiring: k.Expiring, Unused: k.Unused,
	}
}

func createdKey(k auth.Key, secret string) gen.CreatedKey {
	return gen.CreatedKey{
		ID: k.ID, Label: k.Label, Key: secret, Prefix: k.Prefix, UserID: k.UserID, Username: k.Username,
		Models: orEmpty(k.Models), Operations: orEmpty(k.Operations), ValidUntil: wire.Maybe(k.ValidUntil), CreatedAt: wire.At(k.CreatedAt),
		IPRanges: orEmpty(k.IPRanges), RateLimit: orNil(k.RateLimit),
	}
}

func moment(t *wire.Time) *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}
