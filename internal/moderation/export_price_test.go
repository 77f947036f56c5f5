package moderation

import (
	"context"
	"errors"
	"strconv"
)

// Pricing has as many large requests being cut as there may be, until release is called.
func (s *Service) Pricing(ctx context.Context) (release func(), err error) {
	var all []func()
	for i := range pricing {
		done, failed := s.pricing.Take(ctx, strconv.Itoa(i))
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		all = append(all, done)
	}
	return func() {
		for _, done := range all {
			done()
		}
	}, err
}

// Measuring has one large request of an account being cut, until release is called.
func (s *Service) Measuring(ctx context.Context, account string) (release func(), err error) {
	return s.pricing.Take(ctx, account)
}
