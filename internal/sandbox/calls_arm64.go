package sandbox

import "golang.org/x/sys/unix"

// arch is what the kernel calls this machine's calls.
const arch = unix.AUDIT_ARCH_AARCH64

// ownCalls are the allowed calls that other machines lack or name otherwise.
func ownCalls() []uint32 { return []uint32{unix.SYS_FSTATAT, unix.SYS_GETRLIMIT} }
