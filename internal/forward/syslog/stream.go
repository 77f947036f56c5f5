package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// How long what takes long may take.
const (
	dialWithin  = 10 * time.Second
	writeWithin = 30 * time.Second
	// closeWithin is how long a receiver may take to close a connection that we have ended.
	closeWithin = 10 * time.Second
)

// Options of a Stream. Dial opens a connection; TLS, if any, is spoken on it. Term and TermMessages bound what one connection
// carries before the receiver is asked to show that it has read it; Settle is how long it must go on living after that.
type Options struct {
	Dial         func(ctx context.Context) (net.Conn, error)
	TLS          *tls.Config
	Term         time.Duration
	TermMessages int
	Settle       time.Duration
	Close        time.Duration
	Now          func() time.Time
}

// Stream sends over TCP or TLS. Syslog has no acknowledgement, and a system's "sent" only says that bytes lie in the other
// one's memory. So a connection carries messages for a moment only; then we end our side and wait until the receiver, which
// has then read everything, ends its own. The next connection was opened before and stays open: as long as it does, the
// process that has read is alive and writes what it has read. What was read Settle ago counts as taken; when any connection
// breaks before, everything that does not count yet is to be sent again. Not for more than one goroutine.
type Stream struct {
	o       Options
	current *link
	next    *link
	sent    int64 // messages given to Send
	read    []mark
	settled int64
	silent  bool  // the receiver does not close: what its system has taken must do
	broken  error // a write ended in the middle: nothing more goes over this connection
}

// mark says that the first n messages were read by a moment.
type mark struct {
	n  int64
	at time.Time
}

// NewStream answers a stream that opens nothing before it has something to send.
func NewStream(o Options) *Stream {
	if o.Close <= 0 {
		o.Close = closeWithin
	}
	return &Stream{o: o}
}

// Send puts messages on their way, in order. After an error the stream is to be closed, and everything beyond what Settled
// answered sent again on another one.
func (s *Stream) Send(ctx context.Context, messages [][]byte) error {
	if len(messages) == 0 {
		return nil
	}
	if err := s.alive(); err != nil {
		return err
	}
	if s.current == nil {
		var err error
		if s.current, err = s.open(ctx); err != nil {
			return err
		}
	}
	var out []byte
	for _, m := range messages {
		out = append(out, Frame(m)...)
	}
	if s.current.messages == 0 {
		s.current.began = s.o.Now()
	}
	if err := s.current.write(ctx, out); err != nil {
		s.broken = s.current.told(err)
		return s.broken
	}
	s.current.messages += len(messages)
	s.sent += int64(len(messages))
	return nil
}

// Settled answers how many of the messages have been taken for sure. It ends the connection's term where that is due, which
// waits for the receiver.
func (s *Stream) Settled(ctx context.Context) (int64, error) {
	if err := s.alive(); err != nil {
		return s.settled, err
	}
	now := s.o.Now()
	if c := s.current; c != nil && c.messages > 0 && (c.messages >= s.o.TermMessages || now.Sub(c.began) >= s.o.Term) {
		if err := s.turn(ctx); err != nil {
			return s.settled, err
		}
	}
	now = s.o.Now()
	for len(s.read) > 0 && now.Sub(s.read[0].at) >= s.o.Settle {
		s.settled, s.read = s.read[0].n, s.read[1:]
	}
	if len(s.read) == 0 && s.current != nil && s.current.messages == 0 {
		// Nothing waits for anything: the receiver need not keep a connection for us. Where it ended first, so be it.
		_ = s.current.end()
		err := s.current.close()
		s.current = nil
		return s.settled, err
	}
	return s.settled, nil
}

