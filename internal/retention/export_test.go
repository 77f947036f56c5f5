package retention

import "context"

// Turn is one turn of Watch.
func (s *Service) Turn(ctx context.Context) error { return s.turn(ctx) }

// BeginWith has batches begin with so many rows, so that a test can end one in the middle of a few.
func (s *Service) BeginWith(rows int64) { s.batch = rows }
