package supervise

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// listening is a port and its second descriptor, as a parent holds it.
func listening(t *testing.T) (address string, f *os.File) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tcp, ok := ln.(*net.TCPListener)
	require.True(t, ok)
	f, err = tcp.File()
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String(), f
}

// threat M8: a worker that native code took over forks twice and dies. What it left has its port: it is ended before the next worker
// starts, and not a moment before the worker's own end. A child that the parent had before its workers is nobody's leftover.
func TestWhatAWorkerLeavesBehindIsEnded(t *testing.T) {
	own := exec.CommandContext(t.Context(), "/bin/sleep", "1000")
	require.NoError(t, own.Start())
	address, port := listening(t)
	hold, goOn, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, hold.Close()) }()
	p := begin(t, "leave a daemon", func(o *Options) {
		o.with("go on", hold)
		before, asked := o.Files, 0
		o.Files = func() ([]File, error) {
			files, err := before()
			if asked++; asked == 1 {
				return append(files, File{Name: "port", File: port}), err
			}
			return files, errors.Join(err, port.Close()) // the next worker does not get it
		}
	})
	s := p.next()
	require.NotZero(t, s.Left)
	require.NoError(t, unix.Kill(s.Left, 0), "while the worker lives nobody looks")
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(s.Left) + "/stat")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid()), strings.Fields(string(stat))[3], "it was handed to the parent")
	require.NoError(t, goOn.Close())

	require.Equal(t, 2, p.next().Generation)
	require.ErrorIs(t, unix.Kill(s.Left, 0), unix.ESRCH)
	ln, err := net.Listen("tcp", address)
	require.NoError(t, err, "the port is free")
	require.NoError(t, ln.Close())
	p.stop()
	require.NoError(t, p.ends())
	require.NoError(t, own.Process.Kill(), "it lives")
	require.ErrorContains(t, own.Wait(), "signal: killed", "and its status is whose child it is")
}

// What can't be ended keeps the next worker waiting for as long as it is given, and is told.
func TestLeftoversThatDoNotEnd(t *testing.T) {
	l, err := newLeftovers()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), "/bin/sleep", "1000")
	require.NoError(t, c.Start())
	l.kill = func(pid int, _ unix.Signal) error {
		require.Equal(t, c.Process.Pid, pid, "nothing else is a child of this process")
		return unix.EPERM
	}
	ended, stuck := l.end(10 * time.Millisecond)
	require.Equal(t, []int{0, 1}, []int{ended, stuck})
	l.kill = unix.Kill
	ended, stuck = l.end(deadline)
	require.Equal(t, []int{1, 0}, []int{ended, stuck})
	require.Error(t, c.Wait(), "it was waited for")
}
