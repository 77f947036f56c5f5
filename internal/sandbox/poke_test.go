package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/sandbox"
)

// targets is what a child is told to lay its hands on.
type targets struct {
	Database, Folder string
	Port, Parent     int
}

// poke tries what code that took a child over would try, and answers what was not refused.
func poke(order []byte, _ []*os.File) (any, error) {
	var at targets
	if err := json.Unmarshal(order, &at); err != nil {
		return nil, err
	}
	open := []string{}
	for name, try := range attempts(at) {
		if try() == nil {
			open = append(open, name)
		}
	}
	return open, nil
}

func attempts(at targets) map[string]func() error {
	raw := func(number uintptr, args ...any) func() error {
		return func() error {
			// What is pointed to lies in args, and so on the heap, which does not move: the kernel may write there until they are let go.
			defer runtime.KeepAlive(args)
			var a [6]uintptr
			for i, arg := range args {
				switch x := arg.(type) {
				case int:
					a[i] = uintptr(x)
				case uintptr:
					a[i] = x
				case unsafe.Pointer:
					a[i] = uintptr(x)
				default:
					panic(fmt.Sprintf("argument %d of call %d is a %T", i, number, arg))
				}
			}
			if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
				return errno
			}
			return nil
		}
	}
	name := func(s string) unsafe.Pointer {
		b, err := unix.BytePtrFromString(s)
		if err != nil {
			panic(err)
		}
		return unsafe.Pointer(b)
	}
	opened := func(path string, flags int) func() error {
		return func() error {
			f, err := os.OpenFile(path, flags, 0o600)
			if err == nil {
				err = f.Close()
			}
			return err
		}
	}
	var pair [2]int32
	var terminal unix.Termios
	var when unix.Timespec
	limit, word := unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}, uint64(0)
	local := unix.Iovec{Base: (*byte)(unsafe.Pointer(&word)), Len: 8}
	return map[string]func() error{
		"read the database":       opened(at.Database, os.O_RDONLY),
		"write the database":      opened(at.Database, os.O_RDWR),
		"make a file":             opened(filepath.Join(at.Folder, "made"), os.O_CREATE|os.O_WRONLY),
		"make a nameless file":    opened(at.Folder, unix.O_TMPFILE|os.O_RDWR),
		"read /etc/passwd":        opened("/etc/passwd", os.O_RDONLY),
		"write to a given file":   opened("/proc/self/fd/3", os.O_RDWR),
		"read the parent's words": opened("/proc/"+strconv.Itoa(at.Parent)+"/environ", os.O_RDONLY),
		"list a folder":           func() error { _, err := os.ReadDir(at.Folder); return err },
		"make a folder":           func() error { return os.Mkdir(filepath.Join(at.Folder, "dir"), 0o700) },
		"remove the database":     func() error { return os.Remove(at.Database) },
		"rename the database":     func() error { return os.Rename(at.Database, at.Database+".x") },
		"change its mode":         func() error { return os.Chmod(at.Database, 0o777) },
		"cut it":                  func() error { return os.Truncate(at.Database, 0) },
		"make a link":             func() error { return os.Symlink(at.Database, filepath.Join(at.Folder, "link")) },
		"dial": func() error {
			c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(at.Port))
			if err == nil {
				err = c.Close()
			}
			return err
		},
		"listen": func() error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err == nil {
				err = l.Close()
			}
			return err
		},
		"a socket of UDP":    raw(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM),
		"a socket of Unix":   raw(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM),
		"a raw socket":       raw(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW),
		"a pair of sockets":  raw(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, unsafe.Pointer(&pair)),
		"run a program":      func() error { return exec.Command("/bin/true").Run() },
		"become a program":   func() error { return unix.Exec("/bin/true", []string{"true"}, nil) },
		"run itself":         func() error { return exec.Command("/proc/self/exe").Run() },
		"fork":               raw(unix.SYS_CLONE, int(unix.SIGCHLD)),
		"trace its parent":   raw(unix.SYS_PTRACE, unix.PTRACE_ATTACH, at.Parent),
		"read its parent":    raw(unix.SYS_PROCESS_VM_READV, at.Parent, unsafe.Pointer(&local), 1, unsafe.Pointer(&local), 1),
		"signal its parent":  func() error { return unix.Kill(at.Parent, 0) },
		"signal a thread":    raw(unix.SYS_TGKILL, at.Parent, at.Parent, 0),
		"pin its parent":     func() error { return pin(at.Parent) },
		"hold its parent":    raw(unix.SYS_PIDFD_OPEN, at.Parent),
		"raise a limit":      raw(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, unsafe.Pointer(&limit)),
		"executable memory":  raw(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0)),
		"shared memory":      raw(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS, ^uintptr(0)),
		"a memory file":      raw(unix.SYS_MEMFD_CREATE, name("x")),
		"a ring":             raw(unix.SYS_IO_URING_SETUP, 1, 0),
		"a BPF program":      raw(unix.SYS_BPF, 0),
		"a new name space":   raw(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"a mount":            raw(unix.SYS_MOUNT, name("none"), name(at.Folder), name("tmpfs")),
		"a chroot":           raw(unix.SYS_CHROOT, name(at.Folder)),
		"a key":              raw(unix.SYS_KEYCTL, 0, ^uintptr(2), 1),
		"a device's command": raw(unix.SYS_IOCTL, 1, unix.TCGETS, unsafe.Pointer(&terminal)),
		"another user":       raw(unix.SYS_SETUID, 65534),
		"to be dumpable":     raw(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1),
		"to outlive":         raw(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0),
		"a page fault's way": raw(unix.SYS_USERFAULTFD, 0),
		"the clock":          raw(unix.SYS_CLOCK_SETTIME, 0, unsafe.Pointer(&when)),
	}
}

