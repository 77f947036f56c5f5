package policy

import (
	"context"
	"time"
)

// Sight is what looks at acl.file saw.
type Sight = sight

// Poll looks at the file once.
func (s *Service) Poll(ctx context.Context, last Sight) Sight { return s.poll(ctx, last) }

// Wait has the start wait by f.
func (s *Service) Wait(f func(ctx context.Context, d time.Duration) error) { s.pause = f }

// How long a file has to stand still.
const (
	StillEnded = stillEnded
	StillOpen  = stillOpen
)
