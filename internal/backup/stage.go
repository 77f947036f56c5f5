package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	runName     = "run"
	stagePrefix = "restore-"
	// pendingName is the whole new state on its way into the folder. While it is there, nothing may open the folder before
	// Finish has put it in place.
	pendingName = "restore.pending"
	planName    = "plan.json"
	asidePrefix = "replaced-"
	asideLayout = "20060102T150405Z"
)

// stage is the fresh folder that a restore works in: in the folder run, so that its files can be moved without being copied
// even where the data folder is a file system of its own.
type stage struct {
	data   string
	dir    string
	root   *os.Root
	step   func(string) error
	made   []string // folders that were not there before, innermost last
	placed bool
}

// newStage makes the folder, and the data folder if there is none.
func newStage(data string, step func(string) error) (s *stage, err error) {
	s = &stage{data: data, step: step}
	for _, dir := range []string{data, filepath.Join(data, runName)} {
		switch err := os.Mkdir(dir, privateDir); {
		case err == nil:
			s.made = append(s.made, dir)
		case !errors.Is(err, fs.ErrExist):
			return nil, errors.Join(fmt.Errorf("making the data folder: %w", err), s.removeMade())
		}
	}
	if s.dir, err = os.MkdirTemp(filepath.Join(data, runName), stagePrefix); err != nil { // MkdirTemp makes 0700
		return nil, errors.Join(fmt.Errorf("making a folder for the restore: %w", err), s.removeMade())
	}
	if err := db.MatchOwner(filepath.Join(data, runName), data); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir), s.removeMade())
	}
	if s.root, err = os.OpenRoot(s.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the folder of the restore: %w", err), os.RemoveAll(s.dir), s.removeMade())
	}
	return s, nil
}

func (s *stage) database() string { return filepath.Join(s.dir, databaseName) }

// create makes a new private file. The root lets no name out of the stage, and nothing in it is ever opened twice.
func (s *stage) create(name string) (io.WriteCloser, error) {
	if allowed(name) == 0 {
		return nil, errUnfit("it holds a file that no backup holds")
	}
	if folder := path.Dir(name); folder != "." {
		if err := s.root.Mkdir(folder, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making a folder of the restore: %w", err)
		}
	}
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return nil, fmt.Errorf("making a file of the restore: %w", err)
	}
	return f, nil
}

// plan says what Finish moves, in this order; the database is the last.
type plan struct {
	Version int      `json:"version"`
	Aside   string   `json:"aside"`
	Items   []string `json:"items"`
}

// commit makes the stage durable and gives it, in one rename, the name that Finish acts on. It answers the folder where the
// old files will be, "" if there are none.
func (s *stage) commit(m *manifest, now time.Time) (aside string, err error) {
	p := plan{Version: version, Aside: asidePrefix + now.UTC().Format(asideLayout)}
	for _, item := range []string{secretsName, tlsName, databaseName} {
		if _, err := s.root.Lstat(item); err == nil {
			p.Items = append(p.Items, item)
		}
	}
	if p.Aside, err = s.freeName(p.Aside); err != nil {
		return "", err
	}
	for _, item := range p.Items {
		if _, err := os.Lstat(filepath.Join(s.data, item)); err == nil {
			aside = p.Aside
		}
	}
	if err := s.step("sync"); err != nil {
		return "", err
	}
	if err := s.writePlan(p); err != nil {
		return "", err
	}
	if err := s.own(); err != nil {
		return "", err
	}
	if err := s.sync(m); err != nil {
		return "", err
	}
	if err := s.step("commit"); err != nil {
		return "", err
	}
	if err := os.Rename(s.dir, filepath.Join(s.data, pendingName)); err != nil {
		return "", fmt.Errorf("putting the restored files in place: %w", err)
	}
	s.placed = true
	return aside, errors.Join(syncDir(s.data), syncDir(filepath.Join(s.data, runName)))
}

// own gives everything to the owner of the data folder, where root restores for somebody.
func (s *stage) own() error {
	return filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("walking through the restored files: %w", err)
		}
		return db.MatchOwner(path, s.data)
	})
}

// freeName answers name, or with a number after it where a restore of the same second left its own.
func (s *stage) freeName(name string) (string, error) {
	const tries = 100
	for i := range tries {
		candidate := name
		if i > 0 {
			candidate = fmt.Sprintf("%s-%d", name, i)
		}
		if _, err := os.Lstat(filepath.Join(s.data, candidate)); errors.Is(err, fs.ErrNotExist) {
			return candidate, nil
		}
	}
	return "", fault.New(fault.Conflict, "the data folder is full of replaced databases: move them away")
}

// sync makes all files and their folders durable. SQLite's side files must be gone: whatever they held is in the database.
func (s *stage) sync(m *manifest) error {
	for _, side := range []string{"-wal", "-journal", "-shm"} {
		if _, err := s.root.Lstat(databaseName + side); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fault.New(fault.Internal, "the restored database was not closed"), err)
		}
	}
	dirs := []string{s.dir}
	for _, file := range m.Files {
		f, err := s.root.OpenFile(file.Name, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("opening a restored file: %w", err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("syncing a restored file: %w", err)
		}
		if folder := path.Dir(file.Name); folder != "." {
			dirs = append(dirs, filepath.Join(s.dir, folder))
		}
	}
	for _, dir := range dirs {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) writePlan(p plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("writing the plan of the restore: %w", err)
	}
	f, err := s.root.OpenFile(planName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return fmt.Errorf("writing the plan of the restore: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(s.dir)); err != nil {
		return fmt.Errorf("writing the plan of the restore: %w", err)
	}
	return nil
}

// discard removes the stage, unless it has become the new state, and the folders that were made for it.
func (s *stage) discard() error {
	errs := []error{s.root.Close()}
	if !s.placed {
		errs = append(errs, os.RemoveAll(s.dir), s.removeMade())
	}
	return errors.Join(errs...)
}

// removeMade removes the folders that were not there before, as far as nothing else is in them by now.
func (s *stage) removeMade() error {
	var errs []error
	for i := len(s.made) - 1; i >= 0; i-- {
		if entries, err := os.ReadDir(s.made[i]); err != nil || len(entries) == 0 {
			errs = append(errs, err, os.Remove(s.made[i]))
		}
	}
	return errors.Join(errs...)
}

// Sweep removes what a restore that was killed before its commit left in the folder run. The caller knows that no restore is
// at work.
func Sweep(data string) error {
	entries, err := os.ReadDir(filepath.Join(data, runName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for what a restore left: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), stagePrefix) {
			errs = append(errs, os.RemoveAll(filepath.Join(data, runName, e.Name())))
		}
	}
	return errors.Join(errs...)
}
