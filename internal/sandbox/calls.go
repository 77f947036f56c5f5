package sandbox

import (
	"slices"

	"golang.org/x/sys/unix"
)

// threadFlags must all be set in a clone: it then makes a thread and never a process.
const threadFlags = unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND

// reading are the only flags that a file may be opened with. O_LARGEFILE has no bit on 64-bit machines but one in what
// older C libraries pass.
const reading = unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_DIRECTORY | 0o400000

// prSetVMA names a mapping, which Go and the C library do.
const prSetVMA = 0x53564d41

// calls are the system calls that Go's runtime, the C library and a loader of models make, and no other: no socket, no way
// to write to a file or to make one, no program, no process, no other process's memory or signals.
func calls(pid int) []call {
	free := []uint32{
		unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_READV, unix.SYS_PREADV, unix.SYS_LSEEK, unix.SYS_FSTAT, unix.SYS_STATX,
		unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_CLOSE, unix.SYS_FADVISE64,
		unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MINCORE,
		unix.SYS_FUTEX, unix.SYS_RSEQ, unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_MEMBARRIER,
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
		unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETRANDOM, unix.SYS_UNAME, unix.SYS_SYSINFO,
		unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETCPU, unix.SYS_GETRUSAGE,
		unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY,
		unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
	}
	out := []call{
		{number: unix.SYS_OPENAT, checks: []check{none(2, ^uint32(reading))}},
		{number: unix.SYS_MMAP, checks: []check{none(2, unix.PROT_EXEC), none(3, unix.MAP_SHARED)}},
		{number: unix.SYS_MPROTECT, checks: []check{none(2, unix.PROT_EXEC)}},
		{number: unix.SYS_CLONE, checks: []check{all(0, threadFlags)}},
		// Its flags lie in memory, where no filter sees them; the C library then takes clone.
		{number: unix.SYS_CLONE3, answer: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{number: unix.SYS_TGKILL, checks: []check{is(0, uint32(pid))}},
		{number: unix.SYS_PRLIMIT64, checks: []check{is(0, 0, uint32(pid)), null(2)}}, // to read one's own
		{number: unix.SYS_PRCTL, checks: []check{is(0, prSetVMA, unix.PR_SET_NAME)}},
		{number: unix.SYS_FCNTL, checks: []check{is(1, unix.F_GETFL, unix.F_SETFL, unix.F_GETFD, unix.F_SETFD, unix.F_GET_SEALS)}},
	}
	for _, n := range slices.Concat(free, ownCalls()) {
		out = append(out, call{number: n})
	}
	return out
}
