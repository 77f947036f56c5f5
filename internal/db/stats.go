package db

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/tally"
)

// Stats is how the writer has been doing since it was opened.
type Stats struct {
	Seconds   tally.Distribution // per transaction, its sync to the disk included
	GroupSize tally.Distribution // writes that shared one transaction
	Failed    uint64             // transactions that could not be made durable
	Waiting   int                // writes that wait now
}

// Usage is what the database takes on the disk and what the disk has left.
type Usage struct {
	DatabaseBytes, WALBytes int64
	FreeBytes               uint64
	FreeShare               float64
}

// counts are the writer's own, read by others.
type counts struct {
	seconds, groups *tally.Histogram
	failed          atomic.Uint64
}

func newCounts() *counts {
	return &counts{
		// From a disk with a cache of its own to one that is about to fail.
		seconds: tally.NewHistogram(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10),
		groups:  tally.NewHistogram(1, 2, 4, 8, 16, 32, groupMax),
	}
}

// Stats answers how the writer is doing.
func (d *DB) Stats() Stats {
	if d.writer == nil {
		return Stats{}
	}
	d.writer.mu.Lock()
	waiting := len(d.writer.queue)
	d.writer.mu.Unlock()
	c := d.writer.counts
	return Stats{Seconds: c.seconds.Snapshot(), GroupSize: c.groups.Snapshot(), Failed: c.failed.Load(), Waiting: waiting}
}

// Now answers the clock that transactions are stamped by.
func (d *DB) Now() time.Time {
	if d.writer == nil {
		return systemNow()
	}
	return d.writer.now()
}

// CommitsFailed answers how many transactions could not be made durable since the database was opened.
func (d *DB) CommitsFailed() uint64 {
	if d.writer == nil {
		return 0
	}
	return d.writer.counts.failed.Load()
}

// Usage answers the sizes of the database's files and the room that is left. A write-ahead log that is not there has no size.
func (d *DB) Usage() (Usage, error) {
	var u Usage
	for _, f := range []struct {
		name string
		size *int64
	}{{d.path, &u.DatabaseBytes}, {d.path + "-wal", &u.WALBytes}} {
		info, err := os.Stat(f.name)
		switch {
		case err == nil:
			*f.size = info.Size()
		case !errors.Is(err, fs.ErrNotExist):
			return Usage{}, fault.Wrap(err, fault.Internal, "the database's files cannot be examined")
		}
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.path, &s); err != nil {
		return Usage{}, fault.Wrap(err, fault.Internal, "the file system cannot be asked for its free space")
	}
	u.FreeShare, u.FreeBytes = 1, s.Bavail*uint64(s.Bsize)
	if s.Blocks > 0 { // some file systems have no size
		u.FreeShare = float64(s.Bavail) / float64(s.Blocks)
	}
	return u, nil
}
