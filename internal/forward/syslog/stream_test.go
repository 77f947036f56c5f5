package syslog_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/forward/syslog"
)

// silentReceiver reads slowly, a part each millisecond, and never closes its side. Nothing is read before open is closed.
type silentReceiver struct {
	listener net.Listener
	open     chan struct{}
	mu       sync.Mutex
	conns    []net.Conn
	bytes    int
}

func newSilentReceiver(t *testing.T) *silentReceiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &silentReceiver{listener: l, open: make(chan struct{})}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			go r.read(c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.conns {
			_ = c.Close()
		}
	})
	return r
}

func (r *silentReceiver) read(c net.Conn) {
	<-r.open
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	part := make([]byte, 64<<10)
	for {
		n, err := c.Read(part)
		r.mu.Lock()
		r.bytes += n
		r.mu.Unlock()
		if err != nil {
			return
		}
		<-tick.C
	}
}

func (r *silentReceiver) options() syslog.Options {
	return syslog.Options{
		TermMessages: 1, Settle: time.Nanosecond, Close: 100 * time.Millisecond, Now: time.Now,
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", r.listener.Addr().String())
		},
	}
}

// A receiver that does not close is believed once its system has confirmed, in each of its terms, however late that is.
func TestAReceiverThatNeverClosesSettles(t *testing.T) {
	r := newSilentReceiver(t)
	close(r.open)
	o := r.options()
	o.Close = time.Second
	s := syslog.NewStream(o)
	defer func() { require.NoError(t, s.Close()) }()
	long := []byte(strings.Repeat("x", 3<<20)) // more than lies in a system's memory
	for term := int64(1); term <= 3; term++ {
		require.NoError(t, s.Send(t.Context(), [][]byte{long}))
		require.Eventually(t, func() bool {
			n, err := s.Settled(context.Background())
			require.NoError(t, err)
			return n == term
		}, 10*time.Second, time.Millisecond)
		require.False(t, s.Confirms())
	}
}

// A receiver that stops reading holds nobody up who wants to end.
func TestAReceiverThatStopsReadingIsLeftAtOnce(t *testing.T) {
	r := newSilentReceiver(t)
	s := syslog.NewStream(r.options())
	defer func() { require.NoError(t, s.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	time.AfterFunc(50*time.Millisecond, cancel)
	require.Error(t, s.Send(ctx, [][]byte{make([]byte, 16<<20)}))
	n, err := s.Finish(t.Context())
	require.Error(t, err, "half a message was sent: nothing is said to be read")
	require.Zero(t, n)
	require.Less(t, time.Since(began), 20*time.Second, "the system would wait for thirty")
}
