package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	databaseName = "guardhouse.db"
	serveLock    = "serve.lock"
	useLock      = "use.lock"
)

// folder looks at the data folder itself and at what stands above it.
func (d *doctor) folder(context.Context) {
	const name = "data folder"
	info, err := os.Stat(d.o.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.warn(name, d.o.Data+" is not there yet", "give the right --data, or let the server make it on its first start").as("folder_none", "path", d.o.Data)
		return
	case err != nil:
		d.fail(name, "cannot be examined: "+err.Error(), "run this as the service's user, or give the right --data").as("folder_unexamined", "error", err.Error())
		return
	case !info.IsDir():
		d.fail(name, d.o.Data+" is no folder", "give the right --data").as("folder_no_folder", "path", d.o.Data)
		return
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		d.fail(name, fmt.Sprintf("others can use %s (mode %04o)", d.o.Data, mode), "chmod 700 "+d.o.Data).as("folder_shared", "path", d.o.Data, "mode", fmt.Sprintf("%04o", mode)).run("chmod 700 " + shell(d.o.Data))
	} else if uid, ok := owner(info); ok && uid != os.Geteuid() && os.Geteuid() != 0 {
		d.fail(name, fmt.Sprintf("%s belongs to user %d and this is user %d", d.o.Data, uid, os.Geteuid()), "run guardhouse as the folder's owner").as("folder_foreign", "path", d.o.Data, "owner", int64(uid), "user", int64(os.Geteuid()))
	} else {
		d.ok(name, d.o.Data+" is its owner's alone").as("folder", "path", d.o.Data)
	}
	if above, why := loose(d.o.Data); above != "" {
		d.fail(name, above+" "+why+": whoever can write there can put another folder in the place of this one", "chmod go-w "+above).as("folder_above", "path", above).run("chmod go-w " + shell(above))
	}
}

// Loose answers the first folder above path that others may write to and that is not sticky, and how; "" if there is none.
// What cannot be examined is not loose.
func Loose(path string) (folder, why string) { return loose(path) }

func loose(path string) (folder, why string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", ""
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(real, filepath.Base(abs))
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && info.Mode()&fs.ModeSticky == 0 && info.Mode().Perm()&0o022 != 0 {
			gid, known := group(info)
			if info.Mode().Perm()&0o002 != 0 || !known || gid != 0 {
				return dir, fmt.Sprintf("can be written to by others (mode %04o)", info.Mode().Perm())
			}
		}
		if dir == filepath.Dir(dir) {
			return "", ""
		}
	}
}

func owner(info fs.FileInfo) (int, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

func group(info fs.FileInfo) (int, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Gid), true
}

// mostFiles bounds the walk: a data folder has some dozen files.
const mostFiles = 10_000

// maxShown bounds how many files one check names.
const maxShown = 5

// files walks the data folder and the folder of models: keys only for their owner, models only for reading.
func (d *doctor) files(context.Context) {
	const name = "files"
	w := &fileWalk{}
	dirs := []string{d.o.Data}
	if !strings.HasPrefix(d.o.ModelsDir+"/", d.o.Data+"/") {
		dirs = append(dirs, d.o.ModelsDir)
	}
	for _, dir := range dirs {
		if err := filepath.WalkDir(dir, w.visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.warn(name, "not all files could be examined: "+err.Error(), "run this as the service's user").as("files_unexamined", "error", err.Error())
		}
	}
	for _, secret := range append([]string{d.o.Key}, d.o.SecretFile...) {
		w.secret(secret)
	}
	w.log(d.o.LogFile)
	before := len(d.report.Checks)
	for _, path := range append([]string{d.o.Key, d.o.LogFile}, d.o.SecretFile...) {
		if above, why := loose(path); path != "" && above != "" {
			d.fail(name, above+" "+why+": whoever can write there can replace "+path, "chmod go-w "+above).as("files_above", "above", above, "path", path).run("chmod go-w " + shell(above))
		}
	}
	if len(w.readable) > 0 {
		d.fail(name, "others can use keys: "+some(w.readable), "chmod 600 each; replace the keys if others were on this machine").as("files_keys", "files", some(w.readable)).run(chmod("600", w.readable))
	}
	if len(w.shared) > 0 {
		d.fail(name, "others can use "+some(w.shared), "chmod 600 each (700 for folders)").as("files_shared", "files", some(w.shared)).run(chmod("go-rwx", w.shared))
	}
	if len(w.writable) > 0 {
		d.fail(name, "models that can be written to are not loaded: "+some(w.writable), "chmod 400 each; this report then says whether their bytes are still the right ones").as("files_models", "files", some(w.writable)).run(chmod("400", w.writable))
	}
	if len(w.odd) > 0 {
		d.fail(name, "neither files nor folders: "+some(w.odd), "find out who put them there and remove them").as("files_odd", "files", some(w.odd))
	}
	if w.seen > mostFiles {
		d.warn(name, "there are more than 10000 files; the rest was not examined", "look what fills the data folder").as("files_many")
	}
	if len(d.report.Checks) == before && w.seen > 0 {
		d.ok(name, count(uint64(w.seen), "file")+" and folders with the right modes").as("files", "count", int64(w.seen))
	}
}

type fileWalk struct {
	seen                            int
	readable, shared, writable, odd []string
}

func (w *fileWalk) visit(path string, e fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if w.seen++; w.seen > mostFiles {
		return fs.SkipAll
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) { // a running server comes and goes with its files
		return nil
	}
	if err != nil {
		return err
	}
	w.judge(path, info)
	return nil
}

func (w *fileWalk) judge(path string, info fs.FileInfo) {
	mode, base := info.Mode(), filepath.Base(path)
	switch {
	case mode.IsDir():
		if mode.Perm()&0o077 != 0 {
			w.shared = append(w.shared, path)
		}
	case !mode.IsRegular():
		w.odd = append(w.odd, path)
	case strings.HasSuffix(base, ".key") || filepath.Base(filepath.Dir(path)) == "secrets":
		if mode.Perm()&0o077 != 0 {
			w.readable = append(w.readable, path)
		}
	case strings.HasSuffix(base, ".gguf"):
		if mode.Perm()&0o222 != 0 {
			w.writable = append(w.writable, path)
		}
	case base == "ca.pem": // for everybody: it is what clients are to trust
		if mode.Perm()&0o022 != 0 {
			w.shared = append(w.shared, path)
		}
	case mode.Perm()&0o077 != 0:
		w.shared = append(w.shared, path)
	}
}

// secret looks at a file outside the data folder that holds a key. One that is not there is its own check's business.
func (w *fileWalk) secret(path string) {
	if path == "" {
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		return
	}
	w.seen++
	if info.Mode().Perm()&0o077 != 0 {
		w.readable = append(w.readable, path)
	}
}

// log looks at the server's log file, which names routes and times.
func (w *fileWalk) log(path string) {
	if info, err := os.Stat(path); path != "" && err == nil && info.Mode().Perm()&0o077 != 0 {
		w.shared = append(w.shared, path)
	}
}

// chmod is the line that gives a few files the mode; "" where there are too many to name.
func chmod(mode string, list []string) string {
	if len(list) > maxShown {
		return ""
	}
	line := "chmod " + mode
	for _, path := range list {
		line += " " + shell(path)
	}
	return line
}

// some names a few and counts the rest.
func some(list []string) string {
	if len(list) <= maxShown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:maxShown], ", "), len(list)-maxShown)
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
