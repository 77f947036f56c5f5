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
	text, _, err := read(path, serving(data))
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
