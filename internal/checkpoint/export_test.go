package checkpoint

import "context"

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
