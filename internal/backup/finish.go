package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

var asideName = regexp.MustCompile(`^` + asidePrefix + `[0-9]{8}T[0-9]{6}Z(-[0-9]{1,2})?$`)

// Pending says that a restore has been decided and is not finished.
func Pending(data string) bool {
	_, err := os.Lstat(filepath.Join(data, pendingName))
	return err == nil
}

// Finish completes a restore that was interrupted after its commit, and does nothing where there is none. It may be
// interrupted and called again as often as one likes. The caller knows that nobody else has the folder open.
func Finish(data string) error {
	return finish(data, func(string) error { return nil })
}

func finish(data string, step func(string) error) (err error) {
	root, err := os.OpenRoot(data)
	if err != nil {
		return fmt.Errorf("opening the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if _, err := root.Lstat(pendingName); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	p, err := readPlan(root)
	if err != nil {
		return fmt.Errorf("a restore was interrupted and cannot be finished: %w", err)
	}
	for _, item := range p.Items {
		if err := place(root, p, item, step); err != nil {
			return fmt.Errorf("putting the restored %s in place: %w", item, err)
		}
	}
	if err := step("clean"); err != nil {
		return err
	}
	if err := root.Remove(pendingName + "/" + planName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the restore's plan: %w", err)
	}
	if err := errors.Join(root.Remove(pendingName), syncRoot(root, ".")); err != nil {
		return fmt.Errorf("removing the restore's folder: %w", err)
	}
	return nil
}

// readPlan refuses a plan that commit did not write.
func readPlan(root *os.Root) (p plan, err error) {
	f, err := root.Open(pendingName + "/" + planName)
	if errors.Is(err, fs.ErrNotExist) {
		return plan{}, nil // all is in place: only the empty folder is left to remove
	}
	if err != nil {
		return plan{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return plan{}, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return plan{}, err
	}
	known := []string{secretsName, tlsName, databaseName}
	strange := func(item string) bool { return !slices.Contains(known, item) }
	if p.Version != version || !asideName.MatchString(p.Aside) || slices.ContainsFunc(p.Items, strange) {
		return plan{}, fault.New(fault.Invalid, "its plan isn't one of ours")
	}
	return p, nil
}

// place moves one item in, and what has its name aside. SQLite's side files go before their database: the new one must never
// meet the old one's.
func place(root *os.Root, p plan, item string, step func(string) error) error {
	from := pendingName + "/" + item
	if _, err := root.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil // done before the interruption
	}
	old := []string{item}
	if item == databaseName {
		old = []string{item + "-wal", item + "-shm", item + "-journal", item}
	}
	for _, name := range old {
		if _, err := root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := step("aside " + name); err != nil {
			return err
		}
		if err := root.Mkdir(p.Aside, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := db.MatchOwner(filepath.Join(root.Name(), p.Aside), root.Name()); err != nil {
			return err
		}
		if err := errors.Join(root.Rename(name, p.Aside+"/"+name), syncRoot(root, p.Aside), syncRoot(root, ".")); err != nil {
			return err
		}
	}
	if err := step("place " + item); err != nil {
		return err
	}
	return errors.Join(root.Rename(from, item), syncRoot(root, "."), syncRoot(root, pendingName))
}

// syncRoot makes the names in a folder durable.
func syncRoot(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
