package supervise

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// leftoversFor bounds how long the next worker waits for the end of what the last one left behind.
	leftoversFor   = time.Second
	leftoversEvery = 2 * time.Millisecond
)

// leftovers are processes that outlived the worker which they come from. They hold what it had: ports, and the memory that it shared.
type leftovers struct {
	spared map[int]bool // children that this process had before its first worker
	kill   func(pid int, signal unix.Signal) error
}

// newLeftovers makes this process the parent of every descendant whose own parent is gone. It refuses where the kernel does; what it
// answers then knows direct children alone.
func newLeftovers() (*leftovers, error) {
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	l := &leftovers{spared: map[int]bool{}, kill: unix.Kill}
	for pid := range l.children() {
		l.spared[pid] = true
	}
	return l, err
}

// end kills all children of this process but those that are spared, and their children as they come to it, and answers how many were
// alive and how many still are when the time is over. It is called while no worker lives. Nobody else waits for them, so a number
// that was a child's stays its own until it is waited for here: no other process is ever meant.
func (l *leftovers) end(most time.Duration) (ended, stuck int) {
	if !anyChild() {
		return 0, 0
	}
	over, again := time.NewTimer(most), time.NewTicker(leftoversEvery)
	defer over.Stop()
	defer again.Stop()
	for seen := map[int]bool{}; ; {
		children, alive := l.children(), 0
		for pid, dead := range children {
			if !dead {
				seen[pid] = true
				alive++
			}
			_ = l.kill(pid, unix.SIGKILL) // one that may not be killed is stuck
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
		}
		if len(children) == 0 {
			return len(seen), 0
		}
		select {
		case <-over.C:
			return len(seen) - alive, alive
		case <-again.C:
		}
	}
}

// anyChild says whether this process has a child, alive or dead.
func anyChild() bool {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return !errors.Is(err, unix.ECHILD)
}

// children answers the children of this process that are not spared, and which of them are dead already.
func (l *leftovers) children() map[int]bool {
	self, out := strconv.Itoa(os.Getpid()), map[int]bool{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat") // only a bad pattern fails
	for _, path := range all {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it is gone
		}
		// What stands in brackets is the process's own to choose (man 5 proc_pid_stat).
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 1 && string(fields[1]) == self && !l.spared[pid] {
			out[pid] = fields[0][0] == 'Z'
		}
	}
	return out
}
