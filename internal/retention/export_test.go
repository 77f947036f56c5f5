package retention

// BeginWith has batches begin with so many rows, so that a test can end one in the middle of a few.
func (s *Service) BeginWith(rows int64) { s.batch = rows }
