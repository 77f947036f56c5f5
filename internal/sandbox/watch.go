package sandbox

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// look is how often a child's memory is looked at.
const look = 20 * time.Millisecond

// watch ends a child that holds more memory than it may. Where the kernel does not show it, the limits that the child set
// itself are what is left.
func (c Child) watch(ctx context.Context, pid int, stop context.CancelCauseFunc) {
	if c.Limits.Memory <= 0 {
		return
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if held, ok := resident(pid); ok && held > c.Limits.Memory {
			stop(errHeavy)
			return
		}
	}
}

// resident answers the bytes that a process holds in memory (proc_pid_statm(5)).
func resident(pid int) (int64, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
