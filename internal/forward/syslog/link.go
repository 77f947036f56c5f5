package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// link is one connection.
type link struct {
	conn     net.Conn
	messages int
	began    time.Time // when its first message was sent
	ended    bool      // by us

	gone chan struct{} // closed when the other side has ended, or the connection broke
	why  error         // io.EOF where it ended in order; read after gone
}

// watch waits for the other side's end. Receivers of syslog say nothing: what comes all the same is passed over.
func (l *link) watch() {
	_, l.why = io.Copy(io.Discard, l.conn)
	if l.why == nil {
		l.why = io.EOF
	}
	close(l.gone)
}

// write waits for a receiver that is slow, until ctx ends.
func (l *link) write(ctx context.Context, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The machine's clock: it bounds a wait of the system and decides nothing.
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil { //nolint:forbidigo // a deadline of a socket
		return err
	}
	cut := context.AfterFunc(ctx, func() { _ = l.conn.SetWriteDeadline(longAgo()) })
	defer cut()
	_, err := l.conn.Write(b)
	return err
}

// toldWithin is how long what the other side said before its end may take to be read: it lies there already.
const toldWithin = time.Second

// told answers err, behind what the other side said before it ended where err is of a connection that it ended: the alert of a
// receiver that refuses us comes after our handshake is over, and a write that fails knows nothing of it.
func (l *link) told(err error) error {
	if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.ENOTCONN) {
		return err
	}
	enough := time.NewTimer(toldWithin)
	defer enough.Stop()
	select {
	case <-l.gone:
		return errors.Join(l.why, err)
	case <-enough.C:
		return err
	}
}

// longAgo is a deadline that is over.
func longAgo() time.Time { return time.Unix(1, 0) }

// end says to the other side that nothing follows, once, and goes on listening.
func (l *link) end() error {
	if l.ended {
		return nil
	}
	l.ended = true
	if secure, ok := l.conn.(*tls.Conn); ok {
		if err := secure.CloseWrite(); err != nil {
			return err
		}
	}
	tcp, ok := raw(l.conn).(interface{ CloseWrite() error })
	if !ok {
		return errors.New("the connection has no end of its own")
	}
	return tcp.CloseWrite()
}

// close ends both sides; that the other one was faster is no error.
func (l *link) close() error {
	err := raw(l.conn).Close()
	<-l.gone
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// raw answers the connection below TLS.
func raw(c net.Conn) net.Conn {
	if secure, ok := c.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return c
}

// unacknowledged answers how many bytes the other system has not confirmed.
func unacknowledged(c net.Conn) (n int, err error) {
	holder, ok := raw(c).(syscall.Conn)
	if !ok {
		return 0, errors.New("the connection is no socket")
	}
	socket, err := holder.SyscallConn()
	if err != nil {
		return 0, err
	}
	var asked error
	if err := socket.Control(func(fd uintptr) { n, asked = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0, err
	}
	// An end that is not confirmed yet counts as a byte.
	return max(n-1, 0), asked
}

// Datagrams sends over UDP, where nobody confirms anything: a message counts as taken once it is sent, unless the other
// system says that nobody listens.
type Datagrams struct {
	conn    net.Conn
	settled int64
}

// OpenDatagrams answers a sender to where dial leads.
func OpenDatagrams(ctx context.Context, dial func(ctx context.Context) (net.Conn, error)) (*Datagrams, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return &Datagrams{conn: conn}, nil
}

// refusedWithin is how long a refusal may take that comes back: those of the own network do.
const refusedWithin = 50 * time.Millisecond

// Send sends each message as one datagram.
func (d *Datagrams) Send(_ context.Context, messages [][]byte) error {
	for _, m := range messages {
		if _, err := d.conn.Write(m); err != nil {
			return fmt.Errorf("sending a datagram: %w", err)
		}
	}
	if err := d.conn.SetReadDeadline(time.Now().Add(refusedWithin)); err != nil { //nolint:forbidigo // a deadline of a socket
		return err
	}
	var nothing [1]byte
	if _, err := d.conn.Read(nothing[:]); errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nobody listens there: %w", err)
	}
	d.settled += int64(len(messages))
	return nil
}

// Once sends one message and closes.
func (d *Datagrams) Once(ctx context.Context, message []byte) error {
	return errors.Join(d.Send(ctx, [][]byte{message}), d.Close())
}

// Settled answers how many messages were sent.
func (d *Datagrams) Settled(context.Context) (int64, error) { return d.settled, nil }

// Finish is Settled: nothing is under way.
func (d *Datagrams) Finish(context.Context) (int64, error) { return d.settled, nil }

// Confirms says that nobody does.
func (d *Datagrams) Confirms() bool { return false }

// Close gives the socket back.
func (d *Datagrams) Close() error { return d.conn.Close() }
