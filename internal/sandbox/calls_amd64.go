package sandbox

import "golang.org/x/sys/unix"

// arch is what the kernel calls this machine's calls.
const arch = unix.AUDIT_ARCH_X86_64

// ownCalls are the allowed calls that other machines lack or name otherwise.
func ownCalls() []uint32 {
	return []uint32{unix.SYS_NEWFSTATAT, unix.SYS_EPOLL_WAIT, unix.SYS_ARCH_PRCTL, unix.SYS_TIME, unix.SYS_GETRLIMIT}
}
