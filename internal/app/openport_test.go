package app

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// reserved is what a parent holds: two ports.
func reserved(t *testing.T) *Reserved {
	t.Helper()
	c := settings(t, filepath.Join(t.TempDir(), "data"), "metrics.listen=127.0.0.1:0")
	r, err := Reserve(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Release()) })
	return r
}

// worker is what a worker has of the first port.
func (r *Reserved) worker(t *testing.T) *net.TCPListener {
	t.Helper()
	files, err := r.Files()
	require.NoError(t, err)
	require.Len(t, files, 3)
	l, err := net.FileListener(files["listen"])
	require.NoError(t, err)
	tcp, ok := l.(*net.TCPListener)
	require.True(t, ok)
	require.NoError(t, tcp.SetDeadline(time.Now().Add(deadline)))
	return tcp
}

// descriptor calls do with the socket of a listener.
func descriptor(l *net.TCPListener, do func(fd int) error) (err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	if gone := raw.Control(func(fd uintptr) { err = do(int(fd)) }); gone != nil {
		return gone
	}
	return err
}

func call(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{Timeout: deadline}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	return c
}

func shut(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }

// deafen lets no segment pass.
func deafen(fd int) error {
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}})
}

// threat M3: what a worker that native code took over does to a port is not the end of it: the next one is called at the same address.
func TestAPortThatAWorkerSpoiledIsOpenedAnew(t *testing.T) {
	for name, spoil := range map[string]func(fd int) error{
		"shut": shut,
		"moved": func(fd int) error {
			if err := shut(fd); err != nil {
				return err
			}
			return unix.Listen(fd, 8)
		},
		"no queue":  func(fd int) error { return unix.Listen(fd, 0) },
		"elsewhere": func(fd int) error { return unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lo") },
		"deaf":      deafen,
		"deaf for good": func(fd int) error {
			return errors.Join(deafen(fd), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "deaf") {
				t.Setenv("GODEBUG", "multipathtcp=0") // sockets of multipath TCP take no filter
			}
			r := reserved(t)
			other, was := r.ports["metrics.listen"].file, r.ports["listen"].file
			l := r.worker(t)
			require.Same(t, was, r.ports["listen"].file, "nobody did anything to it")
			address := l.Addr().String()
			require.NoError(t, descriptor(l, spoil))
			require.NoError(t, l.Close())
			for range 2 { // once more: the new one is kept
				l = r.worker(t)
				require.Equal(t, address, l.Addr().String())
				caller := call(t, address)
				answered, err := l.Accept()
				require.NoError(t, err)
				require.NoError(t, answered.Close())
				require.NoError(t, caller.Close())
				require.NoError(t, l.Close())
			}
			require.NotSame(t, was, r.ports["listen"].file)
			require.Same(t, other, r.ports["metrics.listen"].file, "the other port is as it was")
		})
	}
}

// Whoever waits at a port that nobody spoiled is answered by the next worker.
func TestCallersWaitAtAPortBetweenWorkers(t *testing.T) {
	r := reserved(t)
	before := r.worker(t)
	caller := call(t, before.Addr().String())
	require.NoError(t, before.Close())
	next := r.worker(t)
	answered, err := next.Accept()
	require.NoError(t, err)
	require.Equal(t, caller.LocalAddr().String(), answered.RemoteAddr().String())
	require.NoError(t, answered.Close())
	require.NoError(t, caller.Close())
	require.NoError(t, next.Close())
}

// Where somebody else has the address meanwhile no worker is started, and one is as soon as it is free.
func TestAPortThatSomebodyElseHas(t *testing.T) {
	r := reserved(t)
	l := r.worker(t)
	address := l.Addr().String()
	require.NoError(t, descriptor(l, shut))
	require.NoError(t, l.Close())
	thief, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	for range 2 {
		_, err = r.Files()
		require.ErrorIs(t, err, unix.EADDRINUSE)
		require.ErrorContains(t, err, "listen: ")
	}
	require.NoError(t, thief.Close())
	l = r.worker(t)
	require.Equal(t, address, l.Addr().String())
	require.NoError(t, l.Close())
}
