package bench

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the kernel's unit in /proc/PID/stat on every Linux platform that Go runs on (USER_HZ).
const clockTick = 10 * time.Millisecond

// cpu answers the processor time of the server's process, 0 where the kernel does not say.
func (s *server) cpu() time.Duration {
	if s.cmd == nil {
		return 0
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0
	}
	return ticksOf(string(data))
}

// ticksOf reads fields 14 and 15 (utime, stime), counted after the name, which may hold anything.
func ticksOf(stat string) time.Duration {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const third, utime, stime = 3, 14, 15
	if len(fields) <= stime-third {
		return 0
	}
	user, err1 := strconv.ParseInt(fields[utime-third], 10, 64)
	system, err2 := strconv.ParseInt(fields[stime-third], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * clockTick
}

// onTmpfs says whether a folder lies in memory (TMPFS_MAGIC of linux/magic.h).
func onTmpfs(dir string) bool {
	const magic = 0x01021994
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && int64(fs.Type) == magic
}
