package httpapi

import (
	"context"
	"strconv"
	"time"

	"guardhouse/internal/auth"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// RotateKey makes a key in the place of another and answers its secret, this once.
func (s *Server) RotateKey(ctx context.Context, r gen.RotateKeyRequestObject) (gen.RotateKeyResponseObject, error) {
	wish := auth.KeyRotation{ValidUntil: moment(r.Body.ValidUntil)}
	if r.Body.Overlap != nil {
		d, err := span(*r.Body.Overlap)
		if err != nil {
			return nil, s.refused(ctx, err)
		}
		wish.Overlap = &d
	}
	idem := idempotency(ctx, r.Params.IdempotencyKey, "/api/v1/keys/"+r.ID+"/rotate")
	k, secret, err := s.deps.Auth.RotateKey(requestContext(ctx), exchangeOf(ctx).principal, r.ID, wish, idem)
	if err != nil {
		return nil, err
	}
	return gen.RotateKey201JSONResponse{
		Body: createdKey(k, secret), Headers: gen.RotateKey201ResponseHeaders{Location: "/api/v1/keys/" + k.ID},
	}, nil
}

// RevokeUserKeys ends all keys of a user.
func (s *Server) RevokeUserKeys(ctx context.Context, r gen.RevokeUserKeysRequestObject) (gen.RevokeUserKeysResponseObject, error) {
	if _, err := s.deps.Auth.RevokeKeysOf(requestContext(ctx), exchangeOf(ctx).principal, r.ID); err != nil {
		return nil, err
	}
	return gen.RevokeUserKeys204Response{}, nil
}

// span reads the document's overlap: a whole number and s, m, h or d.
func span(text string) (time.Duration, error) {
	refused := fault.New(fault.Invalid, "overlap is a whole number and s, m, h or d, such as 24h.").WithField("overlap")
	if len(text) < 2 {
		return 0, refused
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 24)
	if err != nil {
		return 0, refused
	}
	unit, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[text[len(text)-1]]
	if !ok {
		return 0, refused
	}
	if n > uint64(maxSpan/unit) {
		n = uint64(maxSpan/unit) + 1 // more than any overlap may be, and no overflow
	}
	return time.Duration(n) * unit, nil
}

// maxSpan is beyond what the service takes for an overlap.
const maxSpan = 365 * 24 * time.Hour
