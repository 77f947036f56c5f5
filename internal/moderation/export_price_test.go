package moderation

// Pricing has as many large requests being cut as there may be, until release is called.
func (s *Service) Pricing() (release func()) {
	for range pricing {
		s.pricing <- struct{}{}
	}
	return func() {
		for range pricing {
			<-s.pricing
		}
	}
}
