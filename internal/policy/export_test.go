package policy

import "context"

// Stamp is what a look at acl.file saw.
type Stamp = stamp

// Poll looks at the file once.
func (s *Service) Poll(ctx context.Context, last Stamp) Stamp { return s.poll(ctx, last) }
