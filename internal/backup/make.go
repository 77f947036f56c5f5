package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/verify"
)

// Source is an opened data folder.
type Source struct {
	DB      *db.DB
	Guard   *access.Guard
	DataDir string
	Now     func() time.Time
}

// Request asks for a backup. Overwrite lets it replace an archive of the same name, once the new one is whole.
type Request struct {
	File        string
	Key         Key
	IncludeKeys bool
	Overwrite   bool
}

// Make writes an archive of the folder while it is in use, reads it back whole, and leaves one audit row. Nobody who writes
// waits for it, and what was acknowledged before the call is in it. It refuses a database that could not be restored: one with
// a foreign schema, damage, or a chain that does not verify. Whatever goes wrong
// before the archive gets its name, neither it nor a copy stays behind; its row comes first.
func Make(ctx context.Context, p access.Principal, s Source, r Request) (_ Archive, err error) {
	pass, err := s.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: "backup"})
	if err != nil {
		return Archive{}, err
	}
	defer pass.Close(&err)
	out, err := newTarget(r.File, s.DataDir, r.Overwrite)
	if err != nil {
		return Archive{}, err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	a, err := fill(ctx, out, s, r)
	if err != nil {
		return Archive{}, err
	}
	details := map[string]any{
		"change": "backup", "head_seq": a.Head.Seq, "head_hash": a.Head.Hash, "schema_version": a.SchemaVersion,
		"keys_included": a.Keys, "files": len(a.Files),
	}
	if _, err := pass.Commit(ctx, access.Outcome{Resource: "backup:" + a.ID, Details: details}, nil); err != nil {
		return Archive{}, err
	}
	return a, out.keep()
}

// fill writes the archive into out and reads it back.
func fill(ctx context.Context, out *target, s Source, r Request) (_ Archive, err error) {
	snap, err := s.DB.Snapshot(ctx)
	if err != nil {
		return Archive{}, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	m, err := describe(ctx, snap.Path)
	if err != nil {
		return Archive{}, err
	}
	m.CreatedAt = s.Now().UTC().Format(time.RFC3339Nano)
	sources := []source{{name: databaseName, path: snap.Path}}
	if r.IncludeKeys {
		keys, err := keyFiles(s.DataDir)
		if err != nil {
			return Archive{}, err
		}
		sources = append(sources, keys...)
	}
	if err := m.add(ctx, sources); err != nil {
		return Archive{}, err
	}
	if err := seal(ctx, out.File, m, sources, r.Key); err != nil {
		return Archive{}, err
	}
	if err := out.Sync(); err != nil {
		return Archive{}, fmt.Errorf("writing the archive: %w", err)
	}
	in, err := open(out.File, r.Key)
	if err != nil {
		return Archive{}, err
	}
	return in.archive(), in.each(ctx, func(File) (io.WriteCloser, error) { return discard{}, nil })
}

// discard takes what is only to be checked.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// describe checks the copy as a restore would, and says what is in it.
func describe(ctx context.Context, path string) (m *manifest, err error) {
	if err := db.CheckFile(ctx, path); err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, db.Options{Path: path})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	switch finding, err := findingOf(ctx, d); {
	case err != nil:
		return nil, err
	case finding != "":
		return nil, fault.Newf(fault.Conflict, "the audit log does not verify (%s), so it could not be restored: keep a copy of the whole data folder instead", finding)
	}
	m = &manifest{Version: version}
	if m.SchemaVersion, err = readSchemaVersion(ctx, d); err != nil {
		return nil, err
	}
	if m.Head, err = readHead(ctx, d, audit.Genesis); err != nil {
		return nil, err
	}
	m.Models, err = readModels(ctx, d)
	return m, err
}

// findingOf walks the log of a database with the keys, checkpoints and tombstones in it, and answers what is wrong, "" for nothing.
// That a clock was set back makes no row less true.
func findingOf(ctx context.Context, d *db.DB) (string, error) {
	report, err := verify.Database(ctx, audit.New(d, nil), verify.Options{})
	if err != nil || report.OK() || report.Finding == audit.ClockBack {
		return "", err
	}
	return report.Finding + report.Place(), nil
}

// source is one file to go in.
type source struct{ name, path string }

// keyFiles lists the keys of a data folder that an archive may hold. It refuses one that is no plain file.
func keyFiles(dataDir string) ([]source, error) {
	var found []source
	for _, folder := range []string{secretsName, tlsName} {
		entries, err := os.ReadDir(filepath.Join(dataDir, folder))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing the keys: %w", err)
		}
		for _, e := range entries {
			name := folder + "/" + e.Name()
			if allowed(name) == 0 {
				continue // unfinished files of a running server, and what is not ours
			}
			if !e.Type().IsRegular() {
				return nil, fault.New(fault.Invalid, name+" in the data folder is no plain file")
			}
			found = append(found, source{name: name, path: filepath.Join(dataDir, folder, e.Name())})
		}
	}
	return found, nil
}

// add puts the names, sizes and hashes of the sources into the manifest.
func (m *manifest) add(ctx context.Context, sources []source) error {
	if len(sources) > maxFiles {
		return errUnfit("the folder has too many signing keys for one")
	}
	for _, s := range sources {
		sum := sha256.New()
		size, err := copyFile(ctx, sum, s.path, allowed(s.name))
		if err != nil {
			return err
		}
		m.Files = append(m.Files, File{Name: s.name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))})
	}
	return nil
}

func seal(ctx context.Context, to io.Writer, m *manifest, sources []source, k Key) error {
	h, chunkKey, err := newHeader(k)
	if err != nil {
		return err
	}
	if _, err := to.Write(h[:]); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	w, err := newSealer(to, &h, chunkKey)
	if err != nil {
		return err
	}
	front, err := m.encode()
	if err != nil {
		return err
	}
	if _, err := w.Write(front); err != nil {
		return err
	}
	for _, s := range sources {
		if _, err := copyFile(ctx, w, s.path, allowed(s.name)); err != nil {
			return err
		}
	}
	return w.Close()
}

// copyFile copies a whole file of at most limit bytes and answers how many it had. A canceled context stops it.
func copyFile(ctx context.Context, to io.Writer, path string, limit int64) (n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("reading the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err = io.Copy(to, io.LimitReader(patient{ctx, f}, limit+1))
	switch {
	case err != nil:
		return n, fmt.Errorf("copying a file: %w", err)
	case n == 0 || n > limit:
		return n, fault.New(fault.Invalid, filepath.Base(path)+" in the data folder is empty or too large for a backup")
	}
	return n, nil
}

// patient is a reader that ends when its caller leaves.
type patient struct {
	ctx context.Context //nolint:containedctx // lives as long as one copy
	io.Reader
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, fault.From(err)
	}
	return p.Reader.Read(b)
}
