package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
)

// account is whose files are trusted besides root's.
type account struct {
	uid  uint32
	gids []uint32
}

// ourselves is the account that this process runs as, with all groups that it is in.
func ourselves() account {
	us := account{uint32(os.Geteuid()), []uint32{uint32(os.Getegid())}}
	more, err := os.Getgroups()
	if err != nil {
		return us // a group that is not known to be ours is somebody else's
	}
	for _, g := range more {
		us.gids = append(us.gids, uint32(g))
	}
	return us
}

// serving is the account that the server of the folder data runs as: ours where the folder is open to us. Root, to whom every folder
// is, and whoever cannot open it look for its owner.
func serving(data string) account {
	us := ourselves()
	if us.uid != 0 && unix.Access(data, unix.R_OK|unix.X_OK) == nil {
		return us
	}
	info, err := os.Stat(data)
	if err != nil {
		return us
	}
	if uid, gid, ok := owner(info); ok {
		return account{uid, []uint32{gid}}
	}
	return us
}

func owner(info fs.FileInfo) (uid, gid uint32, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return st.Uid, st.Gid, true
}

// place is one file, folder or link on the way to acl.file.
type place struct {
	name     string // what it is called in errors
	mode     fs.FileMode
	uid, gid uint32
}

func placed(name string, info fs.FileInfo) (place, error) {
	uid, gid, ok := owner(info)
	if !ok {
		return place{}, fault.New(fault.Unprocessable, "whose "+name+" is cannot be found out")
	}
	return place{name, info.Mode(), uid, gid}, nil
}

// stranger says in words that somebody else than root and us owns the place, "" where nobody else does.
func (p place) stranger(us account) string {
	if p.uid == 0 || p.uid == us.uid {
		return ""
	}
	if us.uid == 0 {
		return fmt.Sprintf("%s belongs to account %d and the server is root: chown it to root", p.name, p.uid)
	}
	return fmt.Sprintf("%s belongs to account %d and the server is account %d: chown it to root or to %d", p.name, p.uid, us.uid, us.uid)
}

// writers says in words who may write the place that should not, "" for nobody. In a sticky folder nobody replaces what is not his.
func (p place) writers(us account) string {
	perm := p.mode.Perm()
	switch {
	case p.mode.IsDir() && p.mode&fs.ModeSticky != 0:
		return ""
	case perm&0o002 != 0:
		return "everybody on this machine may write " + p.name + ": chmod o-w"
	case perm&0o020 != 0 && p.gid != 0 && !slices.Contains(us.gids, p.gid):
		return fmt.Sprintf("group %d, which the server is not in, may write %s: chmod g-w", p.gid, p.name)
	}
	return ""
}

// way is a walk along a path, link by link, as the kernel goes it.
type way struct {
	us       account
	readOnly func(folder string) bool // for us, by its mount
	at       string                   // where it came, without links
	todo     []string
	links    int
	open     map[string]string // the folders in which others may put something else in the place of what was gone through, and why
}

const (
	mostLinks = 40       // as many as Linux follows
	dataLink  = "..data" // by which Kubernetes swaps what a volume holds
)

// reach refuses a path to the file that leads through a folder or a link of somebody else than root and us, or through a folder
// that others may write. It answers the file. The one exception is a volume of Kubernetes, whose folder is everybody's by its mode
// and nobody's by its mount: one that is read-only for us and is left through its link ..data.
func reach(path string, us account, readOnly func(string) bool) (fs.FileInfo, error) {
	w := way{us: us, readOnly: readOnly, at: "/", todo: parts(path), open: map[string]string{}}
	info, err := os.Lstat("/")
	if err == nil {
		err = w.through("/", info)
	}
	for err == nil && len(w.todo) > 0 {
		info, err = w.step()
	}
	if err != nil {
		return nil, err
	}
	for _, folder := range slices.Sorted(maps.Keys(w.open)) {
		return nil, fault.New(fault.Unprocessable, w.open[folder])
	}
	return info, nil
}

func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" || s == "." })
}

// step goes to the next name on the way and answers what stands there.
func (w *way) step() (fs.FileInfo, error) {
	name := w.todo[0]
	w.todo = w.todo[1:]
	if name == ".." {
		w.at = filepath.Dir(w.at)
		info, err := os.Lstat(w.at)
		if err != nil {
			return nil, unreadable(err)
		}
		return info, nil
	}
	next := filepath.Join(w.at, name)
	info, err := os.Lstat(next)
	switch {
	case err != nil:
		return nil, unreadable(err)
	case info.Mode()&fs.ModeSymlink != 0:
		return info, w.follow(name, next, info)
	case len(w.todo) > 0:
		err = w.through(next, info)
	}
	w.at = next
	return info, err
}

// through looks at a folder that the way leads through.
func (w *way) through(folder string, info fs.FileInfo) error {
	p, err := placed(fmt.Sprintf("the folder %q", folder), info)
	if err != nil {
		return err
	}
	if problem := p.stranger(w.us); problem != "" {
		return fault.New(fault.Unprocessable, problem)
	}
	if problem := p.writers(w.us); problem != "" {
		w.open[folder] = problem
	}
	return nil
}

// follow goes on where a link in the folder that was come to leads.
func (w *way) follow(name, link string, info fs.FileInfo) error {
	p, err := placed(fmt.Sprintf("the link %q", link), info)
	if err != nil {
		return err
	}
	if problem := p.stranger(w.us); problem != "" {
		return fault.New(fault.Unprocessable, problem)
	}
	target, err := os.Readlink(link)
	if err != nil {
		return unreadable(err)
	}
	if w.links++; w.links > mostLinks {
		return fault.New(fault.Unprocessable, "it is behind too many links")
	}
	if name == dataLink && w.readOnly(w.at) {
		delete(w.open, w.at)
	}
	if filepath.IsAbs(target) {
		w.at = "/"
	}
	w.todo = append(parts(target), w.todo...)
	return nil
}

// readOnly says that the folder is on a mount that is read-only for this process.
func readOnly(folder string) bool { return errors.Is(unix.Access(folder, unix.W_OK), unix.EROFS) }

// trusted refuses what is no regular file, and a file that somebody else than root and us may write or replace. opened is the file
// that the path led to when it was opened.
func trusted(path string, opened fs.FileInfo, us account) error {
	if !opened.Mode().IsRegular() {
		return fault.New(fault.Unprocessable, "it is no regular file")
	}
	p, err := placed("it", opened)
	if err != nil {
		return err
	}
	for _, problem := range []string{p.stranger(us), p.writers(us)} {
		if problem != "" {
			return fault.New(fault.Unprocessable, problem)
		}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return unreadable(err)
	}
	there, err := reach(abs, us, readOnly)
	if err == nil && !os.SameFile(there, opened) {
		err = fault.New(fault.Unprocessable, "it is being replaced")
	}
	return err
}