// Finish ends the term at once and answers what the receiver has read by then, for a sender that stops: it cannot wait and
// see how the receiver goes on.
func (s *Stream) Finish(ctx context.Context) (int64, error) {
	if err := s.alive(); err != nil {
		return s.settled, err
	}
	if s.current != nil && s.current.messages > 0 {
		if err := s.turn(ctx); err != nil {
			return s.settled, err
		}
	}
	if len(s.read) > 0 {
		s.settled, s.read = s.read[len(s.read)-1].n, nil
	}
	return s.settled, nil
}

// Confirms says whether the receiver shows that it has read, as far as it was asked.
func (s *Stream) Confirms() bool { return !s.silent }

// Close gives the connections up.
func (s *Stream) Close() error {
	var errs []error
	for _, l := range []*link{s.current, s.next} {
		if l != nil {
			errs = append(errs, l.close())
		}
	}
	s.current, s.next = nil, nil
	return errors.Join(errs...)
}

// turn ends the term of the current connection: the next one is opened, then ours ends, and the receiver's end is waited for.
func (s *Stream) turn(ctx context.Context) error {
	if s.next == nil { // a turn that was cut short has opened it
		var err error
		if s.next, err = s.open(ctx); err != nil {
			return err
		}
	}
	if err := s.finish(ctx); err != nil {
		return err
	}
	s.current, s.next = s.next, nil
	if err := s.alive(); err != nil {
		return err
	}
	s.read = append(s.read, mark{s.sent, s.o.Now()})
	return nil
}

// finish waits until the receiver has read the current connection to its end.
func (s *Stream) finish(ctx context.Context) error {
	if err := s.current.end(); err != nil {
		return s.current.told(err)
	}
	patience := s.o.Close
	if s.silent {
		patience = 0
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-s.current.gone:
		if err := s.current.why; !errors.Is(err, io.EOF) {
			return fmt.Errorf("the connection broke: %w", err)
		}
		return s.current.close()
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	if err := s.confirmed(ctx); err != nil {
		return err
	}
	s.silent = true
	return s.current.close()
}

// askEvery is how often a system is asked what the other one has confirmed: a network's answer takes a moment.
const askEvery = 5 * time.Millisecond

// confirmed waits until the receiver's system has confirmed every byte. It refuses one that does not within the time that a
// receiver has to close.
func (s *Stream) confirmed(ctx context.Context) error {
	enough := time.NewTimer(s.o.Close)
	defer enough.Stop()
	again := time.NewTicker(askEvery)
	defer again.Stop()
	for {
		left, err := unacknowledged(s.current.conn)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-s.current.gone:
			if err := s.current.why; !errors.Is(err, io.EOF) {
				return fmt.Errorf("the connection broke: %w", err)
			}
			return nil // it has read to the end after all
		case <-ctx.Done():
			return ctx.Err()
		case <-enough.C:
			return errors.New("the receiver does not take what is sent")
		case <-again.C:
		}
	}
}

// alive answers an error if a connection ended that we have not ended.
func (s *Stream) alive() error {
	if s.broken != nil || s.current == nil {
		return s.broken
	}
	select {
	case <-s.current.gone:
		return fmt.Errorf("the receiver ended the connection: %w", s.current.why)
	default:
		return nil
	}
}

// HandshakeError is a connection that the two sides did not agree on, or that ended before they had.
type HandshakeError struct{ error }

// Unwrap answers what went wrong.
func (e HandshakeError) Unwrap() error { return e.error }

func (s *Stream) open(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := s.o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if s.o.TLS != nil {
		secure := tls.Client(conn, s.o.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, HandshakeError{errors.Join(err, conn.Close())}
		}
		conn = secure
	}
	l := &link{conn: conn, gone: make(chan struct{})}
	go l.watch()
	return l, nil
}

// Probe opens a connection, sends one message and ends it, and answers whether the receiver took it as far as can be known.
func Probe(ctx context.Context, o Options, message []byte) error {
	s := NewStream(o)
	err := s.Send(ctx, [][]byte{message})
	if err == nil {
		err = s.finish(ctx)
	}
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}
