package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"guardhouse/internal/fault"
)

// Why a schedule could not write, as its row, the page and the report of doctor say it.
const (
	WhyUnset    = "folder_unset"    // no folder is set
	WhyMissing  = "folder_missing"  // it is not there
	WhyLink     = "folder_link"     // it, or a folder above it, is a link
	WhyNone     = "folder_none"     // it is no folder
	WhyForeign  = "folder_foreign"  // it is another user's
	WhyWritable = "folder_writable" // others may write there, or above it
	WhyKept     = "folder_kept"     // the server's own files are there
	WhyDenied   = "folder_denied"   // nothing can be written there
	WhyFull     = "disk_full"       // there is no room
	WhyBroken   = "broken_off"      // the export itself ended early
)

// Whys lists the reasons.
func Whys() []string {
	return []string{WhyUnset, WhyMissing, WhyLink, WhyNone, WhyForeign, WhyWritable, WhyKept, WhyDenied, WhyFull, WhyBroken}
}

// whyError carries a reason through the errors of a run.
type whyError struct{ why string }

func (e *whyError) Error() string { return "the export's folder: " + e.why }

// refuse answers a refusal of the folder.
func refuse(why string) error {
	return fault.Wrap(&whyError{why}, fault.Unprocessable, "The folder for scheduled exports is not set or not safe: guardhouse doctor says why.")
}

// WhyOf answers the reason in an error, "" where there is none.
func WhyOf(err error) string {
	var w *whyError
	if errors.As(err, &w) {
		return w.why
	}
	return ""
}

// CheckFolder refuses (Unprocessable, with WhyOf) a folder where schedules must not write.
func (s *Service) CheckFolder() error { return CheckFolder(s.d.Folder, s.d.Kept, s.d.Loose) }

// CheckFolder refuses a folder that is not set, a link or below one, not ours alone to write to, or in, around or above one of the
// folders that are kept for the server itself. loose answers the first folder above a path that others may write to.
func CheckFolder(folder string, kept []string, loose func(path string) (folder, why string)) error {
	if folder == "" {
		return refuse(WhyUnset)
	}
	abs, err := filepath.Abs(folder)
	if err != nil {
		return refuse(WhyMissing)
	}
	real, err := filepath.EvalSymlinks(abs)
	switch {
	case err != nil:
		return refuse(WhyMissing)
	case real != abs:
		return refuse(WhyLink)
	}
	info, err := os.Lstat(abs)
	switch {
	case err != nil:
		return refuse(WhyMissing)
	case !info.IsDir():
		return refuse(WhyNone)
	case info.Mode().Perm()&0o022 != 0:
		return refuse(WhyWritable)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		return refuse(WhyForeign)
	}
	if loose != nil {
		if above, _ := loose(abs); above != "" {
			return refuse(WhyWritable)
		}
	}
	if slices.ContainsFunc(kept, func(k string) bool { return overlap(abs, k) }) {
		return refuse(WhyKept)
	}
	return nil
}

// overlap says that one of two folders is the other or lies in it.
func overlap(a, b string) bool {
	if b == "" {
		return false
	}
	b, err := filepath.Abs(b)
	if err != nil {
		return true // what cannot be told apart is not kept apart
	}
	if real, err := filepath.EvalSymlinks(b); err == nil {
		b = real
	}
	return a == b || strings.HasPrefix(a, strings.TrimSuffix(b, "/")+"/") || strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/")
}

const (
	partSuffix = ".part"
	filePrefix = "guardhouse-audit-"
)

// place is the folder of one schedule; fsync makes the names in a folder durable.
type place struct {
	root  *os.Root
	fsync func(dir *os.File) error
}

// openPlace makes the schedule's own folder if need be and opens it. Nothing outside it is written, whatever is in it.
func (s *Service) openPlace(name string) (_ place, err error) {
	if err := s.CheckFolder(); err != nil {
		return place{}, err
	}
	root, err := os.OpenRoot(s.d.Folder)
	if err != nil {
		return place{}, refuse(WhyDenied)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	switch err := root.Mkdir(name, 0o750); {
	case err == nil:
		if err := (place{root, s.fsync}).sync(); err != nil {
			return place{}, err
		}
	case !errors.Is(err, fs.ErrExist):
		return place{}, written(err)
	}
	info, err := root.Lstat(name)
	switch {
	case err != nil:
		return place{}, refuse(WhyDenied)
	case info.Mode()&fs.ModeSymlink != 0:
		return place{}, refuse(WhyLink)
	case !info.IsDir():
		return place{}, refuse(WhyNone)
	case info.Mode().Perm()&0o022 != 0:
		return place{}, refuse(WhyWritable)
	}
	own, err := root.OpenRoot(name)
	if err != nil {
		return place{}, refuse(WhyDenied)
	}
	return place{own, s.fsync}, nil
}

// written makes an error of the folder one that the page can say.
func written(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(errors.Join(&whyError{WhyFull}, err), fault.Unprocessable, "There is no room for the export.")
	}
	return fault.Wrap(errors.Join(&whyError{WhyDenied}, err), fault.Unprocessable, "The export could not be written.")
}

func (p place) close() error { return p.root.Close() }

// tidy puts the newest file in its place, where a stop came between its row and its name, and removes what runs before left.
func (p place) tidy(last string) error {
	dir, err := p.root.Open(".")
	if err != nil {
		return written(err)
	}
	names, err := dir.Readdirnames(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return written(err)
	}
	for _, name := range names {
		switch {
		case last != "" && name == last+partSuffix:
			err = p.name(last)
		case strings.HasPrefix(name, filePrefix) && strings.HasSuffix(name, partSuffix):
			err = written(p.root.Remove(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// create opens a new file under its name of the time being.
func (p place) create(name string) (*os.File, error) {
	f, err := p.root.OpenFile(name+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	return f, written(err)
}

// name gives a whole file its name, durably. A file that is there already is never replaced.
func (p place) name(name string) error {
	if _, err := p.root.Lstat(name); err == nil {
		return written(fmt.Errorf("naming the export: %w", fs.ErrExist))
	}
	if err := p.root.Rename(name+partSuffix, name); err != nil {
		return written(err)
	}
	return p.sync()
}

// sync makes the names in the folder durable.
func (p place) sync() error {
	dir, err := p.root.Open(".")
	if err != nil {
		return written(err)
	}
	return written(errors.Join(p.fsync(dir), dir.Close()))
}
