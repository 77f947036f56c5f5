package policy

import (
	"cmp"
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

// Writers says who owns or may write a file of that mode and account that should not, where a server runs as us.
func Writers(mode fs.FileMode, uid, gid, usUID uint32, usGIDs ...uint32) string {
	p, us := place{"it", mode, uid, gid}, account{usUID, usGIDs}
	return cmp.Or(p.stranger(us), p.writers(us))
}

// Reach goes to a file as the server does, where readOnly says which folders its mounts keep it from writing.
func Reach(path string, readOnly func(folder string) bool) error {
	_, err := reach(path, ourselves(), readOnly)
	return err
}

// Serving answers the account by which the file of a server of that folder is judged.
func Serving(data string) (uid uint32, gids []uint32) {
	us := serving(data)
	return us.uid, us.gids
}

// How long a file has to stand still.
const (
	StillEnded = stillEnded
	StillOpen  = stillOpen
)
