package policy

import (
	"context"
	"io/fs"
	"time"
)

// Sight is what looks at acl.file saw.
type Sight = sight

// Poll looks at the file once.
func (s *Service) Poll(ctx context.Context, last Sight) Sight { return s.poll(ctx, last) }

// Wait has the start wait by f.
func (s *Service) Wait(f func(ctx context.Context, d time.Duration) error) { s.pause = f }

// Writers says who may write a file of that mode and account that should not, where a server runs as us.
func Writers(mode fs.FileMode, uid, gid, usUID, usGID uint32) string {
	return writers(mode, account{uid, gid}, account{usUID, usGID})
}

// How long a file has to stand still.
const (
	StillEnded = stillEnded
	StillOpen  = stillOpen
)
