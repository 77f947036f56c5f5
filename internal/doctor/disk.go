package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What is left before it should be looked at, and before the server stops answering.
const (
	warnShare = 0.10
	failShare = 0.01
	failBytes = 1 << 30
)

// kinds names the file systems that make a difference, by what the kernel calls them.
func kinds() map[int64]string {
	return map[int64]string{
		unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS",
		unix.V9FS_MAGIC: "9p", unix.FUSE_SUPER_MAGIC: "FUSE", unix.CEPH_SUPER_MAGIC: "Ceph", unix.AFS_SUPER_MAGIC: "AFS",
		unix.CODA_SUPER_MAGIC: "Coda", unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	}
}

// disk asks the file system without writing to it.
func (d *doctor) disk(context.Context) {
	const name = "disk"
	at := existing(d.o.Data)
	var s unix.Statfs_t
	if err := unix.Statfs(at, &s); err != nil {
		d.fail(name, "the file system of the data folder cannot be asked: "+err.Error(), "look whether it is mounted").as("disk_unknown", "error", err.Error())
		return
	}
	share, free := 1.0, s.Bavail*uint64(s.Bsize)
	if s.Blocks > 0 { // some file systems have no size
		share = float64(s.Bavail) / float64(s.Blocks)
	}
	d.room(name, share, free)
	if s.Files > 0 && float64(s.Ffree)/float64(s.Files) < failShare {
		d.fail(name, "the file system has hardly any inodes left", "remove small files from it").as("disk_inodes")
	}
	if s.Flags&unix.ST_RDONLY != 0 {
		d.fail(name, "the file system is mounted read-only", "mount it for writing; the kernel does this itself after an error on the disk: read its log").as("disk_readonly")
	} else if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
		d.fail(name, "this user cannot write to "+at, "run guardhouse as the folder's owner").as("disk_unwritable", "path", at)
	}
	switch kind := kinds()[int64(s.Type)]; kind { //nolint:unconvert // the width differs between machines
	case "":
	case "tmpfs", "ramfs":
		d.warn(name, "the data folder is in memory ("+kind+"): all of it is gone after a restart", "put --data on a disk").as("disk_memory")
	case "overlay":
		d.warn(name, "the data folder is in a container's own layer: it goes when the container goes", "mount a volume there").as("disk_layer")
	default:
		d.warn(name, "the data folder is on "+kind+": its locks and syncs may not be what SQLite needs, and a row may be lost or the database damaged", "put --data on a local disk").as("disk_remote", "kind", kind)
	}
}

func (d *doctor) room(name string, share float64, free uint64) {
	percent := int64(share*100 + 0.5)
	left := fmt.Sprintf("%.0f %% (%s) is free", share*100, bytesText(free))
	const do = "make room: audit rows are kept for ever, and without room for one the server answers nothing"
	switch {
	case share < failShare && free < failBytes:
		d.fail(name, left, do).as("disk_full", "percent", percent, "bytes", whole(free))
	case share < warnShare && free < 10*failBytes:
		d.warn(name, left, do).as("disk_low", "percent", percent, "bytes", whole(free))
	default:
		d.ok(name, left).as("disk", "percent", percent, "bytes", whole(free))
	}
}

// existing answers path, or the nearest folder above it that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// whole answers a number of bytes as one that JSON readers take.
func whole(n uint64) int64 { return int64(min(n, 1<<62)) }

func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
