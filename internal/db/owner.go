package db

import (
	"fmt"
	"os"
	"syscall"

	"guardhouse/internal/fault"
)

// MatchOwner gives a file or folder that root made in somebody's data folder to the owner of like: a command that was run with
// sudo must not lock the server out of its own folder. Links are not followed. For everybody but root it does nothing.
func MatchOwner(path, like string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Lstat(like)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the owner of the data folder cannot be asked")
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		return fault.Wrap(fmt.Errorf("changing the owner: %w", err), fault.Internal, "a file in the data folder cannot be given to the folder's owner")
	}
	return nil
}
