package supervise

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/crash"
)

// The descriptors that a worker begins with, after the standard ones. Those of Options.Files follow.
const (
	startAt = 3 + iota
	lifeAt
	wordAt
	tableAt
	notesAt
	filesAt
)

// seals make a start final: it tells a worker from a process that happens to have descriptors open, and no setting can.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// magic is what a start begins with.
const magic = "guardhouse worker 1\n"

// mostStart bounds a start: the suspects are most of it.
const mostStart = 8 << 20

// Start is what a parent tells a worker, in a sealed memory file: secrets are neither in its arguments nor in its environment.
type Start struct {
	Parent     int
	Generation int       // 1 = the first
	Ended      string    // how the one before ended, "" for the first
	EndedAt    time.Time // when
	Unready    bool      // one before ended by itself before its models were loaded, and no payload was in flight
	Config     []byte
	Names      []string // of the files, in order
	Crashes    crash.Verdicts
}

// seal answers the memory file that holds a start.
func (s Start) seal() (*os.File, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	f, err := memoryFile("guardhouse-start")
	if err != nil {
		return nil, fmt.Errorf("making the worker's settings: %w", err)
	}
	if _, err := f.Write(append([]byte(magic), text...)); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the worker's settings: %w", err), f.Close())
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(fmt.Errorf("sealing the worker's settings: %w", err), f.Close())
	}
	return f, nil
}

// memoryFile makes an empty file that lies nowhere and can be sealed.
func memoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there is no such flag
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// IsWorker says whether a parent started this process as its worker. It changes nothing.
func IsWorker() bool { _, err := readStart(); return err == nil }

// readStart reads what the parent told. It refuses a descriptor that is not sealed and a start of another parent.
func readStart() (s Start, err error) {
	if got, err := unix.FcntlInt(startAt, unix.F_GET_SEALS, 0); err != nil || got&seals != seals {
		return s, errors.New("no parent started this process")
	}
	var st unix.Stat_t
	if err := unix.Fstat(startAt, &st); err != nil || st.Size > mostStart {
		return s, errors.New("no parent started this process")
	}
	text := make([]byte, st.Size)
	if n, err := unix.Pread(startAt, text, 0); err != nil || n != len(text) {
		return s, errors.New("what the parent says can't be read")
	}
	defer clear(text)
	body, ok := bytes.CutPrefix(text, []byte(magic))
	if !ok {
		return s, errors.New("no parent started this process")
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("what the parent says: %w", err)
	}
	if s.Parent != os.Getppid() {
		return s, errors.New("the parent is gone")
	}
	return s, nil
}
