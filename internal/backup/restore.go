package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Restoration asks for a restore into a data folder, which must be nobody else's at the time: the caller holds its locks.
// Replace lets it put a database, and keys, aside that are there already.
type Restoration struct {
	File    string
	Key     Key
	DataDir string
	Replace bool
	Now     func() time.Time
	// step is called by name before each thing that a crash could come between; tests stop there.
	step func(name string) error
}

// Restored is what a restore did.
type Restored struct {
	Archive  Archive
	Migrated []string // migrations that the archive's database lacked
	Sessions int64    // sessions that were ended
	APIKeys  int64    // API keys that wait for `guardhouse key confirm`
	Head     Head     // of the audit log now: the row of the restore itself
	Aside    string   // the folder, in the data folder, of what was there before; "" if nothing was
}

// Restore checks the archive to its last byte, unpacks it into a fresh folder, holds the database against this release's
// schema and its own chain, migrates it, ends all access that it would revive, adds the row that says so, and only then puts
// it in place, in one step that a crash at any moment either undoes or lets Finish complete. Whatever is wrong, it answers one
// error and leaves the folder as it was.
func Restore(ctx context.Context, p access.Principal, r Restoration) (out Restored, err error) {
	if r.step == nil {
		r.step = func(string) error { return nil }
	}
	if err := r.mayReplace(false); err != nil {
		return Restored{}, err
	}
	f, err := openArchive(r.File)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in, err := open(f, r.Key)
	if err != nil {
		return Restored{}, err
	}
	if err := r.mayReplace(in.m.hasKeys()); err != nil {
		return Restored{}, err
	}
	s, err := newStage(r.DataDir, r.step)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, s.discard()) }()
	if err := s.unpack(ctx, in); err != nil {
		return Restored{}, err
	}
	out.Archive = in.archive()
	if err := r.admit(ctx, p, s.database(), &out); err != nil {
		return Restored{}, err
	}
	out.Aside, err = s.commit(in.m, r.Now())
	if err != nil {
		return Restored{}, err
	}
	return out, finish(r.DataDir, r.step)
}

// mayReplace refuses a folder that has what the restore would put aside.
func (r *Restoration) mayReplace(keys bool) error {
	if r.Replace {
		return nil
	}
	for _, name := range []string{databaseName, secretsName, tlsName} {
		_, err := os.Lstat(filepath.Join(r.DataDir, name))
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("looking into the data folder: %w", err)
		case name == databaseName:
			return fault.New(fault.Conflict, "the data folder has a database: give --replace to put it aside, or another --data")
		case keys:
			return fault.New(fault.Conflict, "the data folder has keys of its own and the archive too: give --replace to put them aside, or another --data")
		}
	}
	return nil
}

// admit holds the unpacked database against everything that it must be, and ends the access that it would revive.
func (r *Restoration) admit(ctx context.Context, p access.Principal, path string, out *Restored) (err error) {
	if err := r.step("check"); err != nil {
		return err
	}
	if err := db.CheckFile(ctx, path); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{Path: path, Now: r.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := matches(ctx, d, out.Archive); err != nil {
		return err
	}
	if err := r.step("migrate"); err != nil {
		return err
	}
	if out.Migrated, err = d.Migrate(ctx); err != nil {
		return err
	}
	if err := r.step("end access"); err != nil {
		return err
	}
	return r.endAccess(ctx, p, d, out)
}

// matches verifies the chain and holds the database against the archive's list of contents.
func matches(ctx context.Context, d *db.DB, a Archive) error {
	version, err := readSchemaVersion(ctx, d)
	if err != nil {
		return err
	}
	head, err := readHead(ctx, d, audit.Genesis)
	if err != nil {
		return err
	}
	if version != a.SchemaVersion || head != a.Head {
		return errUnfit("its database isn't the one that its list of contents describes")
	}
	switch finding, err := findingOf(ctx, d); {
	case err != nil:
		return err
	case finding != "":
		return errUnfit("its audit log does not verify: %s", finding)
	}
	return nil
}

// endAccess voids every session, bearer and refresh token, suspends every key, closes the set-up (threat S3), and adds the row
// of the restore to the end of the restored chain, all in one transaction.
func (r *Restoration) endAccess(ctx context.Context, p access.Principal, d *db.DB, out *Restored) (err error) {
	log := audit.New(d, nil)
	guard, err := access.New(ctx, d, log, access.Options{Uncounted: true, Now: r.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	pass, err := guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: "backup:" + out.Archive.ID})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	var names []any
	for _, f := range out.Archive.Files {
		names = append(names, f.Name)
	}
	details := map[string]any{
		"change": "restore", "archive_created_at": out.Archive.CreatedAt.Format(time.RFC3339), "files": names,
		"archive_head_seq": out.Archive.Head.Seq, "archive_head_hash": out.Archive.Head.Hash, "migrated": len(out.Migrated),
	}
	ev, err := pass.Commit(ctx, access.Outcome{Details: details}, func(tx *db.Tx, _ audit.Event) error {
		before, err := countRevived(tx)
		if err != nil {
			return err
		}
		out.Sessions, out.APIKeys = before.sessions, before.keys
		return errors.Join(auth.EndAll(tx, tx.Now()), auth.CloseSetup(tx))
	})
	out.Head = Head{Seq: ev.Seq, Hash: ev.Hash}
	return err
}

// unpack writes every file of the archive into the stage.
func (s *stage) unpack(ctx context.Context, in *reader) error {
	return in.each(ctx, func(f File) (io.WriteCloser, error) {
		if err := s.step("unpack " + f.Name); err != nil {
			return nil, err
		}
		return s.create(f.Name)
	})
}
