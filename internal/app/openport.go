package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// openPort is a port that a parent keeps open. Its workers have the very same socket: what one of them does to it, it does to all.
type openPort struct {
	port
	file *os.File
	was  look // when it was opened
}

// look is what decides at a socket whether a caller comes into its queue, as the kernel tells it. What a kernel doesn't tell is the
// same each time. There are other ways to keep callers out, but whoever goes to such lengths can end the parent too: it has the same user.
type look struct{ address, listening, device, queue, filter string }

// reserve opens the port and keeps its descriptor alone: nobody here will ask for what comes in.
func (p port) reserve(ctx context.Context) (o *openPort, err error) {
	l, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("%s: not a TCP port", p.setting)
	}
	p.address = l.Addr().String() // numbers: what a name stands for, and the port behind a 0, may change
	o = &openPort{port: p}
	if o.file, err = tcp.File(); err != nil {
		return nil, err
	}
	if o.was, err = lookAt(o.file); err != nil {
		return nil, errors.Join(fmt.Errorf("looking at the port of %s: %w", p.setting, err), o.close())
	}
	return o, nil
}

// intact says whether callers come in as they did when the port was opened.
func (o *openPort) intact() bool {
	if o.file == nil {
		return false
	}
	is, err := lookAt(o.file)
	return err == nil && is == o.was
}

// reopen takes another socket at the same address. It refuses where somebody else has that, such as a process that a worker left behind.
func (o *openPort) reopen() error {
	if err := o.close(); err != nil { // two can't listen there
		return err
	}
	fresh, err := o.reserve(context.Background()) // which looks nothing up
	if err != nil {
		return err
	}
	*o = *fresh
	return nil
}

func (o *openPort) close() error {
	if o.file == nil {
		return nil
	}
	f := o.file
	o.file = nil
	return f.Close()
}

// lookAt takes a filter away where there is one. It refuses what is no open socket of TCP.
func lookAt(f *os.File) (is look, err error) {
	l, err := net.FileListener(f)
	if err != nil {
		return is, err
	}
	is.address = l.Addr().String()
	if err := l.Close(); err != nil {
		return is, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return is, err
	}
	err = raw.Control(func(fd uintptr) { is.ask(int(fd)) })
	return is, err
}

func (is *look) ask(fd int) {
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	is.listening = fmt.Sprint(listening, err)
	device, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX)
	is.device = fmt.Sprint(device, err)
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	is.queue = fmt.Sprint(info.Sacked, err) // its length, of a socket that listens: tcp_get_info in net/ipv4/tcp.c
	is.filter = fmt.Sprint(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
}
