package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// read answers what the file holds and its hash. It refuses what is no regular file, one that everybody may write, and a large
// one, as Invalid, and reads no more than that.
func read(path string) (data []byte, sum string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe in its place must not hold us
	if err != nil {
		return nil, "", unreadable(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, "", unreadable(err)
	case !info.Mode().IsRegular():
		return nil, "", fault.New(fault.Unprocessable, "it is no regular file")
	case info.Mode().Perm()&0o002 != 0:
		return nil, "", fault.New(fault.Unprocessable, "everybody on this machine may write it: chmod o-w")
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

// parse reads the text of a file. It refuses what was cut within a line besides what ParseFile refuses.
func parse(data []byte) (rule.File, error) {
	f, err := rule.ParseFile(data)
	if err == nil && !rule.Ended(data) && data[len(data)-1] != '\n' {
		return rule.File{}, fault.New(fault.Invalid, "it looks cut off: its last line has no end")
	}
	return f, err
}

// CheckFile says whether a file of rules can be read and understood. The names in it are not looked up.
func CheckFile(path string) error {
	data, _, err := read(path)
	if err == nil {
		_, err = parse(data)
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
