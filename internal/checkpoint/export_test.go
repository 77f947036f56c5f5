package checkpoint

import "context"

// WhyOf answers the reason in an error.
func WhyOf(err error) string { return whyOf(err) }

// Answered waits for ask as for the folder of copies.
func Answered(ctx context.Context, ask func() (bool, error)) (bool, error) { return answered(ctx, ask) }

// Copying says whether a copy is under way.
func (s *Service) Copying() bool {
	s.anchor.mu.Lock()
	defer s.anchor.mu.Unlock()
	return s.anchor.ended != nil
}

// Search looks through the folder of copies, as Run does once.
func (s *Service) Search(ctx context.Context) { s.search(ctx) }

// Look is one turn of Run.
func (s *Service) Look(ctx context.Context) { s.look(ctx) }

// WaitForCopy returns when no copy is under way.
func (s *Service) WaitForCopy() {
	s.anchor.mu.Lock()
	ended := s.anchor.ended
	s.anchor.mu.Unlock()
	if ended != nil {
		<-ended
	}
}
