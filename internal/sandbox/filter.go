package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confineCalls lets all threads of this process, and those to come, make only the system calls of calls; any other answers
// EPERM, and another architecture's calls kill. It needs no_new_privs.
func confineCalls() error {
	prog, err := filter(calls(os.Getpid()))
	if err != nil {
		return err
	}
	f := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	r, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&f))) //nolint:gosec // the kernel reads it and keeps nothing
	runtime.KeepAlive(prog)
	switch {
	case errno != 0:
		return fmt.Errorf("seccomp: %w", errno)
	case r != 0:
		return fmt.Errorf("seccomp: thread %d could not be confined", r)
	}
	return nil
}

// call is one system call that is allowed when all checks of its arguments hold.
type call struct {
	number uint32
	checks []check
	answer uint32 // what it answers instead of being made; 0 = it is made
}

// check looks at the low half of one argument, which is all of an int, and at the high one too where whole is set.
type check struct {
	arg   int
	mask  uint32 // of the low half
	equal []uint32
	whole bool
}

// none holds where no bit of mask is set.
func none(arg int, mask uint32) check { return check{arg: arg, mask: mask, equal: []uint32{0}} }

// all holds where every bit of mask is set.
func all(arg int, mask uint32) check { return check{arg: arg, mask: mask, equal: []uint32{mask}} }

// is holds for an int that is one of the values.
func is(arg int, values ...uint32) check { return check{arg: arg, mask: ^uint32(0), equal: values} }

// null holds for no pointer at all.
func null(arg int) check { return check{arg: arg, mask: ^uint32(0), equal: []uint32{0}, whole: true} }

// Offsets in struct seccomp_data (linux/seccomp.h), and the bit of x32's numbers on amd64.
const (
	atNumber, atArch, atArgs = 0, 4, 16
	x32                      = 0x40000000
)

// filter answers the program (seccomp(2), linux/bpf_common.h). It refuses an architecture that it does not know.
func filter(allowed []call) ([]unix.SockFilter, error) {
	if arch == 0 {
		return nil, errors.New("seccomp: this architecture is not supported")
	}
	kill, refuse := give(unix.SECCOMP_RET_KILL_PROCESS), give(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))
	prog := []unix.SockFilter{
		load(atArch), jump(unix.BPF_JEQ, arch, 1, 0), kill,
		load(atNumber), jump(unix.BPF_JGE, x32, 0, 1), kill,
	}
	for _, c := range allowed {
		body := c.body(refuse)
		if len(body) > 255 {
			return nil, errors.New("seccomp: too many checks of one call")
		}
		prog = append(prog, jump(unix.BPF_JEQ, c.number, 0, uint8(len(body))))
		prog = append(prog, body...)
	}
	return append(prog, refuse), nil
}

// body is what is done about a call by its number: every check, then the answer. It leaves nothing loaded that a later
// comparison of numbers could meet, because it always answers.
func (c call) body(refuse unix.SockFilter) []unix.SockFilter {
	if c.answer != 0 {
		return []unix.SockFilter{give(c.answer)}
	}
	var out []unix.SockFilter
	for _, k := range c.checks {
		if k.whole {
			out = append(out, load(atArgs+8*k.arg+4), jump(unix.BPF_JEQ, 0, 1, 0), refuse)
		}
		out = append(out, load(atArgs+8*k.arg), unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: k.mask})
		for i, v := range k.equal {
			out = append(out, jump(unix.BPF_JEQ, v, uint8(len(k.equal)-i), 0))
		}
		out = append(out, refuse)
	}
	return append(out, give(unix.SECCOMP_RET_ALLOW))
}

func load(at int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: uint32(at)}
}

func jump(how uint16, value uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, K: value, Jt: yes, Jf: no}
}

func give(answer uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: answer}
}
