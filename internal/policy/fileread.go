package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// account is whose files are trusted besides root's.
type account struct{ uid, gid uint32 }

// ourselves is the account that this process runs as.
func ourselves() account {
	return account{uint32(os.Geteuid()), uint32(os.Getegid())}
}

// read answers what the file holds and its hash. It refuses what is no regular file, one that others may write or replace, and a
// large one, as Invalid or Unprocessable, and reads no more than that.
func read(path string, us account) (data []byte, sum string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe in its place must not hold us
	if err != nil {
		return nil, "", unreadable(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, "", unreadable(err)
	}
	if err := trusted(path, info, us); err != nil {
		return nil, "", err
	}
	data, err = io.ReadAll(io.LimitReader(f, rule.MaxFile+1))
	if err != nil {
		return nil, "", unreadable(err)
	}
	hash := sha256.Sum256(data)
	sum = hex.EncodeToString(hash[:])
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, sum, fault.New(fault.Invalid, "it is empty")
	}
	return data, sum, nil
}

// trusted refuses what is no regular file, and a file that somebody else than root and us may write or replace.
func trusted(path string, info fs.FileInfo, us account) error {
	if !info.Mode().IsRegular() {
		return fault.New(fault.Unprocessable, "it is no regular file")
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fault.New(fault.Unprocessable, "whose it is cannot be found out")
	}
	if problem := writers(info.Mode(), account{st.Uid, st.Gid}, us); problem != "" {
		return fault.New(fault.Unprocessable, problem)
	}
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return unreadable(err)
	}
	for _, folder := range []string{filepath.Dir(path), filepath.Dir(file)} {
		info, err := os.Stat(folder)
		if err != nil {
			return unreadable(err)
		}
		// A ConfigMap's folder is everybody's by its mode and nobody's by its mount.
		if swappable(info.Mode()) && !errors.Is(unix.Access(folder, unix.W_OK), unix.EROFS) {
			return fault.New(fault.Unprocessable, "everybody on this machine may put another in its place: chmod o-w its folder")
		}
	}
	return nil
}

// writers says in words who may write a file that should not, "" for nobody.
func writers(mode fs.FileMode, of, us account) string {
	switch {
	case of.uid != 0 && of.uid != us.uid:
		return "it belongs to another account than root or the server's: chown it"
	case mode.Perm()&0o002 != 0:
		return "everybody on this machine may write it: chmod o-w"
	case mode.Perm()&0o020 != 0 && of.gid != 0 && of.gid != us.gid:
		return "its group may write it: chmod g-w"
	}
	return ""
}

// swappable says that everybody may rename what is in a folder of that mode.
func swappable(mode fs.FileMode) bool { return mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 }

// parse reads the text of a file. It refuses what was cut within a line besides what ParseFile refuses.
func parse(data []byte) (rule.File, error) {
	f, err := rule.ParseFile(data)
	if err == nil && !rule.Ended(data) && data[len(data)-1] != '\n' {
		return rule.File{}, fault.New(fault.Invalid, "it looks cut off: its last line has no end")
	}
	return f, err
}

// CheckFile says whether a file of rules can be read and understood by the server that owns the folder data. The names in it are
// not looked up.
func CheckFile(path, data string) error {
	us := ourselves()
	if info, err := os.Stat(data); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			us = account{st.Uid, st.Gid}
		}
	}
	text, _, err := read(path, us)
	if err == nil {
		_, err = parse(text)
	}
	return err
}

func unreadable(err error) error {
	text := "it cannot be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = "it is not there"
	case errors.Is(err, fs.ErrPermission):
		text = "it may not be read by this process"
	}
	return fault.Wrap(err, fault.Unprocessable, text)
}
