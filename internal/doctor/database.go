package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/verify"
)

// newestRows is how much of the chain is walked without --deep: a second's work.
const newestRows = 10_000

// copyMost is the largest database that is copied to be looked at after a crash.
const copyMost = 4 << 30

// database looks at the file, the chain in it and the models that it lists.
func (d *doctor) database(ctx context.Context) {
	const name = "database"
	path := filepath.Join(d.o.Data, databaseName)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.warn(name, "there is none yet", "give the right --data, or let the server make it on its first start").as("database_none")
		return
	case err != nil:
		d.fail(name, "cannot be examined: "+err.Error(), "run this as the service's user").as("database_unexamined", "error", err.Error())
		return
	case !info.Mode().IsRegular():
		d.fail(name, path+" is no plain file", "find out who put it there; restore a backup").as("database_no_file", "path", path)
		return
	}
	if !d.o.Running {
		d.journal(path) // before SQLite has it: closing a file beside SQLite drops its locks
	}
	look, done, err := d.open(ctx, path)
	if err != nil {
		if !d.tooLate(ctx, name) {
			d.fail(name, said(err), "restore a backup: guardhouse restore FILE --replace keeps this one aside").as("database_unreadable", "error", said(err))
		}
		return
	}
	defer done()
	if !d.examine(ctx, look, info.Size()) {
		return
	}
	d.stored(ctx, look)
	d.exports(ctx, look)
	d.chain(ctx, look)
	d.models(ctx, look)
	d.engine(ctx, look)
	d.worker(ctx, look)
}

// journal looks into the file's header, where the two bytes at 18 are 2 for a write-ahead log.
func (d *doctor) journal(path string) {
	header := make([]byte, 20)
	f, err := os.Open(path)
	if err != nil {
		return // opening it as a database says why
	}
	defer f.Close() //nolint:errcheck // read only
	if _, err := io.ReadFull(f, header); err == nil && string(header[:15]) == "SQLite format 3" && (header[18] != 2 || header[19] != 2) {
		d.warn("database", "is not in the journal mode that the server uses: another program has changed it", "let nothing but guardhouse open it; the server switches it back on its next start").as("database_journal")
	}
}

// said is an error's safe message, without the cause that only logs see.
func said(err error) string { return fault.From(err).Message }

// open answers the database without changing anything. A file that a process has open is read through its log; one at rest
// as it lies; one that a crash left with a log is copied first, because whoever opens it has to repair it.
func (d *doctor) open(ctx context.Context, path string) (_ *db.DB, done func(), err error) {
	if d.o.Running {
		return d.look(ctx, path, db.InUse, func() {})
	}
	log, err := os.Stat(path + "-wal")
	hasLog := err == nil && log.Size() > 0
	if d.inUse() {
		return d.look(ctx, path, db.InUse, func() {})
	}
	if !hasLog {
		return d.look(ctx, path, db.AtRest, func() {})
	}
	box, err := os.MkdirTemp(d.o.Temp, "guardhouse-doctor-") // 0700
	if err != nil {
		return nil, nil, fault.Wrap(err, fault.Internal, "a crash left a log beside the database, and there is no folder for a copy to look at")
	}
	remove := func() { _ = os.RemoveAll(box) } // a leftover in the temporary folder is 0700
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(filepath.Join(box, databaseName+suffix), path+suffix, cmp.Or(d.most, copyMost)); err != nil {
			remove()
			return nil, nil, fault.Wrap(err, fault.Internal, "a crash left a log beside the database, and it cannot be copied to be looked at")
		}
	}
	return d.look(ctx, filepath.Join(box, databaseName), db.InUse, remove)
}

func (d *doctor) look(ctx context.Context, path string, how db.Still, then func()) (*db.DB, func(), error) {
	look, err := db.Look(ctx, path, how)
	if err != nil {
		then()
		return nil, nil, err
	}
	return look, func() {
		_ = look.Close() // nothing was written
		then()
	}, nil
}

func copyFile(to, from string, most int64) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	n, err := io.Copy(out, io.LimitReader(in, most+1))
	if err == nil && n > most {
		return errors.New("the file is too large to copy")
	}
	return err
}

