package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardhouse/internal/checkpoint"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/verify"
)

const (
	// keyFor is how long one key should sign: a year, and some days to get round to it.
	keyFor = 380 * 24 * time.Hour
	// copiedWithin is how long a checkpoint may be under way to the anchor.
	copiedWithin = time.Minute
)

// anchor says whether somebody outside could tell a rebuilt or restored log from the true one.
func (d *doctor) anchor(ctx context.Context, look *db.DB) {
	const name = "audit log"
	last, err := checkpoint.ReadLast(ctx, look)
	keys, keysErr := checkpoint.ReadKeys(ctx, look)
	if err := errors.Join(err, keysErr); err != nil {
		d.warn(name, "its checkpoints cannot be read: "+said(err), "guardhouse audit verify says more").as("audit_checkpoints_unread", "error", said(err)).run(d.guardhouse("audit verify"))
		return
	}
	d.signingKey(keys)
	dir := checkpoint.AnchorDir(d.o.Data, d.o.Anchor)
	switch c := d.standing(ctx); {
	case d.o.Anchor != "" && c.err != nil:
		d.fail(name, dir+", the folder of copies of checkpoints, cannot be read: "+said(c.err), "mount it, and let the service write there").as("audit_anchor_failing", "path", dir, "error", said(c.err))
	case !c.outside:
		d.warn(name, "nothing outside this machine keeps copies of its checkpoints: a rebuilt or restored log could not be told from the true one",
			"set audit.anchor to a folder on another disk or mount, or send the log on").as("audit_unanchored")
	case c.number < last.Number && d.o.Now().Sub(last.At) > copiedWithin:
		d.warn(name, fmt.Sprintf("%s lacks the last %s", dir, count(uint64(last.Number-c.number), "checkpoint")), "let the service write there; it makes up for them").as("audit_anchor_behind", "path", dir, "count", last.Number-c.number)
	}
}

// copied is how the folder of copies stands: whether it lies outside, its newest checkpoint, and why it cannot be read.
type copied struct {
	outside bool
	number  int64
	err     error
}

// standing asks the folder once: one that does not answer costs its patience each time.
func (d *doctor) standing(ctx context.Context) copied {
	if d.copied != nil {
		return *d.copied
	}
	d.copied = &copied{}
	if d.o.AnchorSilent {
		d.copied.err = fault.New(fault.Unprocessable, "it does not answer")
		return *d.copied
	}
	if d.copied.outside, d.copied.err = checkpoint.Outside(ctx, d.o.Data, d.o.Anchor); d.copied.err == nil {
		d.copied.number, d.copied.err = checkpoint.Copied(ctx, checkpoint.AnchorDir(d.o.Data, d.o.Anchor))
	}
	return *d.copied
}

// copies answers the folder that the log is held against: one outside that can be read. Of any other anchor speaks.
func (d *doctor) copies(ctx context.Context) verify.Options {
	if c := d.standing(ctx); c.err != nil || !c.outside {
		return verify.Options{}
	}
	return verify.Options{Anchor: checkpoint.AnchorDir(d.o.Data, d.o.Anchor), Outside: true}
}

// signingKey looks at the key in use.
func (d *doctor) signingKey(keys []checkpoint.KeyRow) {
	const name = "audit log"
	if len(keys) == 0 {
		return
	}
	k := keys[len(keys)-1]
	if k.N > 1 && k.Previous == "" {
		d.warn(name, "its key was lost: nothing vouches for the one that signs since "+k.At.Format(time.DateOnly), "find out how; give guardhouse audit key to whoever checks the log").
			as("audit_key_lost", "at", k.At.Format(time.DateOnly)).run(d.guardhouse("audit key"))
	}
	if age := d.o.Now().Sub(k.At); age > keyFor {
		d.warn(name, fmt.Sprintf("its key signs for %d days", int64(age/(24*time.Hour))), "change it once a year").as("audit_key_old", "days", int64(age/(24*time.Hour))).run(d.guardhouse("audit key rotate"))
	}
}
