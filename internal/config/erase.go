package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// EraseSecrets blanks the secrets where the kernel keeps the environment that this process was started with: until then
// /proc/PID/environ shows them for as long as the process runs, whatever it unsets (threat S5). The Go runtime made its own
// copy before, so that Load still finds them. It answers an error if a secret is there and could not be blanked; a secret in a
// file (auth.jwt_secret_file) never was there. Whoever started the process still knows what he gave it.
func EraseSecrets() (err error) {
	var names []string
	for _, o := range Options() {
		if _, set := os.LookupEnv(o.Env()); o.Secret && set {
			names = append(names, o.Env())
		}
	}
	if len(names) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s stays readable in /proc, put it in a file instead: %w", strings.Join(names, ", "), err)
		}
	}()
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	from, to, err := environmentBlock()
	if err != nil {
		return err
	}
	return eraseValues(memory, from, to, names)
}

// most is more than the kernel lets an environment be on any machine with a usual stack.
const most = 16 << 20

// eraseValues blanks the values of names in the block of NAME=value strings between from and to.
func eraseValues(memory interface {
	io.ReaderAt
	io.WriterAt
}, from, to int64, names []string,
) error {
	if from <= 0 || to < from || to-from > most {
		return errors.New("the environment is not where it should be")
	}
	block := make([]byte, to-from)
	if _, err := memory.ReadAt(block, from); err != nil {
		return err
	}
	at := from
	for entry := range bytes.SplitSeq(block, []byte{0}) {
		for _, name := range names {
			if value, ok := bytes.CutPrefix(entry, []byte(name+"=")); ok && len(value) > 0 {
				if _, err := memory.WriteAt(make([]byte, len(value)), at+int64(len(entry)-len(value))); err != nil {
					return err
				}
			}
		}
		at += int64(len(entry)) + 1
	}
	clear(block)
	return nil
}

// environmentBlock answers where the kernel says that the environment lies: fields 50 and 51 of /proc/self/stat, counted
// after the name, which may hold anything.
func environmentBlock() (from, to int64, err error) {
	data, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const third, start = 3, 50
	if len(fields) <= start+1-third {
		return 0, 0, errors.New("the kernel does not say where the environment is")
	}
	if from, err = strconv.ParseInt(fields[start-third], 10, 64); err != nil {
		return 0, 0, err
	}
	to, err = strconv.ParseInt(fields[start+1-third], 10, 64)
	return from, to, err
}