// examine says what the file is like and answers whether more can be asked of it.
func (d *doctor) examine(ctx context.Context, look *db.DB, size int64) bool {
	const name = "database"
	e, err := look.Examine(ctx)
	switch {
	case err != nil && d.tooLate(ctx, name):
		return false
	case err != nil:
		d.fail(name, said(err), "restore a backup: guardhouse restore FILE --replace keeps this one aside").as("database_unreadable", "error", said(err))
		return false
	case e.SchemaError != nil && fault.CodeOf(e.SchemaError) == fault.Conflict:
		d.fail(name, said(e.SchemaError), "use the newer guardhouse, or restore a backup made by this one").as("database_newer")
		return false
	case e.SchemaError != nil:
		d.fail(name, said(e.SchemaError), "somebody changed it: keep a copy for the investigation and restore a backup").as("database_foreign", "error", said(e.SchemaError))
		return false
	case e.Damage != "":
		d.fail(name, "is damaged: "+e.Damage, "look at the disk, keep a copy and restore a backup").as("database_damaged", "error", e.Damage)
		return false
	case e.Version < e.Known:
		d.warn(name, fmt.Sprintf("has version %d and this release has %d", e.Version, e.Known), "the server brings it there on its next start, and so does every other command, backup too: for a way back, copy the whole data folder first while nothing runs on it (guardhouse migrate --dry-run tries it on a copy)").as("database_older", "version", int64(e.Version), "known", int64(e.Known)).run(d.guardhouse("migrate --dry-run"))
		return false
	}
	d.ok(name, fmt.Sprintf("%s, version %d, schema and pages are sound", bytesText(uint64(max(size, 0))), e.Version)).as("database", "bytes", size, "version", int64(e.Version))
	return true
}

// chain walks the audit log, its end or all of it.
func (d *doctor) chain(ctx context.Context, look *db.DB) {
	const name = "audit log"
	log := audit.New(look, nil)
	walk := func() (verify.Report, error) { return verify.Newest(ctx, log, newestRows, d.copies(ctx)) }
	if d.o.Deep {
		walk = func() (verify.Report, error) { return verify.Database(ctx, log, d.copies(ctx)) }
	}
	r, err := walk()
	switch {
	case err != nil && d.tooLate(ctx, name):
		return
	case err != nil:
		d.fail(name, "cannot be read: "+said(err), "guardhouse audit verify; restore a backup").as("audit_unreadable", "error", said(err)).run(d.guardhouse("audit verify"))
		return
	case r.Finding == audit.ClockBack:
		d.warn(name, r.Detail, "the clock was set back then; see why").as("audit_clock_back", "row", r.At)
	case !r.OK():
		d.fail(name, fmt.Sprintf("%s%s: %s", r.Finding, r.Place(), r.Detail), "keep a copy for the investigation; guardhouse audit verify walks all of it").as("audit_broken", "row", r.At, "finding", r.Finding).run(d.guardhouse("audit verify"))
	case r.Rows == 0:
		d.ok(name, "is empty").as("audit_empty")
	case r.First > 1 && !d.o.Deep:
		d.ok(name, fmt.Sprintf("the last %s of %d are whole; --deep walks them all", count(uint64(r.Rows), "row"), r.Last)).as("audit_tail", "rows", r.Rows, "last", r.Last)
	default:
		d.ok(name, count(uint64(r.Rows), "row")+", the chain is whole").as("audit_whole", "rows", r.Rows)
	}
	if ahead := r.To.Sub(d.o.Now()); r.Rows > 0 && ahead > time.Second {
		d.warn("clock", fmt.Sprintf("the newest audit row is %s in the future", ahead.Round(time.Second)), "the clock was set back, or was wrong before: set it, rows made until then stand out of order").as("clock_behind", "seconds", int64(ahead/time.Second))
	}
	if r.Rows > 0 {
		d.anchor(ctx, look)
	}
}

// inUse says that a process has the folder open, by what the kernel knows of locks: taking one would be in the way of a
// server that starts.
func (d *doctor) inUse() bool { return d.served() || d.locked(useLock) }

// served says that a server runs on the folder.
func (d *doctor) served() bool { return d.o.Running || d.locked(serveLock) }

func (d *doctor) locked(name string) bool {
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(d.o.Data, name), &st); err != nil {
		return false
	}
	return lockListed(filepath.Join(d.o.Proc, "locks"), uint64(st.Dev), st.Ino) //nolint:unconvert // the width differs between machines
}
