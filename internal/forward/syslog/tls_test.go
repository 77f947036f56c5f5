package syslog_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
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
	address, _ := overTLS(t, 0)
	now := time.Now()
	s := syslog.NewStream(syslog.Options{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
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

// A connection that is given up because nothing is to be sent ends as TLS wants it: receivers log the others as attacks.
func TestAConnectionOfTLSEndsWithAWord(t *testing.T) {
	address, seen := overTLS(t, tls.VersionTLS12) // whose alerts can be told from outside
	now := time.Now()
	s := syslog.NewStream(syslog.Options{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		},
		TLS:  &tls.Config{InsecureSkipVerify: true},
		Term: time.Second, TermMessages: 1, Settle: time.Second, Now: func() time.Time { return now },
	})
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Send(t.Context(), [][]byte{[]byte("a")}))
	_, err := s.Settled(t.Context())
	require.NoError(t, err)
	now = now.Add(time.Second)
	n, err := s.Settled(t.Context()) // the connection that was opened for more is given up
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	for range 2 {
		require.EqualValues(t, 21, <-seen, "the last record of each connection is an alert")
	}
}

// A receiver that wants our certificate says no when our handshake is over already: what it said is the reason, and not that the
// connection broke under the first write or in mid-handshake.
func TestATLSReceiverThatRefusesUs(t *testing.T) {
	for name, within := range map[string]bool{"behind the handshake": false, "within the handshake": true} {
		t.Run(name, func(t *testing.T) {
			address, ended := refusing(t, within)
			s := syslog.NewStream(syslog.Options{
				Dial: func(ctx context.Context) (net.Conn, error) {
					var d net.Dialer
					return d.DialContext(ctx, "tcp", address)
				},
				TLS: &tls.Config{InsecureSkipVerify: true},
				Now: func() time.Time { // asked between the handshake and the first write
					<-ended
					return time.Now()
				},
			})
			t.Cleanup(func() { _ = s.Close() })
			err := s.Send(t.Context(), [][]byte{[]byte("a")})
			var said *net.OpError
			var handshake syslog.HandshakeError
			require.Error(t, err)
			if within {
				require.ErrorAs(t, err, &handshake)
				return
			}
			require.True(t, errors.As(err, &handshake) || errors.As(err, &said) && said.Op == "remote error", "%v", err)
		})
	}
}

// refusing answers the address of a receiver that wants a certificate that nobody has, or ends before it says anything, and then
// resets the connection.
func refusing(t *testing.T, early bool) (address string, ended <-chan struct{}) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // for its certificate
	server.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	over := make(chan struct{})
	go func() {
		defer close(over)
		raw, err := l.Accept()
		if err != nil {
			return
		}
		if early {
			_, _ = raw.Read(make([]byte, 1))
		} else {
			_ = tls.Server(raw, &tls.Config{Certificates: server.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert}).Handshake()
		}
		_ = raw.(*net.TCPConn).SetLinger(0)
		_ = raw.Close()
	}()
	return l.Addr().String(), over
}

// overTLS answers the address of a receiver of TLS that ends without a word, and the kind of the last record of each connection.
func overTLS(t *testing.T, most uint16) (address string, last <-chan byte) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // for its certificate
	server.Close()
	c := &tls.Config{Certificates: server.TLS.Certificates, MaxVersion: most}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	kinds := make(chan byte, 8)
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				var all bytes.Buffer
				_, _ = io.Copy(io.Discard, tls.Server(heard{raw, &all}, c))
				_ = raw.Close()
				kinds <- lastRecord(all.Bytes())
			}()
		}
	}()
	return l.Addr().String(), kinds
}

// heard keeps what is read from a connection.
type heard struct {
	net.Conn
	all *bytes.Buffer
}

// Read is net.Conn's.
func (h heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	h.all.Write(b[:n])
	return n, err
}

// lastRecord answers the kind of the last record of TLS: 21 is an alert, 23 is data.
func lastRecord(all []byte) (kind byte) {
	for len(all) >= 5 {
		kind = all[0]
		all = all[min(len(all), 5+int(binary.BigEndian.Uint16(all[3:]))):]
	}
	return kind
}