// pin says anew where a process's threads may run: where they may already, so that nothing moves.
func pin(pid int) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &set); err != nil {
		return err
	}
	return unix.SchedSetaffinity(pid, &set)
}

// threat M3: what took a child over reaches neither database nor network, starts nothing, writes nothing.
func TestAChildReachesNothing(t *testing.T) {
	dir := t.TempDir()
	at := targets{Database: filepath.Join(dir, "guardhouse.db"), Folder: dir, Parent: os.Getpid()}
	require.NoError(t, os.WriteFile(at.Database, []byte("rows"), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	at.Port = l.Addr().(*net.TCPAddr).Port
	model := filepath.Join(dir, "model")
	require.NoError(t, os.WriteFile(model, []byte("model"), 0o600))
	given, err := os.Open(model)
	require.NoError(t, err)
	defer given.Close()
	order, err := json.Marshal(at)
	require.NoError(t, err)
	r := run(t, sandbox.Child{Name: "poke", Stdin: order, Files: []*os.File{given}})
	require.True(t, r.Good(), "%+v %s", r, r.Stderr)
	var open []string
	require.NoError(t, json.Unmarshal(r.Stdout, &open))
	if r.Guards.Landlock == 0 {
		t.Log("not refused: this kernel has no Landlock, so a child can read what the service can")
		reads := []string{"read the database", "read /etc/passwd", "read the parent's words", "list a folder"}
		open = slices.DeleteFunc(open, func(name string) bool { return slices.Contains(reads, name) })
	}
	require.Empty(t, open)
	text, err := os.ReadFile(at.Database)
	require.NoError(t, err)
	require.Equal(t, "rows", string(text))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

// The same attempts succeed where nothing confines: the test above would see it.
func TestTheAttemptsAreReal(t *testing.T) {
	dir := t.TempDir()
	at := targets{Database: filepath.Join(dir, "guardhouse.db"), Folder: dir, Parent: os.Getpid()}
	require.NoError(t, os.WriteFile(at.Database, []byte("rows"), 0o600))
	tries := attempts(at)
	for _, name := range []string{
		"read the database", "write the database", "make a file", "list a folder", "listen", "a socket of UDP", "a pair of sockets",
		"run a program", "signal its parent", "pin its parent", "executable memory", "shared memory", "a memory file", "make a link", "make a folder",
	} {
		require.NoError(t, tries[name](), name)
	}
}
