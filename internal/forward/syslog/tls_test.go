package syslog_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/forward/syslog"
)

// Some receivers end a connection of TLS without a word of it, as soon as they have read our end: they have taken what was sent.
func TestATLSReceiverThatEndsWithoutAWord(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	server.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, tls.Server(c, server.TLS))
				_ = c.Close()
			}()
		}
	}()
	now := time.Now()
	s := syslog.NewStream(syslog.Options{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", l.Addr().String())
		},
		TLS:  &tls.Config{InsecureSkipVerify: true},
		Term: time.Second, TermMessages: 1, Settle: time.Second, Now: func() time.Time { return now },
	})
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Send(t.Context(), [][]byte{[]byte("a")}))
	n, err := s.Settled(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	now = now.Add(time.Second)
	n, err = s.Settled(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
